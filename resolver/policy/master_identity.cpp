#include "policy/master_identity.hpp"

#include "policy/dns_forward.hpp"
#include "puppet/ascii.hpp"

#include <algorithm>
#include <cstddef>

namespace bunraku::policy {
namespace {

constexpr std::size_t most_shown = 6;

std::string list_of(const std::vector<std::string>& all) {
  std::string out;
  for (std::size_t i = 0; i < std::min(all.size(), most_shown); ++i) out += (i == 0 ? "" : ", ") + all[i];
  if (all.size() > most_shown) out += " and " + std::to_string(all.size() - most_shown) + " more";
  return out;
}

std::vector<std::string> names_that_count(const shown_certificate& shown) {
  if (!shown.dns.empty() || shown.has_addresses || shown.common_name.empty()) return shown.dns;
  return {shown.common_name};
}

}  // namespace

bool satisfies(std::string_view name, std::string_view pattern) noexcept {
  if (ascii::same_name(name, pattern)) return true;
  if (!pattern.starts_with("*.")) return false;
  const auto dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  return name.substr(0, dot).find('*') == std::string_view::npos &&
         ascii::same_name(name.substr(dot), pattern.substr(1));
}

std::optional<refusal> refuse(const certificate_demands& by, const shown_certificate& shown) {
  if (!by.names.empty()) {
    const auto names = names_that_count(shown);
    const bool one_fits = std::ranges::any_of(names, [&](const std::string& name) {
      return std::ranges::any_of(by.names, [&](const std::string& wanted) { return satisfies(name, wanted); });
    });
    if (!one_fits)
      return refusal{refusal::kind::name,
                     "certificate " + shown.subject + " is good, but not a master's: [identity] master_names demands " +
                         list_of(by.names) + ", and it carries " + (names.empty() ? "no name" : list_of(names)) +
                         "; if it is a master's, issue it anew with that name in dns_alt_names"};
  }
  if (!by.pins.empty() && std::ranges::none_of(by.pins, [&](const auto& pin) { return pin == shown.spki_sha256; }))
    return refusal{refusal::kind::pin, "certificate " + shown.subject + " is good, but its key is none of the " +
                                           std::to_string(by.pins.size()) + " in " + by.pins_key + ": it is " +
                                           (shown.spki_sha256.empty() ? "unreadable" : shown.spki_sha256) +
                                           "; if the master has a new key, add that to the pins"};
  return std::nullopt;
}

std::optional<std::string> refuse_target(const std::vector<std::string>& within, const master& to) {
  if (within.empty() || to.source() != source_kind::srv) return std::nullopt;
  const std::string_view host = to.host();
  if (std::ranges::any_of(within, [&](const std::string& domain) { return lies_in(host, domain); }))
    return std::nullopt;
  return "DNS names it as a master, but it does not lie within " + list_of(within) +
         " ([identity] within); if it is one, add its domain there";
}

}  // namespace bunraku::policy
