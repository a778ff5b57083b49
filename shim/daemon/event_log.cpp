#include "daemon/event_log.hpp"

#include "daemon/log_levels.hpp"
#include "daemon/log_sinks.hpp"

#include <spdlog/logger.h>

#include <algorithm>

namespace shim::daemon {
namespace {

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Without an end at the first: so the compiler looks at many at once, which matters for a line per request.
bool has_control(std::string_view line) noexcept {
  bool found = false;
  for (const char c : line) found |= is_control(c);
  return found;
}

bool is_journal(config::log_target to) noexcept {
  return to == config::log_target::journal || (to == config::log_target::automatic && journal_is_at_hand());
}

}  // namespace

event_log::event_log(const config::log_values& settings)
    : to_(settings.to),
      to_journal_(is_journal(settings.to)),
      logger_(std::make_unique<spdlog::logger>("bunraku", to_journal_ ? journal_sink() : stderr_sink())) {
  set_level(settings.level);
  // A log that cannot be written must not fill stderr with complaints about itself.
  logger_->set_error_handler([](const std::string&) {});
}
event_log::~event_log() = default;

bunraku::log_level event_log::level() const noexcept { return level_of(logger_->level()); }

bool event_log::goes_to(config::log_target to) const noexcept { return to == to_ || is_journal(to) == to_journal_; }

void event_log::set_level(bunraku::log_level level) noexcept { logger_->set_level(level_of(level)); }

void event_log::write(bunraku::log_level level, std::string_view line) noexcept {
  const auto at = level_of(level);
  if (!logger_->should_log(at)) return;
  if (!has_control(line)) {
    logger_->log(at, spdlog::string_view_t(line.data(), line.size()));
    return;
  }
  std::string clean(line);
  std::ranges::replace_if(clean, is_control, ' ');
  logger_->log(at, clean);
}

}  // namespace shim::daemon
