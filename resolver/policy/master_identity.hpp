#pragma once
#include <bunraku/demands.hpp>
#include <bunraku/master.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::policy {

/// What counts of a certificate that is good in itself: of this CA, in its time, not revoked, for the name that was
/// dialled, and for servers. All as text that may be shown.
struct shown_certificate {
  std::string subject;           ///< "CN=agent7.example.com"
  std::vector<std::string> dns;  ///< its dNSNames
  std::string common_name;       ///< counts as a name only where there is neither a dNSName nor an address
  bool has_addresses = false;
  std::string spki_sha256;  ///< 64 hexadecimal digits, lower case; empty: the key cannot be read
};

/// What one service demands of its masters' certificates. Nothing is demanded where a list is empty.
struct certificate_demands {
  std::vector<std::string> names;  ///< as master_demands::names
  std::vector<std::string> pins;   ///< as master_demands::pins
  std::string pins_key;            ///< where the pins are written, for the refusal: "[service.ca] pins"
};

/// Why a certificate that is good in itself does not make its holder a master. `text`: what was demanded, what the
/// certificate has, and what to do; one sentence without a full stop, bounded.
struct refusal {
  enum class kind { name, pin };
  kind what;
  std::string text;
};

/// Names first: they tell a person more. Nothing: it may be a master.
std::optional<refusal> refuse(const certificate_demands& by, const shown_certificate& shown);

/// Does this name satisfy the pattern? Case does not matter. "*.masters.example.com" stands for one label and the rest;
/// a wildcard in the certificate is nothing but its own text, since whoever holds it proves no certain name.
bool satisfies(std::string_view name, std::string_view pattern) noexcept;

/// Why this master may not even be dialled: DNS named it, and it lies in none of these domains. Masters that somebody
/// wrote down are meant. Nothing: it may.
std::optional<std::string> refuse_target(const std::vector<std::string>& within, const master& to);

}  // namespace bunraku::policy
