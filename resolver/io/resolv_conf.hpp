#pragma once
#include "io/changing_file.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::io {

struct name_server {
  boost::asio::ip::address address;
  std::uint16_t port = 53;
  std::string to_string() const;
  friend bool operator==(const name_server&, const name_server&) = default;
};

/// "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]", "[::1]:53". Port 53 if not given, never 0. The error is one sentence.
/// Link-local addresses with a scope ("fe80::1%eth0") are refused: c-ares 1.18 cannot reach them.
std::expected<name_server, std::string> parse_name_server(std::string_view text);

/// The `nameserver` lines of a resolv.conf, the first three as in glibc (resolv.conf(5)); lines that cannot be used are
/// passed over. Without any, the name server on this host. Search lists and options do not concern us: only absolute
/// names are asked for, and the times are our own.
std::vector<name_server> parse_resolv_conf(std::string_view text);

/// The name servers of a resolv.conf as it is now.
class resolv_conf {
 public:
  explicit resolv_conf(std::string path) : file_(std::move(path), 64 * 1024) {}
  const std::vector<name_server>& name_servers();

 private:
  changing_file file_;
  std::vector<name_server> servers_;
};

}  // namespace bunraku::io
