#include "config/keys.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace shim::config {
namespace {

constexpr std::int64_t second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
constexpr std::int64_t path_length = 4096;
constexpr std::string_view revocations = "chain|leaf|none";

constexpr std::array table{
    key_row{"puppet", "conf", shape::path, "", 1, path_length, "",
            "the puppet.conf to read; unset: where `puppet agent` itself would find it"},
    key_row{"puppet", "certname", shape::text, "", 1, 253, "", "this node's certname, instead of puppet.conf's"},
    key_row{"puppet", "ssldir", shape::path, "", 1, path_length, "", "Puppet's ssldir, instead of puppet.conf's"},
    key_row{"puppet", "root", shape::path, "", 1, path_length, "",
            "look for puppet.conf and ssldir below this directory instead of /"},

    key_row{"listen", "way", shape::choice, "\"terminate\"", 0, 0, "terminate|connect|passthrough|socket",
            "terminate: TLS with the agent's own certificate on both sides; connect: a proxy for http_proxy_host; "
            "passthrough: TLS goes through to a master chosen by its server name; socket: plain HTTP/1.1 on a Unix "
            "socket"},
    key_row{"listen", "address", shape::text, "", 1, 64, "",
            "all but socket: IP address and port, \"127.0.0.1:8140\" or \"[::1]:8140\""},
    key_row{"listen", "service", shape::text, "", 1, 32, "",
            "passthrough: where clients go whose TLS names no server; unset: they are refused"},
    key_row{"listen", "beyond_loopback", shape::boolean, "false", 0, 0, "",
            "terminate: let `address` be one that other hosts can reach (they still need this node's own key)"},
    key_row{"listen", "path", shape::path, "", 1, 107, "", "socket: the file, made at start and removed at the end"},
    key_row{"listen", "users", shape::users, "[]", 0, 64, "",
            "socket: who may use it besides root and bunraku's own user, by name or number"},
    key_row{"listen", "mode", shape::text, "\"auto\"", 1, 8, "",
            "socket: the file's mode, \"0660\"; auto: 0600, or 0666 when `users` decides who may"},
    key_row{"listen", "inherit", shape::text, "", 1, 255, "",
            "take an inherited socket (LISTEN_FDS) by its FileDescriptorName, or by its number from 0, instead"},

    key_row{"local", "certificate", shape::path, "", 1, path_length, "",
            "local leg: certificate to show; goes with `key`; unset: puppet.conf's hostcert"},
    key_row{"local", "key", shape::key, "", 1, path_length, "",
            "local leg: its key, a file or \"pkcs11:...\"; unset: hostprivkey"},
    key_row{"local", "passphrase_file", shape::path, "", 1, path_length, "",
            "local leg: file whose whole content is the key's passphrase; unset: passfile"},
    key_row{"local", "ca", shape::path, "", 1, path_length, "", "local leg: CA bundle; unset: localcacert"},
    key_row{"local", "crl", shape::path, "", 1, path_length, "", "local leg: CRL bundle; unset: hostcrl"},
    key_row{"local", "revocation", shape::choice, "", 0, 0, revocations,
            "local leg: which CRLs must be there; unset: certificate_revocation"},

    key_row{"upstream", "certificate", shape::path, "", 1, path_length, "",
            "to the masters: certificate to show; goes with `key`; unset: puppet.conf's hostcert"},
    key_row{"upstream", "key", shape::key, "", 1, path_length, "",
            "to the masters: its key, a file or \"pkcs11:token=NAME;object=NAME?pin-source=FILE\"; unset: hostprivkey"},
    key_row{"upstream", "passphrase_file", shape::path, "", 1, path_length, "",
            "to the masters: file whose whole content is the key's passphrase; unset: passfile"},
    key_row{"upstream", "ca", shape::path, "", 1, path_length, "", "to the masters: CA bundle; unset: localcacert"},
    key_row{"upstream", "crl", shape::path, "", 1, path_length, "", "to the masters: CRL bundle; unset: hostcrl"},
    key_row{"upstream", "revocation", shape::choice, "", 0, 0, revocations,
            "to the masters: which CRLs must be there; unset: certificate_revocation"},
    key_row{"upstream", "strip_headers", shape::texts, "[]", 0, 32, "",
            "request headers never passed on, besides the built-in ones (X-Client-DN, Forwarded, ...)"},

    key_row{"dns", "nameservers", shape::texts, "[]", 0, 8, "",
            "\"192.0.2.53\", \"127.0.0.1:5353\", \"[::1]:53\", \"fe80::53%eth0\"; empty: /etc/resolv.conf's"},
    key_row{
        "dns", "forward", shape::texts, "[]", 0, 16, "",
        "domains with name servers of their own, \"consul 127.0.0.1:8600\": the domain, then one or more servers; the "
        "longest domain that a name lies in counts"},
    key_row{"dns", "hosts_file", shape::text, "\"/etc/hosts\"", 0, path_length, "",
            "for the masters' addresses, before DNS; \"\": not used"},
    key_row{"dns", "lookup_deadline", shape::duration, "\"3s\"", 100, minute, "",
            "for one name, with all tries and name servers"},
    key_row{"dns", "try_timeout", shape::duration, "\"1s\"", 50, minute, "",
            "before the next try or name server; at most lookup_deadline"},
    key_row{"dns", "ttl_floor", shape::duration, "\"5s\"", second, hour, "", "answers are kept at least this long"},
    key_row{"dns", "stale_for", shape::duration, "\"7d\"", 0, 30 * day, "",
            "while DNS fails, its last answer is used until it is this old; \"0s\": not at all"},
    key_row{"dns", "vanished_for", shape::duration, "\"1h\"", 0, 7 * day, "",
            "records that are gone are used this long still, unless none of their masters can be reached"},
    key_row{
        "dns", "store", shape::text, "\"auto\"", 0, path_length, "",
        "the file that keeps the last answers for the next start; auto: dns-answers in $STATE_DIRECTORY, else none; "
        "\"\": none"},
    key_row{
        "dns", "srv", shape::choice, "\"auto\"", 0, 0, "auto|true|false",
        "ask SRV records; auto: if use_srv_records or srv_domain is set, or if puppet.conf names no master but this "
        "node itself"},
    key_row{"dns", "srv_domain", shape::text, "", 1, 253, "",
            "where the SRV records are, instead of puppet.conf's srv_domain (default: the host's domain)"},

    key_row{"identity", "master_names", shape::texts, "[]", 0, 16, "",
            "a master's certificate must carry one of these names, which only masters have: \"puppet.example.com\", or "
            "\"*.masters.example.com\" for one label; empty: any certificate of the CA will do"},
    key_row{"identity", "within", shape::texts, "[]", 0, 16, "",
            "SRV records may name masters in these domains alone; empty: anywhere"},
    key_row{"identity", "pins", shape::texts, "[]", 0, 64, "",
            "SHA-256 of the public keys (SubjectPublicKeyInfo) that masters have, in hexadecimal; empty: any key"},

    key_row{"connect", "timeout", shape::duration, "\"3s\"", 50, 2 * minute, "", "TCP, for one address"},
    key_row{"connect", "tls_timeout", shape::duration, "\"5s\"", 50, 2 * minute, "", "the handshake, after TCP"},
    key_row{"connect", "race_delay", shape::duration, "\"250ms\"", 10, 30 * second, "",
            "the next address or master is tried as well when the one before takes longer"},

    key_row{"service", "masters", shape::texts, "[]", 0, 64, "",
            "\"host:port\", in the order to try them; asked after srv_name if that is given too"},
    key_row{"service", "srv_name", shape::texts, "[]", 0, 8, "",
            "SRV record, whole name (\"_x-puppet-canary._tcp.example.com\"); of several the first that exists answers"},
    key_row{"service", "names", shape::texts, "[]", 0, 64, "",
            "\"name:port\" by which clients of connect and passthrough ask for it, port 8140 if left out; besides "
            "puppet.conf's server, ca_server and report_server"},
    key_row{"service", "pins", shape::texts, "[]", 0, 64, "", "for this service, instead of [identity] pins"},
    key_row{"service", "source", shape::text, "", 1, 32, "",
            "the plugin that knows its masters, asked before all other sources"},
    key_row{"service", "policy", shape::text, "", 1, 32, "",
            "the plugin that orders its masters within a priority, and the entries of `masters` as if they were one"},
    key_row{"service", "probe", shape::text, "", 1, 32, "",
            "the plugin that says how loaded a master is, for a policy that wants to know"},
    key_row{"service.ca", "first_byte_timeout", shape::duration, "\"60s\"", 100, day, "",
            "from the request's end to the answer's first byte"},
    key_row{"service.catalog", "first_byte_timeout", shape::duration, "\"10m\"", 100, day, "",
            "as for ca; compiling may take minutes"},
    key_row{"service.files", "first_byte_timeout", shape::duration, "\"60s\"", 100, day, "", "as for ca"},
    key_row{"service.report", "first_byte_timeout", shape::duration, "\"5m\"", 100, day, "", "as for ca"},
    key_row{"service", "first_byte_timeout", shape::duration, "\"10m\"", 100, day, "",
            "as for ca; for further services"},

    key_row{"route", "service", shape::text, "", 1, 32, "", "where such requests go: a service's name"},
    key_row{"route", "path_prefix", shape::text, "", 1, 1024, "",
            "the path begins with these bytes; requests to the CA are only routed if this begins with /puppet-ca/"},
    key_row{"route", "environment", shape::text, "", 1, 128, "", "the agent's environment"},
    key_row{"route", "header", shape::pair, "", 1, 1024, "",
            "a request header of this name with exactly this value (an agent sends it by http_extra_headers)"},

    key_row{"limits", "header_bytes", shape::integer, "32768", 2048, 1048576, "", "of a request's or answer's head"},
    key_row{"limits", "header_count", shape::integer, "100", 16, 100, "", "header fields in a head"},
    key_row{"limits", "target_bytes", shape::integer, "16384", 1024, 524288, "",
            "of a request target; within header_bytes"},
    key_row{"limits", "replay_bytes", shape::integer, "1048576", 0, 1073741824, "",
            "of a request body kept in memory so that it can be sent to another master; of all together 8 times that"},
    key_row{"limits", "replay_file_bytes", shape::integer, "67108864", 0, 17179869184, "",
            "of what is beyond replay_bytes, kept in a temporary file; of all together 8 times that; 0: no file"},
    key_row{"limits", "connections", shape::integer, "512", 4, 65536, "", "of clients at once"},
    key_row{"limits", "idle_connections", shape::integer, "32", 0, 1024, "", "to masters, kept for the next request"},
    key_row{"limits", "idle", shape::duration, "\"60s\"", 5 * second, day, "",
            "a client's connection between two requests; an agent itself waits 4 s"},
    key_row{"limits", "upstream_idle", shape::duration, "\"20s\"", 0, 29 * second, "",
            "a kept connection to a master; masters close theirs after 30 s"},
    key_row{"limits", "handshake_timeout", shape::duration, "\"10s\"", 100, 5 * minute, "", "TLS with a client"},
    key_row{"limits", "header_timeout", shape::duration, "\"10s\"", 100, 5 * minute, "",
            "a request's whole head, from its first byte"},
    key_row{"limits", "stall_timeout", shape::duration, "\"30s\"", second, hour, "",
            "without a byte of progress on either leg"},
    key_row{"limits", "deadline", shape::duration, "\"10m\"", second, day, "",
            "from a request's head to the begin of its answer, with all attempts; an agent waits http_read_timeout; a "
            "master has half of what is left while another one is known"},
    key_row{"limits", "tunnel_idle", shape::duration, "\"1h\"", second, 7 * day, "",
            "connect and passthrough: without a byte in either direction"},
    key_row{"limits", "drain_timeout", shape::duration, "\"30s\"", 0, hour, "",
            "at SIGTERM: for exchanges under way to end"},

    key_row{
        "plugins", "directory", shape::text, "\"auto\"", 1, path_length, "",
        "where plugins are; it and all that leads to it must be root's alone to change; auto: bunraku/plugins beside "
        "the libraries it was installed with"},

    key_row{"plugin", "load", shape::text, "", 1, 32, "",
            "the file's name without .so, where it is not the table's: one plugin may be loaded more than once"},
    key_row{"plugin", "deadline", shape::duration, "\"1s\"", 1, minute, "",
            "for one of its answers; whoever waits goes on without it then"},

    key_row{"admin", "socket", shape::text, "\"auto\"", 0, 107, "",
            "where `bunraku status` and its like reach the daemon, root and the daemon's own user alone; auto: "
            "control.sock in $RUNTIME_DIRECTORY, else in /run/bunraku; \"\": none"},
    key_row{"admin", "address", shape::text, "", 1, 64, "",
            "a loopback address and port where every user of this host may look at the status page and metrics, and "
            "change nothing: \"127.0.0.1:9140\""},
    key_row{
        "admin", "textfile", shape::path, "", 1, path_length, "",
        "the file for node_exporter's textfile collector, written at the start, after runs, tunnels and reloads, and "
        "when credentials change; its name ends in .prom"},

    key_row{"drill", "allow", shape::boolean, "true", 0, 0, "", "let `bunraku drill` play failures on this host"},

    key_row{
        "sandbox", "use", shape::choice, "\"auto\"", 0, 0, "auto|off",
        "auto: at its start bunraku gives up what it will not need, as far as the kernel lets; off: it keeps all, for "
        "PKCS#11 modules that cannot do without"},
    key_row{"sandbox", "files", shape::texts, "[]", 0, 16, "",
            "files and directories that plugins, or the PKCS#11 module of a `key`, read and write; what is below /etc, "
            "/usr "
            "and /run they may read anyway"},

    key_row{"log", "level", shape::choice, "\"info\"", 0, 0, "trace|debug|info|warning|error",
            "the least that is told"},
    key_row{
        "log", "access", shape::boolean, "true", 0, 0, "",
        "one line for each exchange, at level info; those that no master served are warnings, and told in any case"},
    key_row{"log", "to", shape::choice, "\"auto\"", 0, 0, "auto|stderr|journal",
            "auto: the journal if stderr is connected to it"},
};

constexpr std::array<std::string_view, 16> tables{"puppet",  "listen",  "local",   "upstream", "dns",     "identity",
                                                  "connect", "service", "route",   "limits",   "plugins", "plugin",
                                                  "admin",   "drill",   "sandbox", "log"};

// Levenshtein's, with a swap of neighbours counted as one edit.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::span<const key_row> all_keys() noexcept { return table; }
std::span<const std::string_view> all_tables() noexcept { return tables; }

const key_row* find_key(std::string_view in, std::string_view name) noexcept {
  for (const auto& row : table)
    if (row.table == in && row.name == name) return &row;
  if (in.starts_with("service.")) return find_key("service", name);
  if (in.starts_with("plugin.")) return find_key("plugin", name);
  return nullptr;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  if (word.size() > 64) return best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const auto candidate : candidates) {
    // A word that is part of the other is near too: "timeout" for "tls_timeout".
    const bool part =
        std::min(word.size(), candidate.size()) >= 3 && (candidate.contains(word) || word.contains(candidate));
    const auto far = part ? 2 : distance(word, candidate);
    if (far < least) least = far, best = candidate;
  }
  return least <= std::max<std::size_t>(2, word.size() / 2) ? best : std::string_view{};
}

std::vector<std::string_view> names_in(std::string_view in) {
  auto whole = in;
  for (const std::string_view named : {"service", "plugin"})
    if (in.starts_with(named) && in.substr(named.size()).starts_with('.')) whole = named;
  std::vector<std::string_view> names;
  for (const auto& row : table)
    if (row.table == whole) names.push_back(row.name);
  return names;
}

}  // namespace shim::config
