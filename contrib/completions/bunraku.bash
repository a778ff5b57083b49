# bash completion for bunraku. What there is to complete is asked of bunraku itself, so it is what this bunraku has.

_bunraku_words() { # _bunraku_words SECTION [VERB]: the first words of that section of its help
  "${COMP_WORDS[0]}" ${2:+"$2"} --help 2>/dev/null | awk -v section="$1:" '
    /^[A-Za-z]/ { here = ($0 == section) }
    here && /^  -/ { n = split($1, names, ","); for (i = 1; i <= n; ++i) print names[i] }
    here && /^  [a-z]/ { print $1 }'
}

_bunraku_scenarios() { # those of Puppet's services; what each is, `bunraku drill --list` says
  "${COMP_WORDS[0]}" drill --list 2>/dev/null | awk '
    /^SERVICE-/ { n = split("ca catalog files report", services, " ")
                  for (i = 1; i <= n; ++i) print services[i] substr($1, length("SERVICE") + 1); next }
    /^[a-z]+-[a-z]+$/'
}

_bunraku() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' verbs i
  COMPREPLY=()
  verbs=$(_bunraku_words Subcommands)
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ $'\n'$verbs$'\n' == *$'\n'"${COMP_WORDS[i]}"$'\n'* ]]; then verb=${COMP_WORDS[i]}; break; fi
  done
  case $before in
  -c | --config | --puppet-conf | --socket | --plan | --html | --junit | --chain | --ca | --crl) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
  --for) mapfile -t COMPREPLY < <(compgen -W '30m 1h 1d' -- "$word"); return ;;
  --revocation) mapfile -t COMPREPLY < <(compgen -W 'chain leaf none' -- "$word"); return ;;
  --service) mapfile -t COMPREPLY < <(compgen -W 'ca catalog files report' -- "$word"); return ;;
  --fallback | --ca-server | --name) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word"); return ;;
  --picks | --seed | --time | --ca-fingerprint | --*wait*for*) return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_bunraku_words Options "$verb") $(_bunraku_words Options)" -- "$word" | sort -u)
  elif [[ -z $verb ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word")
  elif [[ $verb == resolve || $verb == explain ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'ca catalog files report' -- "$word")
  elif [[ $verb == drill ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_bunraku_scenarios)" -- "$word")
  elif [[ $verb == drain || $verb == undrain ]]; then
    mapfile -t COMPREPLY < <(compgen -A hostname -- "$word")
  fi
}
complete -o filenames -F _bunraku bunraku
