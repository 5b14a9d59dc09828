/** zsh: its own _arguments does the work, one function for each command. */
import { quoteSh } from './bash.ts';
import { choosing, ask, lines, wordsOf, type Slot, type Flag, type Place, type Tree, type Word } from './tree.ts';

/** Inside the brackets of a specification, or between its colons. */
const escapeZsh = (text: string): string => text.replace(/[\\:[\]]/g, '\\$&');

export function zsh(tree: Tree): string {
  const { id, name, globals, all } = tree;
  const action = ({ value }: Slot): string => {
    if (typeof value !== 'string')
      return `(${value.map((word) => word.replace(/[^\w./-]/g, '\\$&')).join(' ')})`;
    if (value === 'text') return ' ';
    return value === 'file' ? '_files' : `_${id}_keysets`;
  };
  const specs = ({ names, description, takes }: Flag): readonly string[] =>
    names.map((one) => {
      const others = takes?.many ? '*' : names.length > 1 ? `(${names.join(' ')})` : '';
      const form = takes === undefined ? one : one.startsWith('--') ? `${one}=` : `${one}+`;
      const value = takes === undefined ? '' : `:${escapeZsh(takes.name)}:${action(takes)}`;
      return quoteSh(`${others}${form}[${escapeZsh(description)}]${value}`);
    });
  const describe = ({ name, description }: Word): string =>
    quoteSh(`${name.replace(/[\\:]/g, '\\$&')}:${description.replaceAll('\\', '\\\\')}`);
  const functionOf = ({ path }: Place): string => `_${id}_at${path.replace(/\W/g, '_')}`;
  const group = (place: Place): readonly string[] => [
    '  local -a line context',
    '  local -A opt_args',
    `  local curcontext=$curcontext state state_descr ret=1`,
    '  local -a named',
    '  named=(',
    ...wordsOf(place.places).map((word) => `    ${describe(word)}`),
    '  )',
    "  _arguments -s -S -C -A '-*' \\",
    ...place.flags.flatMap(specs).map((spec) => `    ${spec} \\`),
    `    "\${_${id}_globals[@]}" \\`,
    "    ': :->command' '*:: :->rest' && ret=0",
    '  case $state in',
    '    (command)',
    "      _describe -t commands 'command' named && ret=0",
    '      ;;',
    '    (rest)',
    `      curcontext=\${curcontext%:*:*}:${id}${place.path.replace(/\W/g, '-')}-$line[1]:`,
    '      case $line[1] in',
    ...place.places.map(
      (one) => `        (${one.names.map(quoteSh).join('|')}) ${functionOf(one)} && ret=0 ;;`,
    ),
    '      esac',
    '      ;;',
    '  esac',
    '  return ret',
  ];
  const leaf = (place: Place): readonly string[] => [
    '  _arguments -s -S \\',
    ...place.flags.flatMap(specs).map((spec) => `    ${spec} \\`),
    ...place.slots.map(
      (slot) =>
        `    ${quoteSh(`${slot.many ? '*' : ''}:${escapeZsh(slot.name)}:${action(slot)}`)} \\`,
    ),
    `    "\${_${id}_globals[@]}"`,
  ];
  return `#compdef ${name}
# ${tree.header}

# Keysets that the last list showed, by the program that is being typed; it asks nobody.
_${id}_keysets() {
  local program=\${(Q)_${id}_words[1]} word given=
  local -a chosen names expl
  local -i i
  for (( i = 2; i <= $#_${id}_words; i++ )); do
    word=\${(Q)_${id}_words[i]}
    if (( i == _${id}_current )); then
      given=
    elif [[ -n $given ]]; then
      chosen+=("$given=$word")
      given=
    else
      case $word in
        (--) break ;;
        (${choosing.join('|')}) given=$word ;;
        (${choosing.map((flag) => `${flag}=*`).join('|')}) chosen+=("$word") ;;
      esac
    fi
  done
  [[ $program == '~/'* ]] && program=$HOME/\${program[3,-1]}
  case "$(whence -w -- $program 2>/dev/null)" in
    (*': command'|*': hashed'|*': function') ;;
    (*) program=${quoteSh(name)} ;;
  esac
  names=(\${(f)"$("$program" ${ask} "\${chosen[@]}" 2>/dev/null </dev/null)"})
  case $PREFIX in
    (B2C_*) ;;
    (B|B2|B2C) names+=("\${names[@]#B2C_1A_}") ;;
    (*) names=("\${names[@]#B2C_1A_}") ;;
  esac
  _wanted keysets expl keyset compadd -a names
}

${all
  .filter(({ path }) => path !== '')
  .map((place) =>
    lines(
      `${functionOf(place)}() {`,
      place.places.length > 0 ? group(place) : leaf(place),
      '}',
      '',
    ),
  )
  .join('\n')}
_${id}() {
  # The whole line: further down there is less of it.
  local -a _${id}_words _${id}_globals
  local -i _${id}_current=$CURRENT
  _${id}_words=("\${words[@]}")
  _${id}_globals=(
${lines(globals.flatMap(specs).map((spec) => `    ${spec}`))}
  )
${lines(group(tree.root))}
}

# Loaded from fpath it is called at once; sourced, it must first be made known.
if [[ \${zsh_eval_context[-1]-} == loadautofunc ]]; then
  _${id} "$@"
elif whence compdef >/dev/null; then
  compdef _${id} ${name}
else
  print -ru2 -- '${name}: run compinit before this script'
fi
`;
}
