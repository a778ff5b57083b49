# shellcheck shell=bash
# The agent's side: a node's directories, its puppet.conf, its enrolment and its runs.

node_conf() { # node_conf NAME: puppet.conf as on a host whose agent talks to the resolver beside it
  local d
  d=$(node_dir "$1")
  mkdir -p "$d"/{conf,ssl,var,run,log,public}
  put "$d/conf/puppet.conf" <<CONF
[main]
certname = $(fqdn "$1")
confdir = $d/conf
ssldir = $d/ssl
vardir = $d/var
rundir = $d/run
logdir = $d/log
publicdir = $d/public
srv_domain = $DOMAIN

[agent]
server = $(fqdn "$1")
ca_server = $(fqdn "$1")
CONF
}

as_node() { # as_node SUBCOMMAND ARGS...: puppet with the node's directories
  local d sub=$1
  shift
  d=$(node_dir "$SITE_NODE")
  [[ -e $d/conf/puppet.conf ]] || node_conf "$SITE_NODE"
  FACTER_stage_target=$d/target RUBYOPT=${SITE_RUBYOPT:-} in_site puppet "$sub" --config "$d/conf/puppet.conf" --confdir "$d/conf" "$@"
}

# Directly at the CA: what is under test may be broken and must not be needed for this. It takes longer than it should,
# by Jetty's idle limit: puppetserver sends a TLS session ticket after its answer, which the agent's Ruby takes for the
# end of the connection and waits for.
enrol() {
  local d log=$SITE_DIR/log/enrol-$SITE_NODE.log
  d=$(node_dir "$SITE_NODE")
  [[ ! -s $d/ssl/certs/$(fqdn "$SITE_NODE").pem || ! -s $d/ssl/crl.pem ]] || return 0
  SITE_HOSTS='' as_node ssl bootstrap --server "$(fqdn ca)" --ca_server "$(fqdn ca)" --waitforcert 0 >"$log" 2>&1 ||
    { cat "$log" >&2; return 1; }
}

forget() {
  local d
  d=$(node_dir "$SITE_NODE")
  rm -rf "${d:?}"/{var,target,public}
  node_conf "$SITE_NODE"
}

sign() {
  in_site puppetserver ca sign --config "$(node_dir ca)/conf/puppet.conf" --certname "$(fqdn "$1")"
}

revoke() {
  in_site puppetserver ca revoke --config "$(node_dir ca)/conf/puppet.conf" --certname "$(fqdn "$1")"
}
