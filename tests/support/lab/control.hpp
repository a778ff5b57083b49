// Orders from a test, at run time: JSON lines over a Unix socket, one answer line for each.
//   {"do":"fault","master":M,"fault":"...","match":{...},"body":"..."}  -> {"ok":true,"id":N}
//   {"do":"clear"} {"do":"clear","master":M} {"do":"clear","master":M,"id":N}
//   {"do":"counters","master":M}  -> connections, open, handshakes_failed, requests
//   {"do":"drop","master":M,"how":"reset|close"}   all of its connections
//   {"do":"reload"}               certificates and CRLs again
#pragma once

#include "master.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/fwd.hpp>

#include <filesystem>
#include <memory>
#include <vector>

namespace lab {

using master_list = std::vector<std::shared_ptr<master>>;

class control {
 public:
  control(boost::asio::io_context& io, const master_list& masters) : io_(io), masters_(masters) {}
  void listen(const std::filesystem::path& socket);

 private:
  boost::json::object obey(const boost::json::object& order);
  master& named(const boost::json::object& order);

  static boost::asio::awaitable<void> accept_all(control* self, std::filesystem::path socket);
  boost::asio::io_context& io_;
  const master_list& masters_;
};

}  // namespace lab
