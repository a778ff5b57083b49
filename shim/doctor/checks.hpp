#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace shim::doctor {

/// What is looked for. Programs go by the name, so a name is never given to something else.
struct check_row {
  std::string_view name;
  std::string_view finds;  ///< as the end of "it finds ..."
};

/// By subject, in the order in which `bunraku doctor --list` and doc/doctor.md show them.
inline constexpr std::array all_checks{
    check_row{
        "configuration",
        "lines for which Puppet drops all of puppet.conf, comments behind values, settings twice or misspelt; every "
        "mistake in bunraku.toml"},
    check_row{"credentials",
              "certificate, key, CA bundle and CRL: missing, out of their time or soon to be, not belonging together, "
              "revoked"},
    check_row{"key-open", "a private key that every user can read"},
    check_row{"file-writable", "files that others than their owner can change"},
    check_row{"file-owner", "files of users who have nothing to do with Puppet"},
    check_row{"disk-full", "no room where catalogs, answers of DNS or metrics are kept"},
    check_row{"own-name", "a certificate that does not carry this node's name"},
    check_row{"server-list", "a server_list with which the agent goes past bunraku"},
    check_row{"srv-records", "use_srv_records, with which the agent asks DNS by itself"},
    check_row{"report-server", "a report_server past bunraku"},
    check_row{"ca-server-is-us", "a ca_server that is this node"},
    check_row{"ca-port", "a ca_port that is left to follow serverport, which is now ours"},
    check_row{"source-address", "a sourceaddress from which loopback cannot be reached"},
    check_row{"revocation-off", "certificate_revocation switched off"},
    check_row{"keepalive", "an http_keepalive_timeout not below [limits] idle"},
    check_row{"read-timeout", "an http_read_timeout below [limits] deadline"},
    check_row{"cached-catalog", "use_cached_catalog"},
    check_row{"http-proxy", "a proxy that gets the requests meant for bunraku"},
    check_row{"server-unset", "no server in puppet.conf, which OpenVox 9 refuses"},
    check_row{"server-elsewhere", "a server that is not bunraku"},
    check_row{"port", "a serverport at which bunraku does not listen"},
    check_row{"name-unknown", "a name by which the agent comes to bunraku, without an address"},
    check_row{"name-elsewhere", "such a name that leads elsewhere"},
    check_row{"explicit-source", "files of the last catalog from puppet://HOST/..., which the agent asks directly"},
    check_row{"explicit-bucket", "filebuckets of the last catalog at a host of their own"},
    check_row{"agent-disabled", "puppet agent --disable"},
    check_row{"not-running", "no daemon"},
    check_row{"daemon-hangs", "a daemon that listens and does not answer"},
    check_row{"not-root", "that it is not root who asks, and so the daemon was not asked"},
    check_row{"reload-failed", "a daemon that refused its last reload"},
    check_row{"other-certname", "a daemon that runs under another node's name"},
    check_row{"old-daemon", "a daemon of another version than the program"},
    check_row{"drained", "a master that was told to be left alone"},
    check_row{"any-node-a-master", "nothing says which certificates are masters'"},
    check_row{"dns-fails", "DNS gives no answer about a service"},
    check_row{"name-server-silent", "one of several name servers that does not answer"},
    check_row{"name-servers-differ", "name servers that do not say the same"},
    check_row{"service-absent", "DNS says that a service is not offered"},
    check_row{"no-master", "a service without a master"},
    check_row{"one-master", "a service with one master alone"},
    check_row{"master-no-address", "a master's name without an address"},
    check_row{"master-refused", "a master that takes no connection"},
    check_row{"master-silent", "packets to a master are dropped"},
    check_row{"master-no-tls", "a master's port where nobody speaks TLS"},
    check_row{"master-untrusted", "a master's certificate of another CA"},
    check_row{"master-expired", "a master's certificate out of its time"},
    check_row{"master-ends-soon", "a master's certificate that ends within 30 days"},
    check_row{"master-revoked", "a master's certificate that the CA has revoked"},
    check_row{"master-wrong-name", "a master's certificate for another name"},
    check_row{"master-wrong-purpose", "a master's certificate for clients alone"},
    check_row{"master-no-master", "a certificate that [identity] does not take for a master's"},
    check_row{"master-crl", "no CRL in use covers a master's CA now"},
    check_row{"master-refuses-us", "a master that does not take this node's certificate"},
    check_row{"master-ourselves", "a master's name that leads to bunraku itself"},
    check_row{"master-fails", "a master that breaks connections off"},
    check_row{"status-silent", "a master that takes requests and does not answer"},
    check_row{"status-bad", "a master that says it is not ready"},
    check_row{"header-cert-info", "status 200 and 403 for everything else: allow-header-cert-info"},
    check_row{"no-environment", "this node's environment is not deployed on a master"},
    check_row{"environment-fails", "a master that answers 5xx to what an agent asks first"},
    check_row{"no-ca", "a master named as CA, with its CA service off"},
    check_row{"clock", "a master's clock and ours more than 60 s apart"},
    check_row{"older-than-agent", "a master older than the agent"},
};

/// The name of a check, of those above and no other: an unknown one does not compile.
class check_name {
 public:
  consteval check_name(const char* name) : name_(name) {
    if (std::ranges::find(all_checks, name_, &check_row::name) == all_checks.end()) throw "not in all_checks";
  }
  constexpr operator std::string_view() const noexcept { return name_; }
  std::string str() const { return std::string(name_); }

 private:
  std::string_view name_;
};

}  // namespace shim::doctor
