#include "log_spdlog.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/systemd_sink.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace shim {
namespace {

spdlog::level::level_enum level_of(bunraku::log_level l) noexcept {
  switch (l) {
    case bunraku::log_level::trace: return spdlog::level::trace;
    case bunraku::log_level::debug: return spdlog::level::debug;
    case bunraku::log_level::info: return spdlog::level::info;
    case bunraku::log_level::warning: return spdlog::level::warn;
    case bunraku::log_level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

spdlog::sink_ptr make_sink(config::log_target to) {
  const bool journal =
      to == config::log_target::journal || (to == config::log_target::automatic && stderr_is_journal());
  if (journal) {
    auto sink = std::make_shared<spdlog::sinks::systemd_sink_mt>("bunraku");
    sink->set_pattern("%v");
    return sink;
  }
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  return sink;
}

}  // namespace

bool stderr_is_journal() noexcept {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat about{};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &about) != 0) return false;
  unsigned long long device = 0, inode = 0;
  return std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 && device == about.st_dev && inode == about.st_ino;
}

log_spdlog::log_spdlog(const config::log_values& settings)
    : logger_(std::make_unique<spdlog::logger>("bunraku", make_sink(settings.to))) {
  set_level(settings.level);
  // A log that cannot be written must not fill stderr with complaints about itself.
  logger_->set_error_handler([](const std::string&) {});
}
log_spdlog::~log_spdlog() = default;

bunraku::log_level log_spdlog::level() const noexcept {
  switch (logger_->level()) {
    case spdlog::level::trace: return bunraku::log_level::trace;
    case spdlog::level::debug: return bunraku::log_level::debug;
    case spdlog::level::info: return bunraku::log_level::info;
    case spdlog::level::warn: return bunraku::log_level::warning;
    default: return bunraku::log_level::error;
  }
}

void log_spdlog::set_level(bunraku::log_level level) noexcept { logger_->set_level(level_of(level)); }

void log_spdlog::write(bunraku::log_level level, std::string_view line) noexcept {
  const auto at = level_of(level);
  if (!logger_->should_log(at)) return;
  if (std::ranges::none_of(line, is_control)) {
    logger_->log(at, spdlog::string_view_t(line.data(), line.size()));
    return;
  }
  std::string clean(line);
  std::ranges::replace_if(clean, is_control, ' ');
  logger_->log(at, clean);
}

}  // namespace shim
