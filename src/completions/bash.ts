/** bash, from 3.2 on, which macOS has: no associative arrays, no mapfile, no compopt to count on. */
import { choosing, ask, lines, namesOf, entries, takers, slotsOf, type Slot, type Tree } from './tree.ts';

/** As one word of bash, and of zsh. */
export const quoteSh = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

export function bash(tree: Tree): string {
  const { id, name, globals, all } = tree;
  const list = (words: readonly string[]): string => `(${words.map(quoteSh).join(' ')})`;
  const pattern = (keys: readonly string[]): string => keys.map(quoteSh).join(' | ');
  const takes = ({ value, many }: Slot): string =>
    (typeof value === 'string' ? `takes=${value}` : `takes=words choices=${list(value)}`) +
    (many ? ' many=yes' : '');
  return `# bash completion for ${name}
# ${tree.header}

# Goes to the command that the word $1 names here.
__${id}_enter() {
  case "$path $1" in
${lines(entries(tree).map(({ keys, path }) => `    ${pattern(keys)}) path=${quoteSh(path)} ;;`))}
    *) return 1 ;;
  esac
}

# What the option $1 takes here.
__${id}_option() {
  takes='' many='' choices=()
  case "$path $1" in
${lines(
  takers(tree).map(({ path, flag, slot }) => {
    const keys = flag.names.map((one) => quoteSh(`${path ?? ''} ${one}`));
    return `    ${(path === undefined ? keys.map((key) => `*${key}`) : keys).join(' | ')}) ${takes(slot)} ;;`;
  }),
)}
  esac
}

# What the next argument is here.
__${id}_argument() {
  takes='' many='' choices=()
  case "$path $count" in
${lines(
  slotsOf(tree).map(({ path, index, slot }) => {
    const key = slot.many ? `${quoteSh(`${path} `)}*` : quoteSh(`${path} ${String(index)}`);
    return `    ${key}) ${takes(slot)} ;;`;
  }),
)}
  esac
}

# The commands and the options here.
__${id}_words() {
  commands=() flags=()
  case $path in
${lines(
  all.map(({ path, places, flags }) => {
    const parts = [
      ...(places.length === 0 ? [] : [`commands=${list(namesOf(places))}`]),
      ...(flags.length === 0 ? [] : [`flags=${list(namesOf(flags))}`]),
    ];
    return `    ${quoteSh(path)}) ${parts.join(' ')} ;;`;
  }),
)}
  esac
  flags+=${list(namesOf(globals))}
}

# Offers those of the words that begin as the one under the cursor.
__${id}_offer() {
  local word
  for word in "$@"; do
    if [[ $word == "$cur"* ]]; then COMPREPLY+=("$before$word"); fi
  done
}

# Keysets that the last list showed, by the program that is being typed; it asks nobody.
__${id}_keysets() {
  local i word given='' name program=\${COMP_WORDS[0]}
  local -a chosen
  chosen=()
  for ((i = 1; i < \${#words[@]}; i++)); do
    # As typed means with quotes; what a variable holds is not looked up.
    word=\${words[i]//[\\"\\'\\\\]/}
    if ((i == at)); then
      given=''
    elif [[ -n $given ]]; then
      chosen+=("$given=$word") given=''
    else
      case $word in
        --) break ;;
        ${choosing.join(' | ')}) given=$word ;;
        ${choosing.map((flag) => `${flag}=*`).join(' | ')}) chosen+=("$word") ;;
      esac
    fi
  done
  program=\${program//[\\"\\'\\\\]/}
  if [[ $program == '~/'* ]]; then program=\${HOME-}/\${program:2}; fi
  case $(type -t -- "$program" 2>/dev/null) in
    file | function) ;;
    *) program=${quoteSh(name)} ;;
  esac
  while read -r name; do
    if [[ -z $name ]]; then continue; fi
    case $cur in
      B2C_*) __${id}_offer "$name" ;;
      B | B2 | B2C) __${id}_offer "$name" "\${name#B2C_1A_}" ;;
      *) __${id}_offer "\${name#B2C_1A_}" ;;
    esac
  done <<< "$("$program" ${ask} \${chosen[@]+"\${chosen[@]}"} 2>/dev/null </dev/null)"
}

_${id}() {
  local IFS=$' \\t\\n'
  local i word part line size at=0 last=-1 cur='' before='' path='' count=0
  local option='' more='' ended='' takes='' many=''
  local -a words choices commands flags
  words=() choices=() commands=() flags=() COMPREPLY=()

  # bash cuts words at = and : too. What touches in the line belongs together.
  line=\${COMP_LINE-}
  if [[ -z $line ]]; then line="\${COMP_WORDS[*]}"; fi
  part=$line
  for ((i = 0; i < \${#COMP_WORDS[@]}; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i == 0)) || [[ $part == [[:space:]]* ]]; then
      last=$((last + 1))
      words[last]=''
    fi
    part=\${part#"\${part%%[![:space:]]*}"}
    if ((i == COMP_CWORD)); then
      at=$last
      size=$((\${COMP_POINT:-\${#line}} - \${#line} + \${#part}))
      if ((size < 0 || size > \${#word})); then size=\${#word}; fi
      cur=\${words[last]}\${word:0:size}
    fi
    words[last]=\${words[last]}$word
    part=\${part#"$word"}
  done

  for ((i = 1; i < at; i++)); do
    word=\${words[i]}
    if [[ -n $ended ]]; then
      count=$((count + 1))
    elif [[ -n $option && ( -z $more || $word != -* ) ]]; then
      # A value; an option that takes many takes all up to the next option.
      if [[ -n $many ]]; then more=yes; else option=''; fi
    elif [[ $word == -- ]]; then
      option='' ended=yes
    elif [[ $word == -* ]]; then
      option='' more=''
      __${id}_option "$word"
      if [[ -n $takes ]]; then option=$word; fi
    elif ((count > 0)) || ! __${id}_enter "$word"; then
      count=$((count + 1))
    fi
  done

  __${id}_words
  if [[ -n $option && ( -z $more || $cur != -* ) ]]; then
    __${id}_option "$option"
  elif [[ -z $ended && $cur == --*=* ]]; then
    __${id}_option "\${cur%%=*}"
    # Where = ends a word, the shell replaces only what follows it.
    if [[ \${COMP_WORDBREAKS-} != *=* ]]; then before=\${cur%%=*}=; fi
    cur=\${cur#*=}
  elif [[ -z $ended && $cur == -* ]]; then
    takes=words choices=("\${flags[@]}")
  elif ((\${#commands[@]} > 0)); then
    takes='' choices=()
    if ((count == 0)); then takes=words choices=("\${commands[@]}"); fi
  else
    __${id}_argument
  fi

  case $takes in
    # The shell itself knows best how to complete and to quote a file's name.
    file) compopt -o default 2>/dev/null || : ;;
    keyset)
      cur=\${cur#[\\"\\']}
      __${id}_keysets
      ;;
    words)
      cur=\${cur#[\\"\\']}
      __${id}_offer "\${choices[@]}"
      ;;
  esac
  return 0
}

if type compopt >/dev/null 2>&1; then
  complete -F _${id} ${quoteSh(name)}
else
  # bash 3.2 cannot ask for files now and then: it offers them where nothing else fits.
  complete -o default -F _${id} ${quoteSh(name)}
fi
`;
}
