#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bunraku::policy {

/// A domain name as DNS compares it.
/// Model: the uncompressed wire form (length octet and label, closing zero octet), ASCII letters in lower case; labels
///        of 1 to 63 octets, 255 octets in all (RFC 1035, 2.3.4). Any octet may stand in a label, so equality is exact
///        where a dotted text would not be.
class dns_name {
 public:
  static constexpr std::size_t max_label = 63;
  static constexpr std::size_t max_wire = 255;

  /// The root.
  dns_name() : wire_(1, '\0') {}

  /// From dotted text without escapes; one trailing dot is allowed. Nothing for an empty text or a name out of bounds.
  static std::optional<dns_name> from_text(std::string_view text);

  /// Appends a label before the closing root. False (and no change) when that would break a bound.
  bool append(std::string_view label);

  bool is_root() const noexcept { return wire_.size() == 1; }

  /// For people: dotted, no trailing dot ("." for the root), odd octets as \DDD (RFC 1035, 5.1).
  std::string to_text() const;

  /// As a host name: letters, digits, `-` and `_`, no trailing dot, lower case. Nothing for any other name, and nothing
  /// when the last label is all digits: such a name could be taken for an IP literal.
  std::optional<std::string> to_host() const;

  friend bool operator==(const dns_name&, const dns_name&) = default;

 private:
  std::string wire_;
};

}  // namespace bunraku::policy
