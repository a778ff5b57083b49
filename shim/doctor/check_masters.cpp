#include "doctor/finding.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>

namespace shim::doctor {
namespace {

using trouble = master_facts::trouble;

std::string services_of(const master_facts& m) {
  std::string out;
  for (const auto& s : m.services) out += (out.empty() ? "" : ", ") + s;
  return out;
}

/// What to say of each way in which a master cannot be spoken with. `fix` may hold HOST, NAME (host:port), NODE
/// (this node), FILE (the CA bundle), CRL (the file of CRLs) and CA/ (host:port of the first CA that answers).
struct words {
  trouble of;
  check_name check;
  std::string_view why, fix;
};
constexpr words table[] = {
    {trouble::no_address, "master-no-address", "A master without an address cannot be asked.",
     "getent hosts HOST   # and publish its A or AAAA record"},
    {trouble::refused, "master-refused", "Its requests go to the other masters, or fail where there is none.",
     "On HOST: systemctl status puppetserver; from here: nc -vz HOST PORT"},
    {trouble::silent, "master-silent",
     "Something on the way drops packets; bunraku loses race_delay, an agent alone two minutes.",
     "nc -vz -w 3 HOST PORT   # and open that port in the firewalls between"},
    {trouble::no_tls, "master-no-tls", "It takes connections and does not speak TLS: it hangs, or is something else.",
     "openssl s_client -connect NAME -servername HOST </dev/null   # and restart puppetserver there"},
    {trouble::untrusted, "master-untrusted",
     "It is not of this node's CA: another site's, an old CA's, or somebody who poses as it.",
     "openssl s_client -connect NAME -servername HOST -showcerts </dev/null | openssl x509 -noout -issuer   # compare "
     "with: openssl x509 -noout -subject -in FILE"},
    {trouble::expired, "master-expired", "No agent trusts it, unless it is this node's clock that is wrong.",
     "timedatectl   # is this node's clock right? If so, on the CA: puppetserver ca clean --certname HOST; on HOST: "
     "puppet ssl clean && puppet ssl bootstrap, sign it on "
     "the CA, and restart puppetserver"},
    {trouble::revoked, "master-revoked", "The CA has withdrawn it: somebody else may have its key.",
     "Take it out of the records; on the CA: puppetserver ca generate --certname HOST"},
    {trouble::wrong_name, "master-wrong-name", "Its certificate is not for the name by which it is found.",
     "Reissue it with dns_alt_names = HOST, or name it in the record as its certificate does"},
    {trouble::wrong_purpose, "master-wrong-purpose", "A certificate for clients alone must not serve.",
     "On the CA: puppetserver ca clean --certname HOST && puppetserver ca generate --certname HOST"},
    {trouble::no_master, "master-no-master", "[identity] says who may be a master, and this one is not among them.",
     "If it is one: reissue its certificate with a name of [identity] master_names; else take it out of the records"},
    {trouble::crl, "master-crl", "Whether its certificate is revoked cannot be told, so it is not trusted.",
     "curl --fail --cacert FILE https://CA/puppet-ca/v1/certificate_revocation_list/ca -o CRL"},
    {trouble::refused_us, "master-refuses-us", "It does not take this node's certificate: revoked, or of another CA.",
     "On the CA: puppetserver ca list --certname NODE   # is it there, and not revoked?"},
    {trouble::ourselves, "master-ourselves", "bunraku would ask itself; it does not.",
     "getent hosts HOST   # it leads to this host: mend /etc/hosts or the record"},
    {trouble::broken, "master-fails",
     "Something on the way, or a dying master, ends what it has begun; requests go to the others where there are any.",
     "openssl s_client -connect NAME -servername HOST </dev/null   # here and on HOST itself; look at load balancers "
     "and "
     "firewalls between"},
};

std::string filled(std::string_view text, const facts& of, const master_facts& m) {
  std::string out(text);
  const auto put = [&out](std::string_view what, const std::string& with) {
    for (auto at = out.find(what); at != out.npos; at = out.find(what, at + with.size()))
      out.replace(at, what.size(), with);
  };
  put("NAME", m.name);
  put("HOST", m.host);
  put("PORT", m.name.substr(m.name.rfind(':') + 1));
  const auto ca =
      std::ranges::find_if(of.masters, [](const master_facts& one) { return one.ca && one.ca->status == 200; });
  put("CA/", (ca == of.masters.end() ? std::string("THE-CA:8140") : ca->name) + "/");
  put("NODE", of.site ? of.site->certname : "THIS-NODE");
  put("CRL", of.site ? of.site->credentials.crl : "crl.pem");
  put("FILE", of.site ? of.site->credentials.ca : "ca.pem");
  return out;
}

void check_connection(const facts& of, const master_facts& m, std::vector<finding>& found) {
  const auto* row = std::ranges::find(table, m.what, &words::of);
  if (row == std::end(table)) return;
  found.push_back({.level = gravity::error,
                   .check = row->check,
                   .where = m.name + " (" + services_of(m) + ")",
                   .what = m.error + ".",
                   .why = std::string(row->why),
                   .fix = filled(row->fix, of, m)});
}

void add(std::vector<finding>& found, const master_facts& m, gravity level, check_name check, std::string what,
         std::string why, std::string fix) {
  found.push_back(
      {level, check, m.name + " (" + services_of(m) + ")", std::move(what), std::move(why), std::move(fix)});
}

void check_answers(const facts& of, const master_facts& m, std::vector<finding>& found) {
  const bool runs = m.status && m.status->status == 200;
  if (m.status && m.status->status == 0)
    add(found, m, gravity::error, "status-silent", "It does not answer what is asked of it: " + m.status->error + ".",
        "TLS stands and HTTP does not: it hangs, or is overloaded.",
        "On " + m.host + ": systemctl restart puppetserver");
  else if (m.status && m.status->status != 200 && m.status->status != 404)
    add(found, m, gravity::error, "status-bad",
        fmt::format("It says of itself that it is not ready: status {}.", m.status->status),
        "Puppet's own SRV would choose it all the same; bunraku goes elsewhere while others are there.",
        "On " + m.host + ": journalctl -u puppetserver -n 100");
  if (m.environment && m.environment->status == 403 && runs)
    add(found, m, gravity::error, "header-cert-info", "It says that it runs, and refuses this node everything (403).",
        "With allow-header-cert-info it takes who a client is from headers of a proxy in front, and no client "
        "certificate counts.",
        "On " + m.host +
            ", in /etc/puppetlabs/puppetserver/conf.d/auth.conf: allow-header-cert-info: false; restart "
            "puppetserver");
  else if (m.environment && m.environment->status == 404)
    add(found, m, gravity::error, "no-environment",
        "It has no environment " + (of.site ? of.site->environment : std::string("production")) + ".",
        "Catalogs and files of this node cannot come from it: its code is older, or was never deployed.",
        "On " + m.host + ": r10k deploy environment " + (of.site ? of.site->environment : std::string()) + " -m");
  else if (m.environment && m.environment->status >= 500)
    add(found, m, gravity::error, "environment-fails",
        fmt::format("It answers {} to what an agent asks first.", m.environment->status), "It runs and cannot serve.",
        "On " + m.host + ": journalctl -u puppetserver -n 100");
  if (m.ca && m.ca->status != 200)
    add(found, m, gravity::error, "no-ca",
        m.ca->status == 0 ? "It does not give the CA's certificate: " + m.ca->error + "."
                          : fmt::format("It does not give the CA's certificate: status {}.", m.ca->status),
        "It is named as CA, and its CA service is off: signing requests and CRLs would go nowhere.",
        "In puppet.conf: ca_server = the CA's name; or mend the record _x-puppet-ca._tcp");
}

void check_clock_and_ages(const facts& of, const master_facts& m, std::vector<finding>& found) {
  constexpr std::chrono::seconds worth_telling{60}, grave{300};
  if (m.clock_ahead && std::chrono::abs(*m.clock_ahead) >= worth_telling)
    add(found, m, std::chrono::abs(*m.clock_ahead) >= grave ? gravity::error : gravity::warning, "clock",
        fmt::format("Its clock is {} s {} this node's.", std::chrono::abs(*m.clock_ahead).count(),
                    m.clock_ahead->count() > 0 ? "ahead of" : "behind"),
        "Certificates and CRLs made now are not valid yet for the clock that is behind; reports are out of order.",
        "timedatectl timesync-status   # here and on " + m.host + "; then: systemctl restart chronyd");
  constexpr std::chrono::days soon{30};
  if (m.certificate_ends && *m.certificate_ends - of.now < soon && *m.certificate_ends > of.now)
    add(found, m, gravity::warning, "master-ends-soon",
        fmt::format("Its certificate ends in {} days.",
                    std::chrono::duration_cast<std::chrono::days>(*m.certificate_ends - of.now).count()),
        "After that no agent trusts it.",
        "On the CA: puppetserver ca clean --certname " + m.host + " && puppetserver ca generate --certname " + m.host +
            "   # with its dns_alt_names");
  const auto major = [](std::string_view version) {
    int n = 0;
    std::from_chars(version.data(), version.data() + version.size(), n);
    return n;
  };
  if (major(m.puppet_version) != 0 && major(m.puppet_version) < major(of.agent_version))
    add(found, m, gravity::warning, "older-than-agent",
        fmt::format("It is Puppet {}, and the agent is {}.", m.puppet_version, of.agent_version),
        "Puppet supports masters that are as new as their agents, or newer.",
        "Upgrade puppetserver on " + m.host + " before agents");
}

}  // namespace

void check_masters(const facts& of, std::vector<finding>& found) {
  for (const auto& m : of.masters) {
    check_connection(of, m, found);
    check_answers(of, m, found);
    check_clock_and_ages(of, m, found);
  }
}

}  // namespace shim::doctor
