# shellcheck shell=bash
# Servers in the background. A pid file holds the pid and the process's start time, so that a pid which the kernel
# has given to somebody else is never signalled.

proc_field() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f"$2"; } # counted after the command's name
started_at() { proc_field "$1" 20; }
pid_file() { printf '%s/run/%s.pid' "$SITE_DIR" "$1"; }

pid_of() { # prints NAME's pid; fails unless that process is alive and ours
  local pid start
  [[ -s $(pid_file "$1") ]] || return 1
  read -r pid start <"$(pid_file "$1")" || return 1
  [[ -r /proc/$pid/stat && $(started_at "$pid") == "$start" && $(proc_field "$pid" 1) != Z ]] || return 1
  printf '%s' "$pid"
}

spawn() { # spawn NAME CMD...
  local name=$1 pid
  shift
  setsid "$@" >>"$SITE_DIR/log/$name.log" 2>&1 </dev/null &
  pid=$!
  printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$(pid_file "$name")"
}

signal() { # signal SIG NAME
  local pid
  pid=$(pid_of "$2") || die "$2 is not running"
  kill "-$1" "$pid"
}

end() { # end NAME [SIG]: and wait until it has gone; SIGKILL after 10 s
  local pid i
  pid=$(pid_of "$1") || { rm -f "$(pid_file "$1")"; return 0; }
  kill "-${2:-TERM}" "$pid" 2>/dev/null || true
  kill -CONT "$pid" 2>/dev/null || true
  for ((i = 0; i < 150; i++)); do
    pid_of "$1" >/dev/null || break
    ((i != 100)) || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.1
  done
  ! pid_of "$1" >/dev/null || die "$1 (pid $pid) does not end"
  rm -f "$(pid_file "$1")"
}
