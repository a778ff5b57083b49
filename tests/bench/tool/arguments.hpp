// `--name value` and `--flag` arguments of a role.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

namespace bench {

class arguments {
 public:
  arguments(int count, char** words) {
    for (int i = 0; i < count; ++i) {
      std::string name = words[i];
      if (!name.starts_with("--")) throw std::runtime_error("unexpected argument " + name);
      name.erase(0, 2);
      const bool has_value = i + 1 < count && std::strncmp(words[i + 1], "--", 2) != 0;
      values_[name] = has_value ? words[++i] : "";
    }
  }

  bool has(const std::string& name) const { return values_.contains(name); }
  std::string text(const std::string& name, const std::string& otherwise = "") const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  std::int64_t number(const std::string& name, std::int64_t otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : std::stoll(found->second);
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace bench
