#pragma once
#include "policy/dns_name.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bunraku::policy {

enum class dns_type : std::uint16_t { a = 1, cname = 5, soa = 6, aaaa = 28, srv = 33 };
std::string_view name_of(dns_type type) noexcept;

/// "SERVFAIL (2)": a response code for people.
std::string response_code_text(unsigned code);

/// One SRV record with a target (RFC 2782). `target` is lower case without a trailing dot, `port` is not 0.
struct srv_record {
  std::uint16_t priority = 0, weight = 0, port = 0;
  std::string target;
  friend bool operator==(const srv_record&, const srv_record&) = default;
};

/// What a name server said to one question. Exactly one of the lists is filled: the one of the type that was asked.
struct dns_answer {
  /// Records kept of one answer. What comes after is cut, and `note` says so.
  static constexpr std::size_t max_records = 256;

  enum class status : std::uint8_t {
    found,         ///< the list of the asked type is not empty
    no_data,       ///< the name exists without a record of this type
    no_such_name,  ///< NXDOMAIN
    absent,        ///< SRV only: the target is ".", the service is decidedly not offered (RFC 2782)
    unusable,      ///< there are records, and none can be used; `note` says why
  };
  status state = status::no_data;
  std::vector<srv_record> srv;
  std::vector<std::array<std::uint8_t, 4>> a;
  std::vector<std::array<std::uint8_t, 16>> aaaa;

  /// The smallest TTL of the records and the aliases that led to them. For an answer without records what the SOA
  /// grants (the smaller of its TTL and its minimum, RFC 2308, 5) takes the records' place; nothing if there is none.
  std::optional<std::chrono::seconds> ttl;
  std::string note;  ///< for people: what was dropped or cut, and aliases; empty when there is nothing to say
};

/// Why an answer was not believed.
struct dns_refusal {
  enum class reason : std::uint8_t {
    malformed,     ///< it breaks the format, or it answers another question
    truncated,     ///< it says itself that it is not whole
    server_error,  ///< a response code other than NOERROR and NXDOMAIN, or a referral
  };
  reason why = reason::malformed;
  std::string what;  ///< one sentence for people, without a full stop
};

/// Reads one response to the question `name` `type` IN, `type` being a, aaaa or srv. Pure and total: any octets
/// whatever, time bounded by their number. The answer section is followed through aliases (CNAME, at most 8); records
/// of other names, types and classes are passed over; additional records are not looked at, since nothing vouches for
/// them. Source: RFC 1035 (4), 2181 (5.2, 8, 9), 2308, 2782.
std::expected<dns_answer, dns_refusal> read_dns_answer(std::span<const std::uint8_t> wire, const dns_name& name,
                                                       dns_type type);

}  // namespace bunraku::policy
