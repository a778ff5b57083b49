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
  std::string scope{};  ///< the interface that a link-local address is on, by name or number; else empty
  std::string to_string() const;
  friend bool operator==(const name_server&, const name_server&) = default;
};

/// "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]", "[::1]:53", "fe80::1%eth0". Port 53 if not given, never 0. The error
/// is one sentence.
std::expected<name_server, std::string> parse_name_server(std::string_view text);

/// The `nameserver` lines of a resolv.conf, the first three as in glibc (resolv.conf(5)); lines that cannot be used are
/// passed over. Without any, the name server on this host. Options do not concern us: the times are our own.
std::vector<name_server> parse_resolv_conf(std::string_view text);

/// The domains of the search list, without trailing dots: those of the last `search` or `domain` line (resolv.conf(5)),
/// at most six, none if there is no such line. Not glibc's last resort, the domain part of the host's own name.
std::vector<std::string> parse_search_list(std::string_view text);

/// The name servers and search list of a resolv.conf as it is now. What is returned is valid until the next call.
class resolv_conf {
 public:
  explicit resolv_conf(std::string path) : file_(std::move(path), 64 * 1024) {}
  const std::vector<name_server>& name_servers();
  const std::vector<std::string>& search_list();

 private:
  void refresh();

  changing_file file_;
  std::vector<name_server> servers_;
  std::vector<std::string> search_list_;
};

}  // namespace bunraku::io
