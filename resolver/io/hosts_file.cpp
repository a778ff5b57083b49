#include "io/hosts_file.hpp"

#include "puppet/ascii.hpp"
#include "puppet/lines.hpp"

#include <algorithm>

namespace bunraku::io {
namespace {

using puppet::take_line;
using puppet::take_word;

constexpr std::size_t most_known = 4096;

/// `name` in any case, perhaps with the root's dot.
bool is_name(std::string_view name, std::string_view host) noexcept {
  if (name.size() == host.size() + 1 && name.ends_with('.')) name.remove_suffix(1);
  return ascii::same_name(name, host);
}

/// Whether one of the words of `line` is the host.
bool names(std::string_view line, std::string_view host) noexcept {
  for (auto word = take_word(line); !word.empty(); word = take_word(line))
    if (is_name(word, host)) return true;
  return false;
}

}  // namespace

std::vector<boost::asio::ip::address> addresses_in(std::string_view hosts, std::string_view host) {
  std::vector<boost::asio::ip::address> all;
  while (!hosts.empty()) {
    auto line = take_line(hosts);
    line = line.substr(0, line.find('#'));
    const auto first = take_word(line);
    if (!names(line, host)) continue;
    boost::system::error_code bad;
    const auto address = boost::asio::ip::make_address(std::string(first), bad);
    if (!bad && std::ranges::find(all, address) == all.end()) all.push_back(address);
  }
  return all;
}

const std::vector<boost::asio::ip::address>& hosts_file::find(std::string_view host) {
  static const std::vector<boost::asio::ip::address> nobody;
  if (file_.path().empty()) return nobody;
  if (const auto text = file_.read_if_changed()) {
    known_.clear();
    return known_[std::string(host)] = addresses_in(*text, host);
  }
  if (const auto found = known_.find(host); found != known_.end()) return found->second;
  if (known_.size() >= most_known) known_.clear();
  return known_[std::string(host)] = addresses_in(file_.read(), host);
}

}  // namespace bunraku::io
