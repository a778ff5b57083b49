#include "cli/print_chain.hpp"

#include <boost/json.hpp>

#include <array>
#include <ctime>
#include <ostream>
#include <string>

namespace shim::cli {
namespace {

std::string utc(const std::optional<std::chrono::sys_seconds>& when) {
  if (!when) return "an unreadable date";
  const std::time_t seconds = when->time_since_epoch().count();
  std::tm parts{};
  std::array<char, 32> out{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "a time beyond all years";
  return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "no names beside its subject" : out;
}

}  // namespace

std::string_view name_of(const boost::system::error_code& error) noexcept {
  using bunraku::errc;
  if (!error) return "good";
  switch (static_cast<errc>(error.value())) {
    case errc::certificate_untrusted: return "certificate_untrusted";
    case errc::certificate_expired: return "certificate_expired";
    case errc::certificate_revoked: return "certificate_revoked";
    case errc::certificate_wrong_name: return "certificate_wrong_name";
    case errc::certificate_wrong_purpose: return "certificate_wrong_purpose";
    case errc::crl_missing: return "crl_missing";
    case errc::crl_expired: return "crl_expired";
    case errc::certificate_no_master: return "certificate_no_master";
    case errc::certificate_not_pinned: return "certificate_not_pinned";
    case errc::outside_domain: return "outside_domain";
    default: return "other";
  }
}

void print(std::ostream& to, const bunraku::chain_question& asked, const bunraku::chain_verdict& verdict) {
  if (verdict.error) to << "refused: " << verdict.reason << '\n';
  else
    to << "good: a master with this chain would be accepted"
       << (asked.host.empty() ? ", under each of its names" : " as " + asked.host)
       << (asked.at ? " at " + utc(asked.at) : "") << '\n';
  int place = 0;
  for (const auto& one : verdict.shown) {
    to << '\n'
       << ++place << "  " << one.subject << "\n   issued by " << one.issuer << ", serial " << one.serial << '\n';
    to << "   from " << utc(one.not_before) << " to " << utc(one.not_after) << '\n';
    to << "   for " << list_of(one.names) << '\n';
    to << "   pin " << (one.spki_sha256.empty() ? "(its key cannot be read)" : one.spki_sha256) << '\n';
  }
}

boost::json::object to_json(const bunraku::chain_question& asked, const bunraku::chain_verdict& verdict) {
  boost::json::array chain;
  for (const auto& one : verdict.shown) {
    boost::json::array names;
    for (const auto& name : one.names) names.emplace_back(name);
    chain.push_back(boost::json::object{{"subject", one.subject},
                                        {"issuer", one.issuer},
                                        {"serial", one.serial},
                                        {"names", std::move(names)},
                                        {"spki_sha256", one.spki_sha256},
                                        {"not_before", utc(one.not_before)},
                                        {"not_after", utc(one.not_after)}});
  }
  boost::json::object out{{"accepted", !verdict.error}, {"verdict", name_of(verdict.error)}};
  out["reason"] = verdict.reason;
  out["name"] = asked.host;
  out["time"] = asked.at ? boost::json::value(utc(asked.at)) : boost::json::value(nullptr);
  out["chain"] = std::move(chain);
  return out;
}

}  // namespace shim::cli
