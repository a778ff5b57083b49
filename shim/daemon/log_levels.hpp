#pragma once
#include <bunraku/log.hpp>

#include <spdlog/common.h>

namespace shim::daemon {

inline spdlog::level::level_enum level_of(bunraku::log_level l) noexcept {
  switch (l) {
    case bunraku::log_level::trace: return spdlog::level::trace;
    case bunraku::log_level::debug: return spdlog::level::debug;
    case bunraku::log_level::info: return spdlog::level::info;
    case bunraku::log_level::warning: return spdlog::level::warn;
    case bunraku::log_level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

inline bunraku::log_level level_of(spdlog::level::level_enum l) noexcept {
  switch (l) {
    case spdlog::level::trace: return bunraku::log_level::trace;
    case spdlog::level::debug: return bunraku::log_level::debug;
    case spdlog::level::info: return bunraku::log_level::info;
    case spdlog::level::warn: return bunraku::log_level::warning;
    default: return bunraku::log_level::error;
  }
}

}  // namespace shim::daemon
