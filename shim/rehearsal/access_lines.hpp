#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shim::rehearsal {

/// A line of the drill's own daemon's access log (forward/access_log.hpp), as it is on its standard error.
struct access_line {
  std::chrono::system_clock::time_point ended;
  std::chrono::microseconds took{0};
  std::string service, master, why, continued;
  int status = 0;
  std::uint64_t bytes = 0;  ///< of the answer's body
  bool cut = false;
};
/// Nothing: another kind of line. Pure.
std::optional<access_line> parse_access_line(std::string_view line);

/// Reads such a log as it grows: an agent's run has more exchanges than the status document remembers.
class access_lines {
 public:
  explicit access_lines(std::string file) : file_(std::move(file)) {}
  /// What came since the last call. Blocking.
  std::vector<access_line> read_more();

 private:
  std::string file_;
  std::int64_t read_ = 0;
};

}  // namespace shim::rehearsal
