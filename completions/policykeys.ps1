# PowerShell completion for policykeys
# Generated from the commands of policykeys by "npm run generate": not to be edited.

Register-ArgumentCompleter -Native -CommandName 'policykeys' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    Set-StrictMode -Off

    # Where the word leads from the command at $path, if it names one.
    function Enter-Command($path, $word) {
        switch -CaseSensitive -Exact ("$path $word") {
            ' list' { ' list' }
            ' ls' { ' list' }
            ' create' { ' create' }
            ' get' { ' get' }
            ' show' { ' get' }
            ' update' { ' update' }
            ' delete' { ' delete' }
            ' rm' { ' delete' }
            ' generate-key' { ' generate-key' }
            ' upload-secret' { ' upload-secret' }
            ' upload-certificate' { ' upload-certificate' }
            ' upload-pkcs12' { ' upload-pkcs12' }
            ' get-active-key' { ' get-active-key' }
            ' active' { ' get-active-key' }
            ' keys' { ' keys' }
            ' inspect' { ' inspect' }
            ' convert' { ' convert' }
            ' generate-certificate' { ' generate-certificate' }
            ' emulator' { ' emulator' }
            ' completion' { ' completion' }
            ' help' { ' help' }
            ' keys list' { ' keys list' }
            ' keys get' { ' keys get' }
            ' keys enable' { ' keys enable' }
            ' keys disable' { ' keys disable' }
            ' keys help' { ' keys help' }
            ' emulator serve' { ' emulator serve' }
            ' emulator reset' { ' emulator reset' }
            ' emulator help' { ' emulator help' }
        }
    }

    # What the option takes: one or many, the kind of value, and the words when it is one of some.
    function Get-OptionValue($path, $word) {
        switch -CaseSensitive -Exact ("$path $word") {
            ' update --from' { 'one', 'file' }
            ' generate-key --kty' { 'one', 'words', 'RSA', 'oct' }
            ' generate-key --use' { 'one', 'words', 'sig', 'enc' }
            ' generate-key --nbf' { 'one', 'text' }
            ' generate-key --exp' { 'one', 'text' }
            ' upload-secret --use' { 'one', 'words', 'sig', 'enc' }
            ' upload-secret --from' { 'one', 'file' }
            ' upload-secret --nbf' { 'one', 'text' }
            ' upload-secret --exp' { 'one', 'text' }
            ' upload-pkcs12 --password-from' { 'one', 'file' }
            ' upload-pkcs12 --certificate' { 'one', 'file' }
            ' upload-pkcs12 --key' { 'one', 'file' }
            ' upload-pkcs12 --chain' { 'one', 'file' }
            ' upload-pkcs12 --key-password-from' { 'one', 'file' }
            ' upload-pkcs12 --alias' { 'one', 'text' }
            ' inspect --password-from' { 'one', 'file' }
            ' inspect --alias' { 'one', 'text' }
            ' convert --out' { 'one', 'file' }
            ' convert --password-from' { 'one', 'file' }
            ' convert --certificate' { 'one', 'file' }
            ' convert --key' { 'one', 'file' }
            ' convert --chain' { 'one', 'file' }
            ' convert --key-password-from' { 'one', 'file' }
            ' convert --alias' { 'one', 'text' }
            ' convert --out-password-from' { 'one', 'file' }
            ' generate-certificate --subject' { 'one', 'text' }
            ' generate-certificate --nbf' { 'one', 'text' }
            ' generate-certificate --exp' { 'one', 'text' }
            ' generate-certificate --key-size' { 'one', 'words', '2048', '3072', '4096' }
            ' generate-certificate --use' { 'one', 'words', 'sig', 'enc' }
            ' generate-certificate --certificate-out' { 'one', 'file' }
            ' generate-certificate --pkcs12-out' { 'one', 'file' }
            ' generate-certificate --password-from' { 'one', 'file' }
            ' emulator serve --port' { 'one', 'text' }
            ' emulator serve --latency' { 'one', 'text' }
            ' emulator serve --not-found-status' { 'one', 'words', '400', '404' }
            ' emulator serve --new-keys' { 'one', 'words', 'enabled', 'disabled' }
            ' emulator serve --key-status' { 'one', 'words', 'sent', 'omitted' }
            ' emulator serve --settle' { 'one', 'text' }
            ' emulator serve --page-size' { 'one', 'text' }
            ' emulator serve --role' { 'many', 'words', 'TrustFrameworkKeySet.Read.All', 'TrustFrameworkKeySet.ReadWrite.All' }
            ' emulator serve --fault' { 'many', 'text' }
            default {
                switch -CaseSensitive -Exact ($word) {
                    '-o' { 'one', 'words', 'table', 'json', 'yaml', 'tsv', 'none' }
                    '--output' { 'one', 'words', 'table', 'json', 'yaml', 'tsv', 'none' }
                    '--query' { 'one', 'text' }
                    '--profile' { 'one', 'text' }
                    '--tenant' { 'one', 'text' }
                    '--client-id' { 'one', 'text' }
                    '--auth' { 'one', 'words', 'token', 'federated', 'certificate', 'secret' }
                    '--cloud' { 'one', 'words', 'global', 'usgov', 'usgov-dod', 'china', 'emulator' }
                    '--graph-url' { 'one', 'text' }
                    '--timeout' { 'one', 'text' }
                    '--deadline' { 'one', 'text' }
                    '--max-retries' { 'one', 'text' }
                    '--concurrency' { 'one', 'text' }
                    '--audit-log' { 'one', 'file' }
                    '--reason' { 'one', 'text' }
                    '--color' { 'one', 'words', 'auto', 'always', 'never' }
                }
            }
        }
    }

    # The same of an argument.
    function Get-Argument($path, $count) {
        switch -CaseSensitive -Exact ("$path $count") {
            ' create 0' { 'one', 'keyset' }
            ' get 0' { 'one', 'keyset' }
            ' update 0' { 'one', 'keyset' }
            ' delete 0' { 'one', 'keyset' }
            ' generate-key 0' { 'one', 'keyset' }
            ' upload-secret 0' { 'one', 'keyset' }
            ' upload-certificate 0' { 'one', 'keyset' }
            ' upload-certificate 1' { 'one', 'file' }
            ' upload-pkcs12 0' { 'one', 'keyset' }
            ' upload-pkcs12 1' { 'one', 'file' }
            ' get-active-key 0' { 'one', 'keyset' }
            ' keys list 0' { 'one', 'keyset' }
            ' keys get 0' { 'one', 'keyset' }
            ' keys get 1' { 'one', 'text' }
            ' keys enable 0' { 'one', 'keyset' }
            ' keys enable 1' { 'one', 'text' }
            ' keys disable 0' { 'one', 'keyset' }
            ' keys disable 1' { 'one', 'text' }
            ' keys help 0' { 'one', 'words', 'list', 'get', 'enable', 'disable' }
            ' inspect 0' { 'one', 'file' }
            ' convert 0' { 'one', 'file' }
            ' generate-certificate 0' { 'one', 'keyset' }
            ' emulator help 0' { 'one', 'words', 'serve', 'reset' }
            ' completion 0' { 'one', 'words', 'bash', 'zsh', 'fish', 'powershell' }
            ' help 0' { 'one', 'words', 'list', 'create', 'get', 'update', 'delete', 'generate-key', 'upload-secret', 'upload-certificate', 'upload-pkcs12', 'get-active-key', 'keys', 'inspect', 'convert', 'generate-certificate', 'emulator', 'completion' }
        }
    }

    function Get-Commands($path) {
        switch -CaseSensitive -Exact ($path) {
            '' {
                'list|list the keysets of the tenant'
                'ls|list the keysets of the tenant'
                'create|create an empty keyset'
                'get|show a keyset and its keys'
                'show|show a keyset and its keys'
                'update|replace every key of a keyset (advanced)'
                'delete|delete a keyset'
                'rm|delete a keyset'
                'generate-key|let the service generate a key'
                'upload-secret|add a secret you were given, such as a client secret'
                'upload-certificate|add a partner''s public certificate'
                'upload-pkcs12|add a certificate with its private key from a PFX, or from PEM files'
                'get-active-key|ask the service which key is active'
                'active|ask the service which key is active'
                'keys|single keys of a keyset: list, get, enable, disable'
                'inspect|what a certificate, PFX, key or JWK Set holds, and whether B2C takes it'
                'convert|make of a PFX of any kind, or of PEM files, one that B2C takes'
                'generate-certificate|make an RSA key with a self-signed certificate, for a keyset or a file'
                'emulator|the Graph that --cloud emulator talks to: serve, reset'
                'completion|print the completion script of a shell'
                'help|print help for a command'
            }
            ' keys' {
                'list|list the keys of a keyset'
                'get|show one key'
                'enable|let a key be used'
                'disable|take a key out of use'
                'help|print help for a command'
            }
            ' emulator' {
                'serve|serve it over HTTPS for any client'
                'reset|forget its keysets'
                'help|print help for a command'
            }
        }
    }

    function Get-Flags($path) {
        switch -CaseSensitive -Exact ($path) {
            '' {
                '-V|print the version'
                '--version|print the version'
            }
            ' list' { '--include-backups|the .bak copies of deleted keysets too' }
            ' create' { '--if-missing|exit 0 when it exists already' }
            ' update' { '--from|the JWK Set: a file, - for stdin, or env:NAME' }
            ' delete' {
                '--if-exists|exit 0 when there is no such keyset'
                '--purge|delete the .bak copy as well'
            }
            ' generate-key' {
                '--kty|type of the key'
                '--use|what the key is for: signing or encryption'
                '--nbf|not used before: 2027-01-31, RFC 3339, now, 90d, 1y, or seconds since 1970'
                '--exp|not used from this time on; the same forms'
                '--create|create the keyset first when it is missing'
                '--if-empty|do nothing when the keyset holds a key that has not expired'
                '--standby|add it even if another key stays the active one'
                '--stage|disable it right after adding it, for keys enable on the day'
                '--enable|enable it if the service adds it disabled'
            }
            ' upload-secret' {
                '--use|what the key is for: signing or encryption'
                '--from|the secret: a file, - for stdin, or env:NAME'
                '--exact|keep a leading byte order mark and a trailing line break'
                '--nbf|not used before: 2027-01-31, RFC 3339, now, 90d, 1y, or seconds since 1970'
                '--exp|not used from this time on; the same forms'
                '--create|create the keyset first when it is missing'
                '--if-empty|do nothing when the keyset holds a key that has not expired'
                '--standby|add it even if another key stays the active one'
                '--stage|disable it right after adding it, for keys enable on the day'
                '--enable|enable it if the service adds it disabled'
            }
            ' upload-certificate' {
                '--if-changed|do nothing when this certificate is there already'
                '--allow-expired|upload it even if it has ended'
                '--create|create the keyset first when it is missing'
                '--if-empty|do nothing when the keyset holds a key that has not expired'
                '--standby|add it even if another key stays the active one'
                '--stage|disable it right after adding it, for keys enable on the day'
                '--enable|enable it if the service adds it disabled'
            }
            ' upload-pkcs12' {
                '--password-from|the password: a file, - for stdin, or env:NAME'
                '--no-password|the PFX has no password'
                '--certificate|in place of a PFX: the certificate, PEM; its chain may follow'
                '--key|its private key, PEM'
                '--chain|the certificates above it, PEM'
                '--key-password-from|the password of the private key, if it has one'
                '--alias|which private key of the PFX, by its friendly name'
                '--allow-expired|even if the certificate has ended'
                '--no-convert|send the PFX as it lies, even if B2C is known to refuse its kind'
                '--if-changed|do nothing when this certificate is there already'
                '--create|create the keyset first when it is missing'
                '--if-empty|do nothing when the keyset holds a key that has not expired'
                '--standby|add it even if another key stays the active one'
                '--stage|disable it right after adding it, for keys enable on the day'
                '--enable|enable it if the service adds it disabled'
            }
            ' keys disable' { '--force|even if it is the last usable key: sign-ins will fail' }
            ' inspect' {
                '--password-from|the password: a file, - for stdin, or env:NAME'
                '--no-password|the PFX has no password'
                '--alias|which private key of the PFX, by its friendly name'
            }
            ' convert' {
                '--out|the PFX to write'
                '--password-from|the password: a file, - for stdin, or env:NAME'
                '--no-password|the PFX has no password'
                '--certificate|in place of a PFX: the certificate, PEM; its chain may follow'
                '--key|its private key, PEM'
                '--chain|the certificates above it, PEM'
                '--key-password-from|the password of the private key, if it has one'
                '--alias|which private key of the PFX, by its friendly name'
                '--allow-expired|even if the certificate has ended'
                '--out-password-from|another password for the PFX that is written: a file, - for stdin, or env:NAME'
                '--overwrite|replace the files that exist already'
            }
            ' generate-certificate' {
                '--subject|such as CN=app.contoso.onmicrosoft.com, O=Contoso (RFC 4514)'
                '--nbf|not used before: 2027-01-31, RFC 3339, now, 90d, 1y, or seconds since 1970'
                '--exp|not used from this time on; 1y after --nbf unless set'
                '--key-size|of the RSA key'
                '--use|what the key is for: signing or encryption'
                '--certificate-out|write the certificate for the partner: PEM, or DER to a .cer or .der'
                '--pkcs12-out|write the key and its certificate as a PFX that B2C takes'
                '--password-from|the password: a file, - for stdin, or env:NAME'
                '--overwrite|replace the files that exist already'
                '--create|create the keyset first when it is missing'
                '--if-empty|do nothing when the keyset holds a key that has not expired'
                '--standby|add it even if another key stays the active one'
                '--stage|disable it right after adding it, for keys enable on the day'
                '--enable|enable it if the service adds it disabled'
            }
            ' emulator serve' {
                '--port|any free one unless set'
                '--no-tls|plain HTTP'
                '--latency|before every answer'
                '--not-found-status|of a keyset that is not there'
                '--new-keys|status of a key that is added'
                '--key-status|whether keys of a keyset show their status'
                '--settle|until a new keyset is known everywhere'
                '--page-size|keysets on a page'
                '--role|permissions that tokens carry'
                '--fault|WHAT[@OPERATION][:COUNT], such as 429=2, 503@generateKey:2, reset-after@uploadSecret'
            }
        }
        '-o|format of the result (POLICYKEYS_OUTPUT)'
        '--output|format of the result (POLICYKEYS_OUTPUT)'
        '--query|applied to the JSON form of the result'
        '--profile|settings to use (POLICYKEYS_PROFILE)'
        '--tenant|id or domain of the B2C tenant (AZURE_TENANT_ID)'
        '--client-id|id of the app that signs in (AZURE_CLIENT_ID)'
        '--auth|how to sign in; the first that is configured (POLICYKEYS_AUTH)'
        '--cloud|global unless set (POLICYKEYS_CLOUD)'
        '--graph-url|origin that requests go to (POLICYKEYS_GRAPH_URL)'
        '--dry-run|print what would be sent, and send no write'
        '-y|answer yes to every question; lifts no guard'
        '--yes|answer yes to every question; lifts no guard'
        '--no-input|never ask: fail instead (set by CI)'
        '--timeout|for one request; 30s unless set (POLICYKEYS_TIMEOUT)'
        '--deadline|for the whole command'
        '--max-retries|after the first attempt; 5 unless set (POLICYKEYS_MAX_RETRIES)'
        '--concurrency|requests in flight at once; 8 unless set'
        '--audit-log|append what is written, and how it ended (POLICYKEYS_AUDIT_LOG)'
        '--reason|for the audit log (POLICYKEYS_REASON)'
        '-q|nothing but failures on stderr'
        '--quiet|nothing but failures on stderr'
        '-v|a line a request on stderr'
        '--verbose|a line a request on stderr'
        '--debug|headers too, redacted'
        '--color|auto unless set (NO_COLOR, FORCE_COLOR)'
        '-h|print help'
        '--help|print help'
    }

    # Keysets that the last list showed, by the program that is being typed; it asks nobody.
    function Get-KeySets($words, $typed) {
        $asked = @('--output=tsv', '__keysets')
        $given = ''
        foreach ($word in $words) {
            if ($given) {
                $asked += "$given=$word"
                $given = ''
            }
            elseif ($word -ceq '--') { break }
            elseif (@('--cloud', '--tenant', '--profile', '--graph-url') -ccontains $word) { $given = $word }
            elseif (@('--cloud', '--tenant', '--profile', '--graph-url') -ccontains ($word -replace '=.*$', '')) { $asked += $word }
        }
        $program = $commandAst.GetCommandName()
        if (-not $program) { $program = 'policykeys' }
        try { $names = @(& $program @asked 2>$null) } catch { $names = @() }
        $short = @($names | ForEach-Object { $_ -creplace '^B2C_1A_', '' })
        if ($typed -clike 'B2C_*') { $names }
        elseif ($typed -and 'B2C_'.StartsWith($typed, 'Ordinal')) { $names + $short }
        else { $short }
    }

    $before = @()
    $after = @()
    foreach ($element in @($commandAst.CommandElements | Select-Object -Skip 1)) {
        $text = $element.Extent.Text
        if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $text = $element.Value }
        if ($element.Extent.EndOffset -lt $cursorPosition) { $before += $text }
        elseif ($element.Extent.StartOffset -gt $cursorPosition) { $after += $text }
    }

    $path = ''
    $count = 0
    $option = @()
    $more = $false
    $ended = $false
    foreach ($word in $before) {
        if ($ended) { $count += 1 }
        elseif ($option.Count -gt 0 -and -not ($more -and $word -clike '-*')) {
            if ($option[0] -ceq 'many') { $more = $true } else { $option = @() }
        }
        elseif ($word -ceq '--') {
            $option = @()
            $ended = $true
        }
        elseif ($word -clike '-*') {
            $more = $false
            $option = @(Get-OptionValue $path $word)
        }
        else {
            $next = if ($count -eq 0) { Enter-Command $path $word }
            if ($next) { $path = $next } else { $count += 1 }
        }
    }

    $typed = "$wordToComplete"
    $prefix = ''
    $commands = @(Get-Commands $path)
    if ($option.Count -gt 0 -and -not ($more -and $typed -clike '-*')) { $wanted = $option }
    elseif (-not $ended -and $typed -clike '--*=*') {
        $prefix = $typed.Substring(0, $typed.IndexOf('=') + 1)
        $typed = $typed.Substring($prefix.Length)
        $wanted = @(Get-OptionValue $path $prefix.TrimEnd('='))
    }
    elseif (-not $ended -and $typed -clike '-*') { $wanted = @('one', 'words') + @(Get-Flags $path) }
    elseif ($commands.Count -gt 0) { $wanted = @('one', 'words') + @(if ($count -eq 0) { $commands }) }
    else { $wanted = @(Get-Argument $path $count) }

    $offers = @()
    if ($wanted.Count -gt 1) {
        if ($wanted[1] -ceq 'words') { $offers = @($wanted | Select-Object -Skip 2) }
        elseif ($wanted[1] -ceq 'keyset') { $offers = @(Get-KeySets ($before + $after) $typed) }
    }
    foreach ($offer in $offers) {
        $word, $text = $offer -split '\|', 2
        if (-not $text) { $text = $word }
        if ($word.StartsWith($typed, 'Ordinal')) {
            [System.Management.Automation.CompletionResult]::new("$prefix$word", $word, 'ParameterValue', $text)
        }
    }
}
