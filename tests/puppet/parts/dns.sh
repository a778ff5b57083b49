# shellcheck shell=bash
# The zone, and Knot to serve it: port 53 for the agent's resolver, port 5353 for those who are told where to ask.

serial() { cat "$SITE_DIR/dns/serial" 2>/dev/null || echo 1; }

make_zone() {
  local m
  {
    # shellcheck disable=SC2016 # a zone file's own words
    printf '$ORIGIN %s.\n$TTL 60\n@ IN SOA ns hostmaster %s 3600 600 86400 60\n@ IN NS ns\n' "$DOMAIN" "$(serial)"
    printf 'ns IN A %s\n' "$SITE_NET.53"
    for m in "${MASTERS[@]}"; do printf '%s IN A %s\n' "$m" "$(addr "$m")"; done
    printf 'reports IN A %s\n' "$(addr ca)"
    # a name that all compile masters share, in DNS and in their certificates
    printf 'puppet IN A %s\n' "$(addr compile1)" "$(addr compile2)"
    # Priorities, not weights: the tests can say who must be asked first.
    printf '_x-puppet%s._tcp IN SRV %s 50 8140 %s\n' \
      -ca 10 ca '' 10 compile1 '' 20 compile2 -fileserver 10 files -fileserver 20 compile2 \
      -report 10 reports -report 20 compile2
    # srv_domain = weights.site.test: one priority, weights 3 to 1, and only the general record
    printf '_x-puppet._tcp.weights IN SRV 10 %s 8140 %s\n' 30 compile1 10 compile2
    # srv_domain = none.site.test: "this service is decidedly not available here" (RFC 2782)
    printf '_x-puppet._tcp.none IN SRV 0 0 0 .\n'
    # srv_domain = wrong.site.test: the first name is not in the certificate of the master that it leads to
    printf 'wrong IN A %s\n' "$(addr compile1)"
    printf '_x-puppet._tcp.wrong IN SRV %s 50 8140 %s\n' 10 wrong 20 compile2
    [[ ! -e $SITE_DIR/dns/forged ]] || cat "$SITE_DIR/dns/forged"
  } | put "$SITE_DIR/dns/$DOMAIN.zone"
  mkdir -p "$SITE_DIR/dns/run" "$SITE_DIR/dns/db"
  put "$SITE_DIR/dns/knot.conf" <<CONF
server:
    rundir: $SITE_DIR/dns/run
    listen: [ $SITE_NET.53@53, $SITE_NET.53@5353 ]
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
database:
    storage: $SITE_DIR/dns/db
zone:
  - domain: $DOMAIN
    storage: $SITE_DIR/dns
    file: $DOMAIN.zone
    zonefile-sync: -1
    journal-content: none
log:
  - target: stdout
    any: info
CONF
}

start_dns() {
  local i
  # One that was killed leaves its pid file, and knotd believes that.
  pid_of dns >/dev/null || rm -f "$SITE_DIR/dns/run/knot.pid"
  pid_of dns >/dev/null || spawn dns knotd -c "$SITE_DIR/dns/knot.conf"
  for ((i = 0; i < 100; i++)); do
    if kdig +short +timeout=1 +retry=0 "@$SITE_NET.53" -p 5353 "_x-puppet-ca._tcp.$DOMAIN" SRV 2>/dev/null |
      grep -q "ca.$DOMAIN"; then
      return 0
    fi
    pid_of dns >/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$SITE_DIR/log/dns.log" >&2
  return 1
}

# What whoever can answer the agents' DNS questions would do: records beside the true ones, which come first.
forge() { # forge NAME ADDRESS
  { printf '%s IN A %s\n' "$1" "$2"
    printf '_x-puppet%s._tcp IN SRV 0 50 8140 %s\n' '' "$1" -fileserver "$1" -report "$1"; } | put "$SITE_DIR/dns/forged"
  serve_zone "^0 50 8140 $(fqdn "$1")\\.$"
}

unforge() {
  [[ -e $SITE_DIR/dns/forged ]] || return 0
  rm "$SITE_DIR/dns/forged"
  serve_zone -v '^0 '
}

serve_zone() { # serve_zone GREP_ARGS...: makes it anew and waits until the compile masters' records fit
  local i
  local next=$(($(serial) + 1))
  put "$SITE_DIR/dns/serial" <<<"$next"
  make_zone
  signal HUP dns
  for ((i = 0; i < 300; i++)); do
    if kdig +short +timeout=1 +retry=0 "@$SITE_NET.53" -p 5353 "_x-puppet._tcp.$DOMAIN" SRV 2>/dev/null |
      sort | head -n 1 | grep -q "$@"; then
      return 0
    fi
    sleep 0.1
  done
  die "the name server does not take the zone; its log is $SITE_DIR/log/dns.log"
}
