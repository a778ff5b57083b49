# shellcheck shell=bash
# Packets that get lost. (Refusal and silence come from signals: kill, stop.)

FAULT_TABLE=bunraku_site_${SITE_NET//./_}

blackhole() {
  local a
  a=$(addr "$1")
  nft add table inet "$FAULT_TABLE"
  nft "add chain inet $FAULT_TABLE in { type filter hook input priority 0; }"
  nft add rule inet "$FAULT_TABLE" in ip daddr "$a" tcp dport "$PORT" drop comment "\"$1\""
}

unblackhole() {
  local handle
  addr "$1" >/dev/null
  { nft -a list table inet "$FAULT_TABLE" 2>/dev/null || true; } | sed -n "s/.*comment \"$1\" # handle \([0-9]*\)$/\1/p" |
    while read -r handle; do nft delete rule inet "$FAULT_TABLE" in handle "$handle"; done
}

forget_faults() { nft delete table inet "$FAULT_TABLE" 2>/dev/null || true; }

restore() { # every fault is undone and everything runs
  local n
  forget_faults
  for n in dns "${MASTERS[@]}"; do
    ! pid_of "$n" >/dev/null || signal CONT "$n"
    [[ $n == dns ]] || spawn_master "$n"
  done
  for n in dns "${MASTERS[@]}"; do start "$n"; done
  unforge
}
