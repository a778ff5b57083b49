#pragma once
#include "config/configuration.hpp"
#include "local/inherited.hpp"
#include "local/listener.hpp"

#include <bunraku/problem.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <vector>

namespace shim::daemon {

/// The sockets that clients come in by. A reload opens what is new before it closes what is gone, and leaves alone what
/// stays.
class listeners {
 public:
  /// `inherited` are the descriptors that came with the process. A [[listen]] takes one by `inherit`, or by naming the
  /// very address or path that it is bound to; those that nobody takes are closed by close().
  listeners(boost::asio::io_context& loop, local::listener_shared& shared,
            std::vector<local::inherited_socket> inherited);

  /// Opens everything that `wanted` names and is not open yet. Either all of it stands (an implied one may be missing),
  /// and what is not wanted any more is closed; or nothing has changed. Problems say which.
  bunraku::problems open(const std::vector<config::listen_at>& wanted);
  void close();
  /// For the ready line: "terminate 127.0.0.1:8140, socket /run/bunraku/agent.sock".
  std::string description() const;
  /// Where clients come in over TCP now; ports that the kernel chose are known here.
  std::vector<boost::asio::ip::tcp::endpoint> addresses() const;

 private:
  struct one {
    config::listen_at what;
    std::shared_ptr<local::tcp_listener> tcp;
    std::shared_ptr<local::unix_listener> unix_socket;
  };
  static void adopt(one& open, const config::listen_at& wanted, bunraku::problems& found);
  bool add(const config::listen_at& what, std::vector<one>& into, bunraku::problems& found);
  bool add_tcp(const config::listen_at& what, int descriptor, std::vector<one>& into, bunraku::problems& found);
  bool add_unix(const config::listen_at& what, int descriptor, std::vector<one>& into, bunraku::problems& found);
  int inherited_descriptor(const config::listen_at& what, bunraku::problems& found);
  int inherited_at(const config::listen_at& what) const;
  std::string own_in_the_way(const config::listen_at& what) const;
  void tell_unused(bunraku::problems& found) const;

  boost::asio::io_context& loop_;
  local::listener_shared& shared_;
  std::vector<local::inherited_socket> inherited_;
  std::vector<one> open_;
};

}  // namespace shim::daemon
