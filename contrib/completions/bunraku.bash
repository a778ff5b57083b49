# bash completion for bunraku. What there is to complete is asked of bunraku itself, so it is what this bunraku has.

_bunraku_words() { # _bunraku_words SECTION [VERB]: the first words of that section of its help
  "${COMP_WORDS[0]}" ${2:+"$2"} --help 2>/dev/null | awk -v section="$1:" '
    /^[A-Za-z]/ { here = ($0 == section) }
    here && /^  -/ { n = split($1, names, ","); for (i = 1; i <= n; ++i) print names[i] }
    here && /^  [a-z]/ { print $1 }'
}

_bunraku() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' verbs i
  COMPREPLY=()
  verbs=$(_bunraku_words Subcommands)
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ $'\n'$verbs$'\n' == *$'\n'"${COMP_WORDS[i]}"$'\n'* ]]; then verb=${COMP_WORDS[i]}; break; fi
  done
  case $before in
  -c | --config | --puppet-conf | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
  --for) mapfile -t COMPREPLY < <(compgen -W '30m 1h 1d' -- "$word"); return ;;
  --picks | --seed | --ca-fingerprint | --wait-for-cert) return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_bunraku_words Options "$verb") $(_bunraku_words Options)" -- "$word" | sort -u)
  elif [[ -z $verb ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word")
  elif [[ $verb == resolve || $verb == explain ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'ca catalog files report' -- "$word")
  elif [[ $verb == drain || $verb == undrain ]]; then
    mapfile -t COMPREPLY < <(compgen -A hostname -- "$word")
  fi
}
complete -o filenames -F _bunraku bunraku
