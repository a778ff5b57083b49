#pragma once
#include "cli/control_client.hpp"
#include "daemon/setup.hpp"
#include "drill/step.hpp"

#include <expected>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace shim::rehearsal {

/// A daemon of a drill's own: the same configuration and the same key in a child process, with two Unix sockets in a
/// directory that is root's (or the caller's) alone instead of the ways in, and the fault plugin. Nobody else can meet
/// its faults. It ends with this object, and with this process however that ends.
class private_daemon {
 public:
  /// `status_leads_to`: where requests for /status/ go. Blocking, until it is ready. The error is a sentence.
  static std::expected<private_daemon, std::string> start(const daemon::setup& like, const daemon::leg_identities& who,
                                                          const std::string& status_leads_to);
  private_daemon(private_daemon&& other) noexcept;
  private_daemon& operator=(private_daemon&&) = delete;
  ~private_daemon();

  /// One request to its control socket.
  std::expected<cli::daemon_answer, std::string> control(std::string_view method, std::string_view target,
                                                         std::string_view body = {}) const;
  /// One request through it, on a connection of its own, within `limit`: status (0: no whole answer) and why not.
  struct answer {
    int status = 0;
    std::string why;
  };
  answer ask(const std::string& target, std::chrono::milliseconds limit) const;

 private:
  private_daemon(pid_t child, std::string directory) : child_(child), directory_(std::move(directory)) {}
  pid_t child_ = -1;
  std::string directory_;
};

}  // namespace shim::rehearsal
