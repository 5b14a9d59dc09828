# fish completion for policykeys
# Generated from the commands of policykeys by "npm run generate": not to be edited.

# True where the command line has come to the command $argv[1]; and, if asked, where the number of
# its arguments compares so (-eq 1), or where the word belongs to an option with many values (= --x).
function __policykeys_at
    set -l IFS \n
    set -l tokens (commandline -opc)
    while string match -qr '^\w+=' -- "$tokens[1]"
        set -e tokens[1]
    end
    set -e tokens[1]
    set -l path ''
    set -l count 0
    set -l option ''
    set -l many ''
    set -l more ''
    set -l ended ''
    for word in $tokens
        if test -n "$ended"
            set count (math $count + 1)
            continue
        end
        if test -n "$option"
            if test -z "$more"; or not string match -q -- '-*' "$word"
                if test -n "$many"
                    set more yes
                else
                    set option ''
                end
                continue
            end
            set option ''
            set more ''
        end
        switch "$word"
            case --
                set ended yes
            case '-*'
                switch "$path $word"
                    case ' update --from' ' generate-key --kty' ' generate-key --use' ' generate-key --nbf' ' generate-key --exp' ' upload-secret --use' ' upload-secret --from' ' upload-secret --nbf' ' upload-secret --exp' ' upload-pkcs12 --password-from' ' upload-pkcs12 --certificate' ' upload-pkcs12 --key' ' upload-pkcs12 --chain' ' upload-pkcs12 --key-password-from' ' upload-pkcs12 --alias' ' inspect --password-from' ' inspect --alias' ' convert --out' ' convert --password-from' ' convert --certificate' ' convert --key' ' convert --chain' ' convert --key-password-from' ' convert --alias' ' convert --out-password-from' ' generate-certificate --subject' ' generate-certificate --nbf' ' generate-certificate --exp' ' generate-certificate --key-size' ' generate-certificate --use' ' generate-certificate --certificate-out' ' generate-certificate --pkcs12-out' ' generate-certificate --password-from' ' emulator serve --port' ' emulator serve --latency' ' emulator serve --not-found-status' ' emulator serve --new-keys' ' emulator serve --key-status' ' emulator serve --settle' ' emulator serve --page-size' '* -o' '* --output' '* --query' '* --profile' '* --tenant' '* --client-id' '* --auth' '* --cloud' '* --graph-url' '* --timeout' '* --deadline' '* --max-retries' '* --concurrency' '* --audit-log' '* --reason' '* --color'
                        set option $word
                        set many ''
                    case ' emulator serve --role' ' emulator serve --fault'
                        set option $word
                        set many yes
                end
            case '*'
                if test $count -gt 0
                    set count (math $count + 1)
                    continue
                end
                switch "$path $word"
                    case ' list' ' ls'
                        set path ' list'
                    case ' create'
                        set path ' create'
                    case ' get' ' show'
                        set path ' get'
                    case ' update'
                        set path ' update'
                    case ' delete' ' rm'
                        set path ' delete'
                    case ' generate-key'
                        set path ' generate-key'
                    case ' upload-secret'
                        set path ' upload-secret'
                    case ' upload-certificate'
                        set path ' upload-certificate'
                    case ' upload-pkcs12'
                        set path ' upload-pkcs12'
                    case ' get-active-key' ' active'
                        set path ' get-active-key'
                    case ' keys'
                        set path ' keys'
                    case ' inspect'
                        set path ' inspect'
                    case ' convert'
                        set path ' convert'
                    case ' generate-certificate'
                        set path ' generate-certificate'
                    case ' emulator'
                        set path ' emulator'
                    case ' completion'
                        set path ' completion'
                    case ' help'
                        set path ' help'
                    case ' keys list'
                        set path ' keys list'
                    case ' keys get'
                        set path ' keys get'
                    case ' keys enable'
                        set path ' keys enable'
                    case ' keys disable'
                        set path ' keys disable'
                    case ' keys help'
                        set path ' keys help'
                    case ' emulator serve'
                        set path ' emulator serve'
                    case ' emulator reset'
                        set path ' emulator reset'
                    case ' emulator help'
                        set path ' emulator help'
                    case '*'
                        set count 1
                end
        end
    end
    test "$path" = "$argv[1]"; or return 1
    switch "$argv[2]"
        case ''
            return 0
        case =
            test "$option" = "$argv[3]"
        case '*'
            test -z "$option"; and test $count $argv[2] $argv[3]
    end
