#include <bunraku/outcome.hpp>

#include <string>

namespace bunraku {

std::string attempt::to_string() const {
  // To the nearest hundredth, by whole numbers: a float would be written as the embedding program's locale has it.
  const auto hundredths = (elapsed_.count() + 5'000) / 10'000;
  const auto fraction = std::to_string(100 + hundredths % 100).substr(1);
  std::string text = who_.to_string();
  text += ": ";
  text += name_of(reached_);
  text += ": ";
  if (!reason_.empty()) text += reason_;
  else if (error_) text += error_.message();
  else text += "status " + std::to_string(status_);
  return text + " (after " + std::to_string(hundredths / 100) + "." + fraction + " s)";
}

}  // namespace bunraku
