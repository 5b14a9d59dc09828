# bash completion for policykeys
# Generated from the commands of policykeys by "npm run generate": not to be edited.

# Goes to the command that the word $1 names here.
__policykeys_enter() {
  case "$path $1" in
    ' list' | ' ls') path=' list' ;;
    ' create') path=' create' ;;
    ' get' | ' show') path=' get' ;;
    ' update') path=' update' ;;
    ' delete' | ' rm') path=' delete' ;;
    ' generate-key') path=' generate-key' ;;
    ' upload-secret') path=' upload-secret' ;;
    ' upload-certificate') path=' upload-certificate' ;;
    ' upload-pkcs12') path=' upload-pkcs12' ;;
    ' get-active-key' | ' active') path=' get-active-key' ;;
    ' keys') path=' keys' ;;
    ' inspect') path=' inspect' ;;
    ' convert') path=' convert' ;;
    ' generate-certificate') path=' generate-certificate' ;;
    ' emulator') path=' emulator' ;;
    ' completion') path=' completion' ;;
    ' help') path=' help' ;;
    ' keys list') path=' keys list' ;;
    ' keys get') path=' keys get' ;;
    ' keys enable') path=' keys enable' ;;
    ' keys disable') path=' keys disable' ;;
    ' keys help') path=' keys help' ;;
    ' emulator serve') path=' emulator serve' ;;
    ' emulator reset') path=' emulator reset' ;;
    ' emulator help') path=' emulator help' ;;
    *) return 1 ;;
  esac
}

# What the option $1 takes here.
__policykeys_option() {
  takes='' many='' choices=()
  case "$path $1" in
    ' update --from') takes=file ;;
    ' generate-key --kty') takes=words choices=(RSA oct) ;;
    ' generate-key --use') takes=words choices=(sig enc) ;;
    ' generate-key --nbf') takes=text ;;
    ' generate-key --exp') takes=text ;;
    ' upload-secret --use') takes=words choices=(sig enc) ;;
    ' upload-secret --from') takes=file ;;
    ' upload-secret --nbf') takes=text ;;
    ' upload-secret --exp') takes=text ;;
    ' upload-pkcs12 --password-from') takes=file ;;
    ' upload-pkcs12 --certificate') takes=file ;;
    ' upload-pkcs12 --key') takes=file ;;
    ' upload-pkcs12 --chain') takes=file ;;
    ' upload-pkcs12 --key-password-from') takes=file ;;
    ' upload-pkcs12 --alias') takes=text ;;
    ' inspect --password-from') takes=file ;;
    ' inspect --alias') takes=text ;;
    ' convert --out') takes=file ;;
    ' convert --password-from') takes=file ;;
    ' convert --certificate') takes=file ;;
    ' convert --key') takes=file ;;
    ' convert --chain') takes=file ;;
    ' convert --key-password-from') takes=file ;;
    ' convert --alias') takes=text ;;
    ' convert --out-password-from') takes=file ;;
    ' generate-certificate --subject') takes=text ;;
    ' generate-certificate --nbf') takes=text ;;
    ' generate-certificate --exp') takes=text ;;
    ' generate-certificate --key-size') takes=words choices=(2048 3072 4096) ;;
    ' generate-certificate --use') takes=words choices=(sig enc) ;;
    ' generate-certificate --certificate-out') takes=file ;;
    ' generate-certificate --pkcs12-out') takes=file ;;
    ' generate-certificate --password-from') takes=file ;;
    ' emulator serve --port') takes=text ;;
    ' emulator serve --latency') takes=text ;;
    ' emulator serve --not-found-status') takes=words choices=(400 404) ;;
    ' emulator serve --new-keys') takes=words choices=(enabled disabled) ;;
    ' emulator serve --key-status') takes=words choices=(sent omitted) ;;
    ' emulator serve --settle') takes=text ;;
    ' emulator serve --page-size') takes=text ;;
    ' emulator serve --role') takes=words choices=(TrustFrameworkKeySet.Read.All TrustFrameworkKeySet.ReadWrite.All) many=yes ;;
    ' emulator serve --fault') takes=text many=yes ;;
    *' -o' | *' --output') takes=words choices=(table json yaml tsv none) ;;
    *' --query') takes=text ;;
    *' --profile') takes=text ;;
    *' --tenant') takes=text ;;
    *' --client-id') takes=text ;;
    *' --auth') takes=words choices=(token federated certificate secret) ;;
    *' --cloud') takes=words choices=(global usgov usgov-dod china emulator) ;;
    *' --graph-url') takes=text ;;
    *' --timeout') takes=text ;;
    *' --deadline') takes=text ;;
    *' --max-retries') takes=text ;;
    *' --concurrency') takes=text ;;
    *' --audit-log') takes=file ;;
    *' --reason') takes=text ;;
    *' --color') takes=words choices=(auto always never) ;;
  esac
}