end

# Keysets that the last list showed, by the program that is being typed; it asks nobody.
function __policykeys_keysets
    set -l IFS \n
    set -l tokens (commandline -op)
    while string match -qr '^\w+=' -- "$tokens[1]"
        set -e tokens[1]
    end
    set -l program (string replace -r '^~/' "$HOME/" -- "$tokens[1]")
    set -e tokens[1]
    type -q -- "$program"; or set program policykeys
    type -q -- "$program"; or return
    set -l chosen
    set -l given ''
    for word in $tokens
        if test -n "$given"
            set -a chosen "$given=$word"
            set given ''
            continue
        end
        switch "$word"
            case --
                break
            case --cloud --tenant --profile --graph-url
                set given $word
            case '--cloud=*' '--tenant=*' '--profile=*' '--graph-url=*'
                set -a chosen $word
        end
    end
    set -l names ($program --output=tsv __keysets $chosen 2>/dev/null </dev/null)
    switch (commandline -ct)
        case 'B2C_*'
            string join \n -- $names
        case B B2 B2C
            string join \n -- $names (string replace -r '^B2C_1A_' '' -- $names)
        case '*'
            string replace -r '^B2C_1A_' '' -- $names
    end
end

complete -c policykeys -e
complete -c policykeys -f

# everywhere
complete -c policykeys -s o -l output -x -a 'table json yaml tsv none' -d 'format of the result (POLICYKEYS_OUTPUT)'
complete -c policykeys -l query -x -d 'applied to the JSON form of the result'
complete -c policykeys -l profile -x -d 'settings to use (POLICYKEYS_PROFILE)'
complete -c policykeys -l tenant -x -d 'id or domain of the B2C tenant (AZURE_TENANT_ID)'
complete -c policykeys -l client-id -x -d 'id of the app that signs in (AZURE_CLIENT_ID)'
complete -c policykeys -l auth -x -a 'token federated certificate secret' -d 'how to sign in; the first that is configured (POLICYKEYS_AUTH)'
complete -c policykeys -l cloud -x -a 'global usgov usgov-dod china emulator' -d 'global unless set (POLICYKEYS_CLOUD)'
complete -c policykeys -l graph-url -x -d 'origin that requests go to (POLICYKEYS_GRAPH_URL)'
complete -c policykeys -l dry-run -d 'print what would be sent, and send no write'
complete -c policykeys -s y -l yes -d 'answer yes to every question; lifts no guard'
complete -c policykeys -l no-input -d 'never ask: fail instead (set by CI)'
complete -c policykeys -l timeout -x -d 'for one request; 30s unless set (POLICYKEYS_TIMEOUT)'
complete -c policykeys -l deadline -x -d 'for the whole command'
complete -c policykeys -l max-retries -x -d 'after the first attempt; 5 unless set (POLICYKEYS_MAX_RETRIES)'
complete -c policykeys -l concurrency -x -d 'requests in flight at once; 8 unless set'
complete -c policykeys -l audit-log -r -F -d 'append what is written, and how it ended (POLICYKEYS_AUDIT_LOG)'
complete -c policykeys -l reason -x -d 'for the audit log (POLICYKEYS_REASON)'
complete -c policykeys -s q -l quiet -d 'nothing but failures on stderr'
complete -c policykeys -s v -l verbose -d 'a line a request on stderr'
complete -c policykeys -l debug -d 'headers too, redacted'
complete -c policykeys -l color -x -a 'auto always never' -d 'auto unless set (NO_COLOR, FORCE_COLOR)'
complete -c policykeys -s h -l help -d 'print help'

