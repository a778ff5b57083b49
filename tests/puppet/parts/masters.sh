# shellcheck shell=bash
# The four puppetservers: configuration, certificates, boot.

JAR=/usr/share/puppetserver/puppetserver.jar

make_master() {
  local n=$1 d
  d=$(node_dir "$n")
  mkdir -p "$d"/{conf,ssl/certs,var,run,log,public,tmp} "$d"/ps/{conf.d,services.d}
  put "$d/conf/puppet.conf" <<CONF
[main]
certname = $(fqdn "$n")
confdir = $d/conf
codedir = $SITE_DIR/code
ssldir = $d/ssl
vardir = $d/var
rundir = $d/run
logdir = $d/log
publicdir = $d/public
server = $(fqdn ca)
ca_server = $(fqdn ca)
[server]
cadir = $SITE_DIR/ca
autosign = $SITE_DIR/autosign.conf
reports = store
CONF
  cp /etc/puppet/puppetserver/conf.d/{auth,web-routes,metrics}.conf "$d/ps/conf.d/"
  service_configuration "$n" "$d"
  logging_configuration "$n" "$d"
  services "$n" | put "$d/ps/services.d/bootstrap.cfg"
}

service_configuration() { # service_configuration NAME DIR
  local n=$1 d=$2
  put "$d/ps/conf.d/global.conf" <<CONF
global: { logging-config: $d/ps/logback.xml }
CONF
  # no update check, no telemetry: nothing leaves the machine
  put "$d/ps/conf.d/product.conf" <<CONF
product: { check-for-updates: false, send-analytics: false }
dropsonde: { enabled: false }
CONF
  put "$d/ps/conf.d/ca.conf" <<CONF
certificate-authority: { allow-subject-alt-names: true }
CONF
  put "$d/ps/conf.d/puppetserver.conf" <<CONF
jruby-puppet: {
    ruby-load-path: [/usr/lib/puppetserver/ruby/vendor_ruby]
    gem-home: $d/var/jruby-gems
    gem-path: [\${jruby-puppet.gem-home}, "/usr/lib/puppetserver/vendored-jruby-gems"]
    server-conf-dir: $d/conf
    server-code-dir: $SITE_DIR/code
    server-var-dir: $d/var
    server-run-dir: $d/run
    server-log-dir: $d/log
    max-active-instances: 1
    # One request at a time and three in the queue; who comes then gets 503 with Retry-After.
    max-queued-requests: 3
    max-retry-delay: 4
}
http-client: {}
profiler: { enabled: false }
CONF
  # An agent that enrols at the CA without us waits for this time out (nodes.sh); 30 s are the default.
  local idle=30000
  [[ $n != ca ]] || idle=5000
  put "$d/ps/conf.d/webserver.conf" <<CONF
webserver: {
    idle-timeout-milliseconds: $idle
    access-log-config: $d/ps/access-log.xml
    client-auth: want
    ssl-host: $(addr "$n")
    ssl-port: $PORT
    ssl-cert: $d/ssl/certs/$(fqdn "$n").pem
    ssl-key: $d/ssl/private_keys/$(fqdn "$n").pem
    ssl-ca-cert: $d/ssl/certs/ca.pem
    ssl-crl-path: $d/ssl/crl.pem
}
CONF
}

logging_configuration() { # logging_configuration NAME DIR
  local n=$1 d=$2
  # One line for each request, with the name in the TLS client's certificate. real_site.py reads it.
  put "$d/ps/access-log.xml" <<CONF
<configuration debug="false">
  <conversionRule conversionWord="tlsClient" converterClass="bunraku.TlsClient"/>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>$SITE_DIR/log/access-$n.log</file>
    <append>true</append>
    <encoder><pattern>"%tlsClient" %t{"yyyy-MM-dd'T'HH:mm:ss.SSS"} "%r" %s %b %D "%i{Host}" "%i{User-Agent}"</pattern></encoder>
  </appender>
  <appender-ref ref="FILE"/>
</configuration>
CONF
  put "$d/ps/logback.xml" <<'CONF'
<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5p [%t] [%c{2}] %m%n</pattern></encoder>
  </appender>
  <logger name="org.eclipse.jetty" level="INFO"/>
  <root level="info"><appender-ref ref="STDOUT"/></root>
</configuration>
CONF
}

services() { # services NAME: what it loads; one has the CA
  local ca=puppetlabs.services.ca.certificate-authority
  grep -v analytics /etc/puppet/puppetserver/services.d/bootstrap.cfg
  if [[ $1 == ca ]]; then
    printf '%s\n' "$ca-service/certificate-authority-service" \
      puppetlabs.trapperkeeper.services.watcher.filesystem-watch-service/filesystem-watch-service
  else
    printf '%s\n' "$ca-disabled-service/certificate-authority-disabled-service"
  fi
}

