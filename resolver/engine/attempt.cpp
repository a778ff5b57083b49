#include <bunraku/outcome.hpp>

#include <cstdio>

namespace bunraku {

std::string attempt::to_string() const {
  char after[32];
  std::snprintf(after, sizeof after, " (after %.2f s)", static_cast<double>(elapsed_.count()) / 1e6);
  std::string text = who_.to_string();
  text += ": ";
  text += name_of(reached_);
  text += ": ";
  if (!reason_.empty()) text += reason_;
  else if (error_) text += error_.message();
  else text += "status " + std::to_string(status_);
  return text + after;
}

}  // namespace bunraku
