#include "engine/address_lookup.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace bunraku::engine {
namespace {

using address_answer = discovery::address_answer;
using boost::asio::ip::address;
using policy::dns_type;
using clock = dns_answers::clock;

/// How long one family's answer is held back for the other's. Source: RFC 8305, 3 (Resolution Delay).
constexpr std::chrono::milliseconds resolution_delay{50};

/// IPv6 and IPv4 by turns, IPv6 first, each in its given order (RFC 8305, 4).
std::vector<address> alternate(const std::vector<address>& from) {
  std::vector<address> six, four, result;
  for (const auto& each : from) (each.is_v6() ? six : four).push_back(each);
  result.reserve(from.size());
  for (std::size_t i = 0; i < std::max(six.size(), four.size()); ++i) {
    if (i < six.size()) result.push_back(six[i]);
    if (i < four.size()) result.push_back(four[i]);
  }
  return result;
}

bool has_addresses(const dns_answers::flight& asked) {
  return asked.outcome && (!asked.outcome->answer.a.empty() || !asked.outcome->answer.aaaa.empty());
}

address_answer answer_from(const std::string& host, const dns_answers::outcome_ptr& four,
                           const dns_answers::outcome_ptr& six) {
  address_answer result;
  std::vector<address> all;
  for (const auto& each : {six, four}) {
    if (!each) continue;
    for (const auto& octets : each->answer.aaaa) all.emplace_back(boost::asio::ip::address_v6(octets));
    for (const auto& octets : each->answer.a) all.emplace_back(boost::asio::ip::address_v4(octets));
    if (!each->note.empty()) result.note += (result.note.empty() ? "" : "; ") + each->note;
    if (each->error) result.error = each->error;
  }
  result.addresses = alternate(all);
  if (!all.empty()) {
    result.error.clear();
  } else if (!result.error) {
    result.error = errc::no_address;
    result.note = host + " has neither an A nor an AAAA record" + (result.note.empty() ? "" : " (" + result.note + ")");
  }
  return result;
}

address_answer cancelled() { return {{}, errc::cancelled, "cancelled while asking DNS"}; }

/// Waits until both are over, or one has addresses and the other had its moment. False if cancelled.
boost::asio::awaitable<bool> wait_for_both(boost::asio::any_io_executor executor,
                                           std::shared_ptr<dns_answers::flight> four,
                                           std::shared_ptr<dns_answers::flight> six) {
  const auto timer = std::make_shared<boost::asio::steady_timer>(executor, clock::time_point::max());
  four->waiting.push_back(timer);
  six->waiting.push_back(timer);
  bool last_moment = false;
  while (!four->outcome || !six->outcome) {
    if (!last_moment && (has_addresses(*four) || has_addresses(*six))) {
      last_moment = true;
      timer->expires_after(resolution_delay);
    }
    const auto [interrupted] = co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (!interrupted) break;
    const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != boost::asio::cancellation_type::none) co_return false;
  }
  co_return true;
}

}  // namespace

boost::asio::awaitable<address_answer> find_addresses(std::shared_ptr<dns_answers> dns,
                                                      std::shared_ptr<io::hosts_file> hosts, std::string host) {
  boost::system::error_code is_name;
  const auto literal = boost::asio::ip::make_address(host, is_name);
  if (!is_name) co_return address_answer{{literal}, {}, {}};
  if (const auto& listed = hosts->find(host); !listed.empty())
    co_return address_answer{alternate(listed), {}, "from the hosts file"};
  try {
    const auto six = dns->ask({host, dns_type::aaaa});
    const auto four = dns->ask({host, dns_type::a});
    const bool waited = co_await wait_for_both(dns->executor(), four, six);
    if (waited) co_return answer_from(host, four->outcome, six->outcome);
  } catch (const std::exception&) {
    // A coroutine that was cancelled throws at its next wait.
  }
  co_return cancelled();
}

}  // namespace bunraku::engine
