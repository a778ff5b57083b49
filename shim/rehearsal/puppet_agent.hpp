#pragma once
#include <bunraku/site.hpp>

#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace shim::rehearsal {

/// The `puppet agent` of this host, for runs that go through a drill's own daemon and leave no trace: with --noop, with
/// all that a run writes in a directory of the drill's, and with the node's own certificate. puppet.conf holds, but for
/// what is given on the command line. Its locks are the drill's own, so that it stands in no run's way.
class puppet_agent {
 public:
  /// Finds `puppet` and asks it for its settings; blocking, for some seconds. The error is a sentence or two: there is
  /// none, or whoever runs this host has disabled the agent.
  static std::expected<puppet_agent, std::string> find(const bunraku::site& site,
                                                       const std::function<bool()>& interrupted);

  /// Makes a run's directories below `directory`, with copies of what the node has synced and trusts.
  void furnish(const std::string& directory) const;

  struct ended {
    int status = -1;  ///< -1: it was ended before its time
    std::string why;  ///< its first error, or why it was ended
  };
  /// One run. `proxy_port`: of the daemon's way in `connect`, on 127.0.0.1. `service`: what is drilled; only for the
  /// reports' a report is sent.
  ended run(const std::string& directory, std::uint16_t proxy_port, std::string_view service,
            const std::function<bool()>& interrupted) const;

 private:
  using settings = std::map<std::string, std::string, std::less<>>;
  puppet_agent(std::string program, const bunraku::site& site, settings known)
      : program_(std::move(program)), site_(site), known_(std::move(known)) {}
  std::vector<std::string> command(const std::string& directory, std::uint16_t proxy_port,
                                   std::string_view service) const;
  std::string text(std::string_view setting) const;

  std::string program_;
  bunraku::site site_;
  settings known_;  ///< what this version of Puppet has, with what it has without us
};

/// "Error: ..." of a run's output, in one line; Facter's own do not count. Empty: none. Pure.
std::string first_error(std::string_view output);

}  // namespace shim::rehearsal
