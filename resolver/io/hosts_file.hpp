#pragma once
#include "io/changing_file.hpp"

#include <boost/asio/ip/address.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bunraku::io {

/// What the text of a hosts(5) file says of `host`, in lower case: its addresses in the order of the file, each once.
/// Lines that begin with no address are passed over.
std::vector<boost::asio::ip::address> addresses_in(std::string_view hosts, std::string_view host);

/// The hosts file as it is now. An empty path is a file that knows nobody.
/// Memory: of what was asked for alone, however many names there are: a cluster's file has those of all its nodes.
class hosts_file {
 public:
  explicit hosts_file(std::string path) : file_(std::move(path), 32 * 1024 * 1024) {}

  /// `host` in lower case. Empty if the file does not name it. Valid until the next call.
  /// Blocks as local files do, when the file has changed and when a host is asked for that was not since.
  const std::vector<boost::asio::ip::address>& find(std::string_view host);

 private:
  changing_file file_;
  std::map<std::string, std::vector<boost::asio::ip::address>, std::less<>> known_;
};

}  // namespace bunraku::io
