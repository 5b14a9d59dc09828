/** PowerShell: Windows PowerShell 5.1 and later. Hash tables do not tell -v from -V, so these are switches. */
import { choosing, ask, lines, wordsOf, entries, takers, slotsOf, type Slot, type Flag, type Place, type Tree } from './tree.ts';

/** The curly forms are quotes there as well. */
const quotePowerShell = (text: string): string => `'${text.replace(/['‘’‚‛]/g, '$&$&')}'`;

const indent = (text: readonly string[], depth: number): readonly string[] =>
  text.map((line) => ' '.repeat(4 * depth) + line);

/** A switch on `subject`; what comes `otherwise` alone, where there is nothing to tell apart. */
const choose = (
  subject: string,
  rows: readonly { readonly keys: readonly string[]; readonly body: readonly string[] }[],
  otherwise: readonly string[] = [],
): readonly string[] =>
  rows.length === 0
    ? otherwise
    : [
        `switch -CaseSensitive -Exact (${subject}) {`,
        ...rows.flatMap(({ keys, body }) =>
          keys.flatMap((key) =>
            body.length === 1
              ? [`    ${quotePowerShell(key)} { ${body.join('')} }`]
              : [`    ${quotePowerShell(key)} {`, ...indent(body, 2), '    }'],
          ),
        ),
        ...(otherwise.length === 0 ? [] : ['    default {', ...indent(otherwise, 2), '    }']),
        '}',
      ];

export function powershell(tree: Tree): string {
  const { name, globals, all } = tree;
  const list = (words: readonly string[]): string => words.map(quotePowerShell).join(', ');
  const described = (things: readonly (Flag | Place)[]): readonly string[] =>
    wordsOf(things).map((word) => quotePowerShell(`${word.name}|${word.description}`));
  const takes = ({ value, many }: Slot): readonly string[] => [
    list([many ? 'many' : 'one', ...(typeof value === 'string' ? [value] : ['words', ...value])]),
  ];
  const options = takers(tree).map(({ path, flag, slot }) => ({
    isGlobal: path === undefined,
    keys: flag.names.map((one) => (path === undefined ? one : `${path} ${one}`)),
    body: takes(slot),
  }));
  const slots = slotsOf(tree);
  return `# PowerShell completion for ${name}
# ${tree.header}

Register-ArgumentCompleter -Native -CommandName ${quotePowerShell(name)} -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    Set-StrictMode -Off

    # Where the word leads from the command at $path, if it names one.
    function Enter-Command($path, $word) {
${lines(
  indent(
    choose(
      '"$path $word"',
      entries(tree).map(({ keys, path }) => ({ keys, body: [quotePowerShell(path)] })),
    ),
    2,
  ),
)}
    }

    # What the option takes: one or many, the kind of value, and the words when it is one of some.
    function Get-OptionValue($path, $word) {
${lines(
  indent(
    choose(
      '"$path $word"',
      options.filter(({ isGlobal }) => !isGlobal),
      choose(
        '$word',
        options.filter(({ isGlobal }) => isGlobal),
      ),
    ),
    2,
  ),
)}
    }

    # The same of an argument.
    function Get-Argument($path, $count) {
${lines(
  indent(
    choose(
      '"$path $count"',
      slots.map(({ path, index, slot }) => ({
        keys: [`${path} ${String(index)}`],
        body: takes(slot),
      })),
      choose(
        '$path',
        slots
          .filter(({ slot }) => slot.many)
          .map(({ path, slot }) => ({ keys: [path], body: takes(slot) })),
      ),
    ),
    2,
  ),
)}
    }

    function Get-Commands($path) {
${lines(
  indent(
    choose(
      '$path',
      all
        .filter(({ places }) => places.length > 0)
        .map(({ path, places }) => ({ keys: [path], body: described(places) })),
    ),
    2,
  ),
)}
    }

    function Get-Flags($path) {
${lines(
  indent(
    choose(
      '$path',
      all
        .filter(({ flags }) => flags.length > 0)
        .map(({ path, flags }) => ({ keys: [path], body: described(flags) })),
    ),
    2,
  ),
  indent(described(globals), 2),
)}
    }

    # Keysets that the last list showed, by the program that is being typed; it asks nobody.
    function Get-KeySets($words, $typed) {
        $asked = @(${list(ask.split(' '))})
        $given = ''
        foreach ($word in $words) {
            if ($given) {
                $asked += "$given=$word"
                $given = ''
            }
            elseif ($word -ceq '--') { break }
            elseif (@(${list(choosing)}) -ccontains $word) { $given = $word }
            elseif (@(${list(choosing)}) -ccontains ($word -replace '=.*$', '')) { $asked += $word }
        }
        $program = $commandAst.GetCommandName()
        if (-not $program) { $program = ${quotePowerShell(name)} }
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
        $word, $text = $offer -split '\\|', 2
        if (-not $text) { $text = $word }
        if ($word.StartsWith($typed, 'Ordinal')) {
            [System.Management.Automation.CompletionResult]::new("$prefix$word", $word, 'ParameterValue', $text)
        }
    }
}
`;
}
