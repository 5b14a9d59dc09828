/** fish: a list of rules, and one function that says where on the command line we are. */
import { choosing, ask, lines, wordsOf, entries, takers, type Slot, type Flag, type Place, type Tree } from './tree.ts';

const quoteFish = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replace(/[\\']/g, '\\$&')}'`;

export function fish(tree: Tree): string {
  const { id, name, globals, all } = tree;
  const command = quoteFish(name);
  const at = (path: string, ...more: readonly string[]): string =>
    quoteFish([`__${id}_at`, quoteFish(path), ...more].join(' '));
  const rule = (when: string | undefined, ...parts: readonly string[]): string =>
    ['complete -c', command, ...(when === undefined ? [] : ['-n', when]), ...parts].join(' ');
  const words = ({ value }: Slot): readonly string[] => {
    if (value === 'file') return ['-F'];
    if (value === 'text') return [];
    const list = value === 'keyset' ? `(__${id}_keysets)` : value.map(quoteFish).join(' ');
    return ['-a', `'${list.replace(/[\\']/g, '\\$&')}'`];
  };
  const flag = (when: string | undefined, { names, description, takes }: Flag): string =>
    rule(
      when,
      ...names.map((one) =>
        one.startsWith('--') ? `-l ${quoteFish(one.slice(2))}` : `-s ${quoteFish(one.slice(1))}`,
      ),
      ...(takes === undefined ? [] : [takes.value === 'file' ? '-r' : '-x', ...words(takes)]),
      `-d ${quoteFish(description)}`,
    );
  const value = (when: string, slot: Slot): readonly string[] =>
    slot.value === 'text' ? [] : [rule(when, ...words(slot))];
  const place = ({ path, places, flags, slots }: Place): readonly string[] => [
    '',
    `# ${name}${path}`,
    ...wordsOf(places).map((one) =>
      rule(at(path, '-eq', '0'), `-a ${quoteFish(one.name)}`, `-d ${quoteFish(one.description)}`),
    ),
    ...slots.flatMap((slot, index) =>
      value(at(path, slot.many ? '-ge' : '-eq', String(index)), slot),
    ),
    ...flags.map((one) => flag(at(path), one)),
    ...flags.flatMap(({ names, takes }) =>
      takes?.many ? names.flatMap((one) => value(at(path, '=', one), takes)) : [],
    ),
  ];
  const takersOf = (many: boolean): string =>
    takers(tree)
      .filter(({ slot }) => slot.many === many)
      .flatMap(({ path, flag }) => flag.names.map((one) => quoteFish(`${path ?? '*'} ${one}`)))
      .join(' ');
  const remember = (many: boolean): readonly string[] =>
    takersOf(many) === ''
      ? []
      : [
          `                    case ${takersOf(many)}`,
          `                        set option $word`,
          `                        set many ${many ? 'yes' : "''"}`,
        ];
  return `# fish completion for ${name}
# ${tree.header}

# True where the command line has come to the command $argv[1]; and, if asked, where the number of
# its arguments compares so (-eq 1), or where the word belongs to an option with many values (= --x).
function __${id}_at
    set -l IFS \\n
    set -l tokens (commandline -opc)
    while string match -qr '^\\w+=' -- "$tokens[1]"
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
${lines(remember(false), remember(true))}
                end
            case '*'
                if test $count -gt 0
                    set count (math $count + 1)
                    continue
                end
                switch "$path $word"
${lines(
  entries(tree).flatMap(({ keys, path }) => [
    `                    case ${keys.map(quoteFish).join(' ')}`,
    `                        set path ${quoteFish(path)}`,
  ]),
)}
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
function __${id}_keysets
    set -l IFS \\n
    set -l tokens (commandline -op)
    while string match -qr '^\\w+=' -- "$tokens[1]"
        set -e tokens[1]
    end
    set -l program (string replace -r '^~/' "$HOME/" -- "$tokens[1]")
    set -e tokens[1]
    type -q -- "$program"; or set program ${command}
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
            case ${choosing.join(' ')}
                set given $word
            case ${choosing.map((one) => quoteFish(`${one}=*`)).join(' ')}
                set -a chosen $word
        end
    end
    set -l names ($program ${ask} $chosen 2>/dev/null </dev/null)
    switch (commandline -ct)
        case 'B2C_*'
            string join \\n -- $names
        case B B2 B2C
            string join \\n -- $names (string replace -r '^B2C_1A_' '' -- $names)
        case '*'
            string replace -r '^B2C_1A_' '' -- $names
    end
end

complete -c ${command} -e
complete -c ${command} -f

# everywhere
${lines(globals.map((one) => flag(undefined, one)))}
${lines(all.flatMap(place))}
`;
}
