#include "io/hosts_file.hpp"

#include "io/lines.hpp"

#include <algorithm>

namespace bunraku::io {
namespace {

constexpr std::size_t max_names = 65536;

std::string lower(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string result(name);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return result;
}

}  // namespace

host_addresses parse_hosts(std::string_view text) {
  host_addresses hosts;
  while (!text.empty()) {
    const auto words = words_of(take_line(text), "#");
    if (words.size() < 2) continue;
    boost::system::error_code bad;
    const auto address = boost::asio::ip::make_address(std::string(words[0]), bad);
    if (bad) continue;
    for (std::size_t i = 1; i < words.size(); ++i) {
      const auto name = lower(words[i]);
      if (hosts.size() >= max_names && !hosts.contains(name)) continue;
      auto& known = hosts[name];
      if (std::ranges::find(known, address) == known.end()) known.push_back(address);
    }
  }
  return hosts;
}

const std::vector<boost::asio::ip::address>& hosts_file::find(std::string_view host) {
  static const std::vector<boost::asio::ip::address> nobody;
  if (file_.path().empty()) return nobody;
  if (const auto text = file_.read_if_changed()) hosts_ = parse_hosts(*text);
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? nobody : found->second;
}

}  // namespace bunraku::io