# What the next argument is here.
__policykeys_argument() {
  takes='' many='' choices=()
  case "$path $count" in
    ' create 0') takes=keyset ;;
    ' get 0') takes=keyset ;;
    ' update 0') takes=keyset ;;
    ' delete 0') takes=keyset ;;
    ' generate-key 0') takes=keyset ;;
    ' upload-secret 0') takes=keyset ;;
    ' upload-certificate 0') takes=keyset ;;
    ' upload-certificate 1') takes=file ;;
    ' upload-pkcs12 0') takes=keyset ;;
    ' upload-pkcs12 1') takes=file ;;
    ' get-active-key 0') takes=keyset ;;
    ' keys list 0') takes=keyset ;;
    ' keys get 0') takes=keyset ;;
    ' keys get 1') takes=text ;;
    ' keys enable 0') takes=keyset ;;
    ' keys enable 1') takes=text ;;
    ' keys disable 0') takes=keyset ;;
    ' keys disable 1') takes=text ;;
    ' keys help 0') takes=words choices=(list get enable disable) ;;
    ' inspect 0') takes=file ;;
    ' convert 0') takes=file ;;
    ' generate-certificate 0') takes=keyset ;;
    ' emulator help 0') takes=words choices=(serve reset) ;;
    ' completion 0') takes=words choices=(bash zsh fish powershell) ;;
    ' help 0') takes=words choices=(list create get update delete generate-key upload-secret upload-certificate upload-pkcs12 get-active-key keys inspect convert generate-certificate emulator completion) ;;
  esac
}

# The commands and the options here.
__policykeys_words() {
  commands=() flags=()
  case $path in
    '') commands=(list ls create get show update delete rm generate-key upload-secret upload-certificate upload-pkcs12 get-active-key active keys inspect convert generate-certificate emulator completion help) flags=(-V --version) ;;
    ' list') flags=(--include-backups) ;;
    ' create') flags=(--if-missing) ;;
    ' get')  ;;
    ' update') flags=(--from) ;;
    ' delete') flags=(--if-exists --purge) ;;
    ' generate-key') flags=(--kty --use --nbf --exp --create --if-empty --standby --stage --enable) ;;
    ' upload-secret') flags=(--use --from --exact --nbf --exp --create --if-empty --standby --stage --enable) ;;
    ' upload-certificate') flags=(--if-changed --allow-expired --create --if-empty --standby --stage --enable) ;;
    ' upload-pkcs12') flags=(--password-from --no-password --certificate --key --chain --key-password-from --alias --allow-expired --no-convert --if-changed --create --if-empty --standby --stage --enable) ;;
    ' get-active-key')  ;;
    ' keys') commands=(list get enable disable help) ;;
    ' keys list')  ;;
    ' keys get')  ;;
    ' keys enable')  ;;
    ' keys disable') flags=(--force) ;;
    ' keys help')  ;;
    ' inspect') flags=(--password-from --no-password --alias) ;;
    ' convert') flags=(--out --password-from --no-password --certificate --key --chain --key-password-from --alias --allow-expired --out-password-from --overwrite) ;;
    ' generate-certificate') flags=(--subject --nbf --exp --key-size --use --certificate-out --pkcs12-out --password-from --overwrite --create --if-empty --standby --stage --enable) ;;
    ' emulator') commands=(serve reset help) ;;
    ' emulator serve') flags=(--port --no-tls --latency --not-found-status --new-keys --key-status --settle --page-size --role --fault) ;;
    ' emulator reset')  ;;
    ' emulator help')  ;;
    ' completion')  ;;
    ' help')  ;;
  esac
  flags+=(-o --output --query --profile --tenant --client-id --auth --cloud --graph-url --dry-run -y --yes --no-input --timeout --deadline --max-retries --concurrency --audit-log --reason -q --quiet -v --verbose --debug --color -h --help)
}

# Offers those of the words that begin as the one under the cursor.
__policykeys_offer() {
  local word
  for word in "$@"; do
    if [[ $word == "$cur"* ]]; then COMPREPLY+=("$before$word"); fi
  done
}