# policykeys
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a list -d 'list the keysets of the tenant'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a ls -d 'list the keysets of the tenant'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a create -d 'create an empty keyset'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a get -d 'show a keyset and its keys'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a show -d 'show a keyset and its keys'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a update -d 'replace every key of a keyset (advanced)'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a delete -d 'delete a keyset'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a rm -d 'delete a keyset'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a generate-key -d 'let the service generate a key'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a upload-secret -d 'add a secret you were given, such as a client secret'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a upload-certificate -d 'add a partner\'s public certificate'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a upload-pkcs12 -d 'add a certificate with its private key from a PFX, or from PEM files'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a get-active-key -d 'ask the service which key is active'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a active -d 'ask the service which key is active'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a keys -d 'single keys of a keyset: list, get, enable, disable'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a inspect -d 'what a certificate, PFX, key or JWK Set holds, and whether B2C takes it'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a convert -d 'make of a PFX of any kind, or of PEM files, one that B2C takes'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a generate-certificate -d 'make an RSA key with a self-signed certificate, for a keyset or a file'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a emulator -d 'the Graph that --cloud emulator talks to: serve, reset'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a completion -d 'print the completion script of a shell'
complete -c policykeys -n '__policykeys_at \'\' -eq 0' -a help -d 'print help for a command'
complete -c policykeys -n '__policykeys_at \'\'' -s V -l version -d 'print the version'

# policykeys list
complete -c policykeys -n '__policykeys_at \' list\'' -l include-backups -d 'the .bak copies of deleted keysets too'

# policykeys create
complete -c policykeys -n '__policykeys_at \' create\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' create\'' -l if-missing -d 'exit 0 when it exists already'

# policykeys get
complete -c policykeys -n '__policykeys_at \' get\' -eq 0' -a '(__policykeys_keysets)'

# policykeys update
complete -c policykeys -n '__policykeys_at \' update\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' update\'' -l from -r -F -d 'the JWK Set: a file, - for stdin, or env:NAME'

# policykeys delete
complete -c policykeys -n '__policykeys_at \' delete\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' delete\'' -l if-exists -d 'exit 0 when there is no such keyset'
complete -c policykeys -n '__policykeys_at \' delete\'' -l purge -d 'delete the .bak copy as well'

# policykeys generate-key
complete -c policykeys -n '__policykeys_at \' generate-key\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l kty -x -a 'RSA oct' -d 'type of the key'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l use -x -a 'sig enc' -d 'what the key is for: signing or encryption'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l nbf -x -d 'not used before: 2027-01-31, RFC 3339, now, 90d, 1y, or seconds since 1970'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l exp -x -d 'not used from this time on; the same forms'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l create -d 'create the keyset first when it is missing'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l if-empty -d 'do nothing when the keyset holds a key that has not expired'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l standby -d 'add it even if another key stays the active one'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l stage -d 'disable it right after adding it, for keys enable on the day'
complete -c policykeys -n '__policykeys_at \' generate-key\'' -l enable -d 'enable it if the service adds it disabled'

# policykeys upload-secret
complete -c policykeys -n '__policykeys_at \' upload-secret\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l use -x -a 'sig enc' -d 'what the key is for: signing or encryption'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l from -r -F -d 'the secret: a file, - for stdin, or env:NAME'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l exact -d 'keep a leading byte order mark and a trailing line break'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l nbf -x -d 'not used before: 2027-01-31, RFC 3339, now, 90d, 1y, or seconds since 1970'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l exp -x -d 'not used from this time on; the same forms'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l create -d 'create the keyset first when it is missing'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l if-empty -d 'do nothing when the keyset holds a key that has not expired'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l standby -d 'add it even if another key stays the active one'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l stage -d 'disable it right after adding it, for keys enable on the day'
complete -c policykeys -n '__policykeys_at \' upload-secret\'' -l enable -d 'enable it if the service adds it disabled'

# policykeys upload-certificate
complete -c policykeys -n '__policykeys_at \' upload-certificate\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' upload-certificate\' -eq 1' -F
complete -c policykeys -n '__policykeys_at \' upload-certificate\'' -l if-changed -d 'do nothing when this certificate is there already'
complete -c policykeys -n '__policykeys_at \' upload-certificate\'' -l allow-expired -d 'upload it even if it has ended'
complete -c policykeys -n '__policykeys_at \' upload-certificate\'' -l create -d 'create the keyset first when it is missing'
complete -c policykeys -n '__policykeys_at \' upload-certificate\'' -l if-empty -d 'do nothing when the keyset holds a key that has not expired'
complete -c policykeys -n '__policykeys_at \' upload-certificate\'' -l standby -d 'add it even if another key stays the active one'
complete -c policykeys -n '__policykeys_at \' upload-certificate\'' -l stage -d 'disable it right after adding it, for keys enable on the day'
complete -c policykeys -n '__policykeys_at \' upload-certificate\'' -l enable -d 'enable it if the service adds it disabled'

