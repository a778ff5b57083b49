#pragma once
#include <bunraku/problem.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bunraku::puppet {

/// One `name = value` line of puppet.conf. `value` is as Puppet keeps it: surrounding quotes, trailing blanks and a
/// `{owner = ..., group = ..., mode = ...}` block are gone, true and false are lower case; nothing is interpolated.
struct conf_setting {
  std::string name;
  std::string value;
  std::string owner, group;  ///< from the block; empty when it names none
  unsigned line = 0;
};

/// puppet.conf after parsing. Settings before the first section line belong to `main`; a section that occurs twice is
/// one section; of settings that occur twice the first one counts.
class conf {
 public:
  struct section {
    std::string name;
    std::vector<conf_setting> settings;
  };

  const std::vector<section>& sections() const noexcept { return sections_; }
  const conf_setting* find(std::string_view section, std::string_view name) const noexcept;
  void add(std::string_view section, conf_setting setting);

 private:
  std::vector<section> sections_;
};

struct conf_reading {
  conf value;
  problems found;
};

/// Parses the text of puppet.conf exactly as Puppet does (settings/ini_file.rb, config_file.rb, value_translator.rb).
/// `file` is only the name used in problems.
/// Errors: everything for which Puppet gives up the whole file and runs on defaults (one error for each such line), or
///         refuses to start. `value` then holds the lines that were fine, so that more can be checked.
/// Warns:  what Puppet takes, but never as it was meant: a comment behind a value, a key set twice to different values,
///         typographic quotes and no-break spaces.
conf_reading parse_conf(std::string_view text, const std::string& file);

}  // namespace bunraku::puppet