# Names that a master's certificate has besides its own; a list for puppetserver's --subject-alt-names
more_names() {
  case $1 in
  ca) fqdn reports ;;
  compile*) fqdn puppet ;;
  files) fqdn puppet-files ;;
  esac
}

make_ca() {
  # Other nodes' requests wait for `site sign`.
  fqdn "$SITE_NODE" | put "$SITE_DIR/autosign.conf"
  [[ ! -e $SITE_DIR/ca/ca_crt.pem ]] || return 0
  puppetserver ca setup --config "$(node_dir ca)/conf/puppet.conf" --certname "$(fqdn ca)" \
    --subject-alt-names "$(fqdn ca),$(more_names ca)" --ca-name "Site CA" >"$SITE_DIR/log/ca-setup.log" 2>&1 ||
    { cat "$SITE_DIR/log/ca-setup.log" >&2; return 1; }
}

# By the CA's own tool while the CA is not running, so that nobody waits for its boot.
make_master_certificates() {
  local n d log=$SITE_DIR/log/certificates.log
  for n in compile1 compile2 files; do
    d=$(node_dir "$n")
    [[ ! -s $d/ssl/private_keys/$(fqdn "$n").pem ]] || continue # what the tool writes last
    rm -rf "$d/ssl"
    mkdir -p "$d/ssl/certs"
    cp "$SITE_DIR/ca/ca_crt.pem" "$d/ssl/certs/ca.pem"
    cp "$SITE_DIR/ca/ca_crl.pem" "$d/ssl/crl.pem"
    puppetserver ca generate --config "$d/conf/puppet.conf" --certname "$(fqdn "$n")" --ca-client --force \
      --subject-alt-names "$(fqdn "$n"),$(more_names "$n")" >>"$log" 2>&1 || { cat "$log" >&2; return 1; }
  done
}

# The access log's word %tlsClient; Clojure's compiler comes with puppetserver.
make_access_log_word() {
  local classes=$SITE_DIR/classes log=$SITE_DIR/log/access-log-word.log
  [[ ! -e $classes/.complete ]] || return 0
  mkdir -p "$classes"
  java -XX:TieredStopAtLevel=1 -cp "$JAR:$PARTS/../access_log:$classes" clojure.main -e \
    "(binding [*compile-path* \"$classes\"] (compile 'bunraku.tls-client))" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  touch "$classes/.complete"
}

spawn_master() {
  local n=$1 d
  d=$(node_dir "$n")
  ! pid_of "$n" >/dev/null || return 0
  view "$SITE_DIR/etc/masters" ''
  # Small, quick to boot, quiet: serial collector, first compiler only, its own temporary directory.
  spawn "$n" "$SELF" _become "$SITE_DIR/etc/masters" java -Xms128m "-Xmx$SITE_HEAP" -XX:+UseSerialGC \
    -XX:TieredStopAtLevel=1 -Xshare:auto -Djava.io.tmpdir="$d/tmp" \
    -Djruby.logger.class=com.puppetlabs.jruby_utils.jruby.Slf4jLogger -Djruby.lib=/usr/share/jruby/lib \
    -XX:ErrorFile="$d/log/hs_err_%p.log" \
    --add-opens java.base/sun.nio.ch=ALL-UNNAMED --add-opens java.base/java.io=ALL-UNNAMED \
    -cp "$JAR:$SITE_DIR/classes" puppetlabs.trapperkeeper.main --config "$d/ps/conf.d" --bootstrap-config "$d/ps/services.d"
}

answers() { # does it say that it is running?
  local out
  out=$(curl -s --max-time 5 --noproxy '*' --cacert "$SITE_DIR/ca/ca_crt.pem" \
    --resolve "$(fqdn "$1"):$PORT:$(addr "$1")" "https://$(fqdn "$1"):$PORT/status/v1/simple/server" 2>/dev/null) ||
    return 1
  [[ $out == running ]]
}

wait_master() {
  local n=$1 began=$SECONDS
  while ! answers "$n"; do
    if ! pid_of "$n" >/dev/null; then
      tail -n 25 "$SITE_DIR/log/$n.log" >&2
      die "$n ended while it started; its log is $SITE_DIR/log/$n.log"
    fi
    if ((SECONDS - began > SITE_WAIT)); then
      tail -n 25 "$SITE_DIR/log/$n.log" >&2
      die "$n did not say 'running' within $SITE_WAIT s; its log is $SITE_DIR/log/$n.log"
    fi
    sleep 0.25
  done
}

start() { # start NAME: one of the masters or dns
  if [[ $1 == dns ]]; then
    start_dns
  else
    addr "$1" >/dev/null
    spawn_master "$1"
    wait_master "$1"
  fi
}
