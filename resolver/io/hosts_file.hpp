#pragma once
#include "io/changing_file.hpp"

#include <boost/asio/ip/address.hpp>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bunraku::io {

using host_addresses = std::map<std::string, std::vector<boost::asio::ip::address>, std::less<>>;

/// What hosts(5) says: addresses by name, in lower case, in the order of the file, each once. Lines that begin with no
/// address are passed over; at most 65536 names are kept.
host_addresses parse_hosts(std::string_view text);

/// The hosts file as it is now. An empty path is a file that knows nobody.
class hosts_file {
 public:
  explicit hosts_file(std::string path) : file_(std::move(path), 4 * 1024 * 1024) {}

  /// `host` in lower case. Empty if the file does not name it. Valid until the next call.
  const std::vector<boost::asio::ip::address>& find(std::string_view host);

 private:
  changing_file file_;
  host_addresses hosts_;
};

}  // namespace bunraku::io