# policykeys upload-pkcs12
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\' -eq 1' -F
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l password-from -r -F -d 'the password: a file, - for stdin, or env:NAME'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l no-password -d 'the PFX has no password'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l certificate -r -F -d 'in place of a PFX: the certificate, PEM; its chain may follow'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l key -r -F -d 'its private key, PEM'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l chain -r -F -d 'the certificates above it, PEM'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l key-password-from -r -F -d 'the password of the private key, if it has one'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l alias -x -d 'which private key of the PFX, by its friendly name'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l allow-expired -d 'even if the certificate has ended'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l no-convert -d 'send the PFX as it lies, even if B2C is known to refuse its kind'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l if-changed -d 'do nothing when this certificate is there already'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l create -d 'create the keyset first when it is missing'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l if-empty -d 'do nothing when the keyset holds a key that has not expired'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l standby -d 'add it even if another key stays the active one'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l stage -d 'disable it right after adding it, for keys enable on the day'
complete -c policykeys -n '__policykeys_at \' upload-pkcs12\'' -l enable -d 'enable it if the service adds it disabled'

# policykeys get-active-key
complete -c policykeys -n '__policykeys_at \' get-active-key\' -eq 0' -a '(__policykeys_keysets)'

# policykeys keys
complete -c policykeys -n '__policykeys_at \' keys\' -eq 0' -a list -d 'list the keys of a keyset'
complete -c policykeys -n '__policykeys_at \' keys\' -eq 0' -a get -d 'show one key'
complete -c policykeys -n '__policykeys_at \' keys\' -eq 0' -a enable -d 'let a key be used'
complete -c policykeys -n '__policykeys_at \' keys\' -eq 0' -a disable -d 'take a key out of use'
complete -c policykeys -n '__policykeys_at \' keys\' -eq 0' -a help -d 'print help for a command'

# policykeys keys list
complete -c policykeys -n '__policykeys_at \' keys list\' -eq 0' -a '(__policykeys_keysets)'

# policykeys keys get
complete -c policykeys -n '__policykeys_at \' keys get\' -eq 0' -a '(__policykeys_keysets)'

# policykeys keys enable
complete -c policykeys -n '__policykeys_at \' keys enable\' -eq 0' -a '(__policykeys_keysets)'

# policykeys keys disable
complete -c policykeys -n '__policykeys_at \' keys disable\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' keys disable\'' -l force -d 'even if it is the last usable key: sign-ins will fail'

# policykeys keys help
complete -c policykeys -n '__policykeys_at \' keys help\' -eq 0' -a 'list get enable disable'

# policykeys inspect
complete -c policykeys -n '__policykeys_at \' inspect\' -eq 0' -F
complete -c policykeys -n '__policykeys_at \' inspect\'' -l password-from -r -F -d 'the password: a file, - for stdin, or env:NAME'
complete -c policykeys -n '__policykeys_at \' inspect\'' -l no-password -d 'the PFX has no password'
complete -c policykeys -n '__policykeys_at \' inspect\'' -l alias -x -d 'which private key of the PFX, by its friendly name'

