#pragma once
#include <cstdint>
#include <string_view>

namespace bunraku::puppet {

/// One of Puppet's own settings. `value` is its default before interpolation, or one of the three marks below.
struct setting_row {
  /// What Puppet makes of a value when it is used; all that are nothing of this are text.
  enum class type : std::uint8_t {
    text,
    boolean,   ///< exactly true or false
    integer,   ///< Ruby's Integer(): 0x, 0b, 0o, leading zero and underscores included
    port,      ///< an integer from 0 to 65535
    path,      ///< made absolute, "." and ".." resolved, "~" replaced
    duration,  ///< a number with y, d, h, m or s; seconds
    ttl,       ///< a duration or `unlimited`
  };
  static constexpr std::string_view no_value{"\0none", 5};      ///< nil: using it in another value is an error
  static constexpr std::string_view from_host{"\0host", 5};     ///< comes from the directory layout or the host's name
  static constexpr std::string_view computed{"\0computed", 9};  ///< computed by Puppet in ways we do not follow

  std::string_view name;
  type kind;
  std::string_view value;
};

/// The row, or null for a name that Puppet does not know (and silently ignores in puppet.conf).
const setting_row* find_setting(std::string_view name) noexcept;

}  // namespace bunraku::puppet
