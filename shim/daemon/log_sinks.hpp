#pragma once
#include <bunraku/log.hpp>

#include <memory>
#include <string>

namespace spdlog::sinks {
class sink;
}

namespace shim::daemon {

// Where lines go. A reader that hangs (a journal whose disk does, a pipe that nobody empties) or is too slow is waited
// for 100 ms, once in 10 s; other lines that it does not take are dropped, and their number is told before the next one
// that it does. Whoever waited for it would keep all agents of this host waiting. Other failures are silent. Threads:
// any.

/// Lines with a time stamp.
std::shared_ptr<spdlog::sinks::sink> stderr_sink();

inline constexpr const char* journal_place = "/run/systemd/journal/socket";
/// A datagram for each line to `place`, the journal's socket. Longer ones than it takes are cut at 32 KiB.
std::shared_ptr<spdlog::sinks::sink> journal_sink(const std::string& place = journal_place);

/// Is stderr connected to the journal? $JOURNAL_STREAM names its device and inode then (systemd.exec(5)).
bool stderr_is_journal() noexcept;
/// It is, and the journal's socket is there. Below a root directory of one's own stderr may be all that leads to it.
bool journal_is_at_hand(const std::string& place = journal_place) noexcept;

/// What stands before a line that the journal is sent, in its native protocol: fields, each `NAME=text` and a newline.
std::string journal_fields(bunraku::log_level level);

}  // namespace shim::daemon
