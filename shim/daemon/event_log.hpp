#pragma once
#include "config/configuration.hpp"

#include <bunraku/log.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace shim::daemon {

/// Where the daemon's and the library's lines go: `event key=value ...`, to stderr with a time stamp, or to the journal
/// with its own. No queue: a line is out when write() returns, or lost to a reader that hangs (log_sinks.hpp). Threads:
/// any. Does not touch spdlog's registry.
class event_log final : public bunraku::log_sink {
 public:
  explicit event_log(const config::log_values& settings);
  ~event_log() override;

  bunraku::log_level level() const noexcept override;
  /// Control characters in `line` come out as blanks, so that one event is always one line.
  void write(bunraku::log_level level, std::string_view line) noexcept override;
  /// After a reload.
  void set_level(bunraku::log_level level) noexcept;
  /// Is that where the lines go? It cannot change.
  bool goes_to(config::log_target to) const noexcept;

 private:
  config::log_target to_;
  bool to_journal_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace shim::daemon
