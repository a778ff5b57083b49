#pragma once
#include "admin/control.hpp"

#include <bunraku/problem.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace shim::admin {

/// The status page and metrics over loopback, for every user of this host, if the configuration wants that: what can be
/// asked there changes nothing and holds no secret.
/// Bounds:  as control's; nothing of it costs a wake-up while nobody is connected.
/// Threads: the loop's only.
class loopback {
 public:
  static constexpr std::size_t most_clients = 16;
  struct listening;

  loopback(boost::asio::any_io_executor executor, controlled daemon);
  ~loopback();
  loopback(const loopback&) = delete;
  loopback& operator=(const loopback&) = delete;

  /// From now on there; an empty address: nowhere. Where it cannot listen it goes on where it did: that is a warning.
  /// `where` is the configuration's line, for it.
  bunraku::problems open(const std::string& address, std::uint16_t port, const std::string& where);
  void close() noexcept;
  /// "127.0.0.1:9140"; empty: not listening.
  std::string place() const;

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<listening> at);
  boost::asio::any_io_executor executor_;
  controlled daemon_;
  std::string address_;     // as configured
  std::uint16_t port_ = 0;  // as configured
  std::shared_ptr<listening> at_;
};

}  // namespace shim::admin