# policykeys convert
complete -c policykeys -n '__policykeys_at \' convert\' -eq 0' -F
complete -c policykeys -n '__policykeys_at \' convert\'' -l out -r -F -d 'the PFX to write'
complete -c policykeys -n '__policykeys_at \' convert\'' -l password-from -r -F -d 'the password: a file, - for stdin, or env:NAME'
complete -c policykeys -n '__policykeys_at \' convert\'' -l no-password -d 'the PFX has no password'
complete -c policykeys -n '__policykeys_at \' convert\'' -l certificate -r -F -d 'in place of a PFX: the certificate, PEM; its chain may follow'
complete -c policykeys -n '__policykeys_at \' convert\'' -l key -r -F -d 'its private key, PEM'
complete -c policykeys -n '__policykeys_at \' convert\'' -l chain -r -F -d 'the certificates above it, PEM'
complete -c policykeys -n '__policykeys_at \' convert\'' -l key-password-from -r -F -d 'the password of the private key, if it has one'
complete -c policykeys -n '__policykeys_at \' convert\'' -l alias -x -d 'which private key of the PFX, by its friendly name'
complete -c policykeys -n '__policykeys_at \' convert\'' -l allow-expired -d 'even if the certificate has ended'
complete -c policykeys -n '__policykeys_at \' convert\'' -l out-password-from -r -F -d 'another password for the PFX that is written: a file, - for stdin, or env:NAME'
complete -c policykeys -n '__policykeys_at \' convert\'' -l overwrite -d 'replace the files that exist already'

# policykeys generate-certificate
complete -c policykeys -n '__policykeys_at \' generate-certificate\' -eq 0' -a '(__policykeys_keysets)'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l subject -x -d 'such as CN=app.contoso.onmicrosoft.com, O=Contoso (RFC 4514)'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l nbf -x -d 'not used before: 2027-01-31, RFC 3339, now, 90d, 1y, or seconds since 1970'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l exp -x -d 'not used from this time on; 1y after --nbf unless set'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l key-size -x -a '2048 3072 4096' -d 'of the RSA key'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l use -x -a 'sig enc' -d 'what the key is for: signing or encryption'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l certificate-out -r -F -d 'write the certificate for the partner: PEM, or DER to a .cer or .der'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l pkcs12-out -r -F -d 'write the key and its certificate as a PFX that B2C takes'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l password-from -r -F -d 'the password: a file, - for stdin, or env:NAME'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l overwrite -d 'replace the files that exist already'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l create -d 'create the keyset first when it is missing'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l if-empty -d 'do nothing when the keyset holds a key that has not expired'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l standby -d 'add it even if another key stays the active one'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l stage -d 'disable it right after adding it, for keys enable on the day'
complete -c policykeys -n '__policykeys_at \' generate-certificate\'' -l enable -d 'enable it if the service adds it disabled'

# policykeys emulator
complete -c policykeys -n '__policykeys_at \' emulator\' -eq 0' -a serve -d 'serve it over HTTPS for any client'
complete -c policykeys -n '__policykeys_at \' emulator\' -eq 0' -a reset -d 'forget its keysets'
complete -c policykeys -n '__policykeys_at \' emulator\' -eq 0' -a help -d 'print help for a command'

# policykeys emulator serve
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l port -x -d 'any free one unless set'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l no-tls -d 'plain HTTP'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l latency -x -d 'before every answer'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l not-found-status -x -a '400 404' -d 'of a keyset that is not there'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l new-keys -x -a 'enabled disabled' -d 'status of a key that is added'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l key-status -x -a 'sent omitted' -d 'whether keys of a keyset show their status'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l settle -x -d 'until a new keyset is known everywhere'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l page-size -x -d 'keysets on a page'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l role -x -a 'TrustFrameworkKeySet.Read.All TrustFrameworkKeySet.ReadWrite.All' -d 'permissions that tokens carry'
complete -c policykeys -n '__policykeys_at \' emulator serve\'' -l fault -x -d 'WHAT[@OPERATION][:COUNT], such as 429=2, 503@generateKey:2, reset-after@uploadSecret'
complete -c policykeys -n '__policykeys_at \' emulator serve\' = --role' -a 'TrustFrameworkKeySet.Read.All TrustFrameworkKeySet.ReadWrite.All'

# policykeys emulator reset

# policykeys emulator help
complete -c policykeys -n '__policykeys_at \' emulator help\' -eq 0' -a 'serve reset'

# policykeys completion
complete -c policykeys -n '__policykeys_at \' completion\' -eq 0' -a 'bash zsh fish powershell'

# policykeys help
complete -c policykeys -n '__policykeys_at \' help\' -eq 0' -a 'list create get update delete generate-key upload-secret upload-certificate upload-pkcs12 get-active-key keys inspect convert generate-certificate emulator completion'