# Keysets that the last list showed, by the program that is being typed; it asks nobody.
__policykeys_keysets() {
  local i word given='' name program=${COMP_WORDS[0]}
  local -a chosen
  chosen=()
  for ((i = 1; i < ${#words[@]}; i++)); do
    # As typed means with quotes; what a variable holds is not looked up.
    word=${words[i]//[\"\'\\]/}
    if ((i == at)); then
      given=''
    elif [[ -n $given ]]; then
      chosen+=("$given=$word") given=''
    else
      case $word in
        --) break ;;
        --cloud | --tenant | --profile | --graph-url) given=$word ;;
        --cloud=* | --tenant=* | --profile=* | --graph-url=*) chosen+=("$word") ;;
      esac
    fi
  done
  program=${program//[\"\'\\]/}
  if [[ $program == '~/'* ]]; then program=${HOME-}/${program:2}; fi
  case $(type -t -- "$program" 2>/dev/null) in
    file | function) ;;
    *) program=policykeys ;;
  esac
  while read -r name; do
    if [[ -z $name ]]; then continue; fi
    case $cur in
      B2C_*) __policykeys_offer "$name" ;;
      B | B2 | B2C) __policykeys_offer "$name" "${name#B2C_1A_}" ;;
      *) __policykeys_offer "${name#B2C_1A_}" ;;
    esac
  done <<< "$("$program" --output=tsv __keysets ${chosen[@]+"${chosen[@]}"} 2>/dev/null </dev/null)"
}

_policykeys() {
  local IFS=$' \t\n'
  local i word part line size at=0 last=-1 cur='' before='' path='' count=0
  local option='' more='' ended='' takes='' many=''
  local -a words choices commands flags
  words=() choices=() commands=() flags=() COMPREPLY=()

  # bash cuts words at = and : too. What touches in the line belongs together.
  line=${COMP_LINE-}
  if [[ -z $line ]]; then line="${COMP_WORDS[*]}"; fi
  part=$line
  for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
    word=${COMP_WORDS[i]}
    if ((i == 0)) || [[ $part == [[:space:]]* ]]; then
      last=$((last + 1))
      words[last]=''
    fi
    part=${part#"${part%%[![:space:]]*}"}
    if ((i == COMP_CWORD)); then
      at=$last
      size=$((${COMP_POINT:-${#line}} - ${#line} + ${#part}))
      if ((size < 0 || size > ${#word})); then size=${#word}; fi
      cur=${words[last]}${word:0:size}
    fi
    words[last]=${words[last]}$word
    part=${part#"$word"}
  done

  for ((i = 1; i < at; i++)); do
    word=${words[i]}
    if [[ -n $ended ]]; then
      count=$((count + 1))
    elif [[ -n $option && ( -z $more || $word != -* ) ]]; then
      # A value; an option that takes many takes all up to the next option.
      if [[ -n $many ]]; then more=yes; else option=''; fi
    elif [[ $word == -- ]]; then
      option='' ended=yes
    elif [[ $word == -* ]]; then
      option='' more=''
      __policykeys_option "$word"
      if [[ -n $takes ]]; then option=$word; fi
    elif ((count > 0)) || ! __policykeys_enter "$word"; then
      count=$((count + 1))
    fi
  done

  __policykeys_words
  if [[ -n $option && ( -z $more || $cur != -* ) ]]; then
    __policykeys_option "$option"
  elif [[ -z $ended && $cur == --*=* ]]; then
    __policykeys_option "${cur%%=*}"
    # Where = ends a word, the shell replaces only what follows it.
    if [[ ${COMP_WORDBREAKS-} != *=* ]]; then before=${cur%%=*}=; fi
    cur=${cur#*=}
  elif [[ -z $ended && $cur == -* ]]; then
    takes=words choices=("${flags[@]}")
  elif ((${#commands[@]} > 0)); then
    takes='' choices=()
    if ((count == 0)); then takes=words choices=("${commands[@]}"); fi
  else
    __policykeys_argument
  fi

  case $takes in
    # The shell itself knows best how to complete and to quote a file's name.
    file) compopt -o default 2>/dev/null || : ;;
    keyset)
      cur=${cur#[\"\']}
      __policykeys_keysets
      ;;
    words)
      cur=${cur#[\"\']}
      __policykeys_offer "${choices[@]}"
      ;;
  esac
  return 0
}

if type compopt >/dev/null 2>&1; then
  complete -F _policykeys policykeys
else
  # bash 3.2 cannot ask for files now and then: it offers them where nothing else fits.
  complete -o default -F _policykeys policykeys
fi
