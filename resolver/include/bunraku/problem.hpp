#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace bunraku {

enum class severity { warning, error };

/// Something that a person has to know or mend, found while reading configuration or credentials.
/// Model: `where` is "file:line" or "file" or the name of a setting; `what` is one sentence; `fix` one sentence that
/// says what to do, and may be empty only where `what` already says it. Each is one line of well-formed UTF-8, whatever
/// it was made of (a file's name, what somebody wrote): control characters are spaces, bytes that are none question
/// marks.
class problem {
 public:
  problem(severity level, std::string_view where, std::string_view what, std::string_view fix);

  severity level() const noexcept { return level_; }
  const std::string& where() const noexcept { return where_; }
  const std::string& what() const noexcept { return what_; }
  const std::string& fix() const noexcept { return fix_; }

 private:
  severity level_;
  std::string where_, what_, fix_;
};

using problems = std::vector<problem>;

inline bool has_error(const problems& list) noexcept {
  for (const auto& p : list)
    if (p.level() == severity::error) return true;
  return false;
}

}  // namespace bunraku
