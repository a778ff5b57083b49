#pragma once
#include "cli/control_client.hpp"
#include "daemon/setup.hpp"
#include "drill/step.hpp"
#include "rehearsal/request.hpp"

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace shim::rehearsal {

/// A daemon of a drill's own: the same configuration and the same key in a child process, with two Unix sockets in a
/// directory that is root's (or the caller's) alone instead of the ways in, and the fault plugin. Nobody else can meet
/// its faults. It ends with this object, and with this process however that ends.
class private_daemon {
 public:
  /// Requests for /status/ go to `of`'s service; an agent comes in by a proxy on 127.0.0.1. Blocking, until it is
  /// ready. The error is a sentence. `interrupted`: asked several times a second, here and by what follows; true ends
  /// the waiting.
  static std::expected<private_daemon, std::string> start(const daemon::setup& like, const daemon::leg_identities& who,
                                                          const drill::step& of, std::function<bool()> interrupted);
  private_daemon(private_daemon&& other) noexcept;
  private_daemon& operator=(private_daemon&&) = delete;
  ~private_daemon();

  /// Where everything is that it writes; goes with it.
  const std::string& directory() const noexcept { return directory_; }
  /// Of its way in `connect`; 0: it has none.
  std::uint16_t proxy_port() const;

  /// One request to its control socket.
  std::expected<cli::daemon_answer, std::string> control(std::string_view method, std::string_view target,
                                                         std::string_view body = {}) const;
  /// One request through it, on a connection of its own: see get().
  answer ask(const std::string& target, std::chrono::milliseconds limit) const;

 private:
  private_daemon(std::string directory, int lock, std::function<bool()> interrupted)
      : directory_(std::move(directory)), lock_(lock), interrupted_(std::move(interrupted)) {}
  pid_t child_ = -1;
  std::string directory_;
  int lock_ = -1;
  std::function<bool()> interrupted_;
};

}  // namespace shim::rehearsal
