#pragma once
#include "puppet/conf.hpp"
#include "puppet/layout.hpp"

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::puppet {

/// The values of settings as `puppet agent` sees them: [agent], then [main], then Puppet's default, `$name` and
/// `${name}` replaced by other settings' values, and the result checked and brought into shape by its type.
/// Source: Puppet's settings.rb (ChainedValues) and settings/*_setting.rb. The arguments must outlive the object.
class lookup {
 public:
  struct inputs {
    const conf* from;      ///< the parsed puppet.conf
    std::string file;      ///< its name, for problems; empty when there is none
    layout directories;    ///< the defaults of confdir, vardir, ssldir, ...
    host_name host;        ///< the defaults of certname and srv_domain
    std::string home;      ///< what `~` means
    std::string certname;  ///< not empty: as if given on Puppet's command line
    std::string ssldir;    ///< likewise
  };
  explicit lookup(const inputs& from) : in_(from) {}

  /// The value, or the problem that Puppet has with it or with a setting it refers to. Values over 64 KiB are refused.
  std::expected<std::string, problem> value(std::string_view name);

  /// The line that sets it, or null: [agent] before [main].
  const conf_setting* set_by(std::string_view name) const noexcept;
  /// "file:line" of the line that sets it, else the setting's name.
  std::string where(std::string_view name) const;

 private:
  std::expected<std::string, problem> evaluate(std::string_view name);
  std::expected<std::string, problem> interpolate(std::string_view raw, std::string_view name);
  std::expected<std::string, problem> reference(std::string_view name, std::string_view expression,
                                                std::string_view inside);
  std::expected<std::string, problem> in_shape(std::string value, std::string_view name) const;
  std::expected<std::string, problem> raw_default(std::string_view name) const;

  const inputs& in_;
  std::map<std::string, std::expected<std::string, problem>, std::less<>> known_;
  std::vector<std::string_view> under_way_;
};

/// Ruby's Integer(text): sign, 0x/0b/0o/0 prefixes, underscores between digits; nothing if it is not one.
std::optional<long long> ruby_integer(std::string_view text) noexcept;

}  // namespace bunraku::puppet
