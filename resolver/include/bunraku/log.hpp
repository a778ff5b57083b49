#pragma once
#include <string_view>

namespace bunraku {

enum class log_level { trace, debug, info, warning, error };

/// Where the library's messages go. It is silent without one, and formats nothing below `level()`.
/// Model:   one line: an event name, then key=value fields. Never keys, certificates, bodies or query strings.
/// Threads: called on the resolver's executor; must not block.
class log_sink {
 public:
  virtual ~log_sink() = default;
  virtual log_level level() const noexcept = 0;
  virtual void write(log_level level, std::string_view line) noexcept = 0;
};

}  // namespace bunraku
