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

bool has_addresses(const dns_answers::decision* said) {
  return said != nullptr && (!said->outcome->answer.a.empty() || !said->outcome->answer.aaaa.empty());
}

/// Only for A: some name servers wrongly say so for AAAA (RFC 4074, 4.2).
bool does_not_exist(const dns_answers::decision* four) {
  return four != nullptr && four->outcome->failed == policy::dns_outcome::failure::none &&
         four->outcome->answer.state == policy::dns_answer::status::no_such_name;
}

void add_note(std::string& to, const std::string& note) {
  if (!note.empty()) to += (to.empty() ? "" : "; ") + note;
}

/// A family that is null was not waited for.
address_answer answer_from(const std::string& host, const dns_answers::decision* four,
                           const dns_answers::decision* six) {
  address_answer result;
  std::vector<address> all;
  for (const auto* each : {six, four}) {
    if (each == nullptr) continue;
    const auto& outcome = *each->outcome;
    for (const auto& octets : outcome.answer.aaaa) all.emplace_back(boost::asio::ip::address_v6(octets));
    for (const auto& octets : outcome.answer.a) all.emplace_back(boost::asio::ip::address_v4(octets));
    add_note(result.note, outcome.note);
    add_note(result.note, note_about(*each));
    if (const auto error = error_of(outcome.failed)) result.error = error;
    result.own_fault |= outcome.failed == policy::dns_outcome::failure::no_socket;
  }
  result.addresses = alternate(all);
  if (!all.empty()) {
    result.error.clear();
    return result;
  }
  if ((!four || !six) && !does_not_exist(four)) {
    result.error = errc::dns_timeout;
    add_note(result.note, "no answer about " + host + " in time");
  } else if (!result.error) {
    result.error = errc::no_address;
    result.note = host + " has neither an A nor an AAAA record" + (result.note.empty() ? "" : " (" + result.note + ")");
  }
  return result;
}

address_answer cancelled() { return {{}, errc::cancelled, "cancelled while asking DNS"}; }

/// Waits until both say something, or one made the other needless and that had its moment, or `until`. False if
/// cancelled.
boost::asio::awaitable<bool> wait_for_both(boost::asio::any_io_executor executor, dns_answers::inquiry four,
                                           dns_answers::inquiry six, clock::time_point until) {
  const auto timer = std::make_shared<boost::asio::steady_timer>(executor);
  four.wake(timer);
  six.wake(timer);
  bool last_moment = false;
  for (auto now = clock::now(); now < until; now = clock::now()) {
    const auto *a = four.said(now), *aaaa = six.said(now);
    if (a && aaaa) break;
    if (!last_moment && (has_addresses(a) || has_addresses(aaaa) || does_not_exist(a))) {
      last_moment = true;
      until = std::min(until, now + resolution_delay);
    }
    const auto a_comes = a ? clock::time_point::max() : four.patience_ends();
    const auto aaaa_comes = aaaa ? clock::time_point::max() : six.patience_ends();
    timer->expires_at(std::min({until, a_comes, aaaa_comes}));
    const auto [interrupted] = co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (!interrupted) continue;
    const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != boost::asio::cancellation_type::none) co_return false;
  }
  co_return true;
}

boost::asio::awaitable<address_answer> ask_for(std::shared_ptr<dns_answers> dns, std::string name,
                                               clock::time_point until) {
  const auto six = dns->ask({name, dns_type::aaaa});
  const auto four = dns->ask({name, dns_type::a});
  const bool waited = co_await wait_for_both(dns->executor(), four, six, until);
  if (!waited) co_return cancelled();
  const auto now = clock::now();
  const auto *a = four.said(now), *aaaa = six.said(now);
  if (a && !four.is_over()) dns->waited_in_vain();
  co_return answer_from(name, a, aaaa);
}

/// What DNS may be asked for to find `host`, in order; the last is `host` itself.
std::vector<std::string> names_for(const std::string& host, io::resolv_conf* resolv) {
  std::vector<std::string> names;
  if (resolv != nullptr && !host.contains('.')) {
    for (const auto& domain : resolv->search_list())
      if (auto name = host + "." + domain; policy::dns_name::from_text(name)) names.push_back(std::move(name));
  }
  names.push_back(host);
  return names;
}

/// Why no name of a search list gave an address, and which of them were asked.
class search_failure {
 public:
  void add(const std::string& name, const address_answer& said) {
    asked_ += (asked_.empty() ? "" : ", ") + name;
    if (said.error == errc::no_address) return;
    error_ = said.error;
    own_fault_ |= said.own_fault;
    add_note(notes_, said.note);
  }
  void add_not_asked(const std::string& name) {
    if (!error_) error_ = errc::dns_timeout;
    add_note(notes_, "no time was left for " + name);
  }
  address_answer answer() const {
    if (!error_) return {{}, errc::no_address, "none of " + asked_ + " has an A or an AAAA record"};
    return {{}, error_, "asked for " + asked_ + ": " + notes_, own_fault_};
  }

 private:
  std::string asked_, notes_;
  boost::system::error_code error_;
  bool own_fault_ = false;
};

/// The first of `names` that has an address. The first question ends by its own deadline, which says more; the others
/// end when that time is over, counted from the beginning.
boost::asio::awaitable<address_answer> ask_in_turn(std::shared_ptr<dns_answers> dns, std::vector<std::string> names) {
  const auto end = clock::now() + dns->deadline();
  auto until = clock::time_point::max();
  search_failure failure;
  for (const auto& name : names) {
    if (clock::now() >= until) {
      failure.add_not_asked(name);
      continue;
    }
    auto said = co_await ask_for(dns, name, until);
    if (names.size() == 1 || !said.addresses.empty() || said.error == errc::cancelled) co_return said;
    failure.add(name, said);
    until = end;
  }
  co_return failure.answer();
}

}  // namespace

boost::asio::awaitable<address_answer> find_addresses(std::shared_ptr<dns_answers> dns,
                                                      std::shared_ptr<io::hosts_file> hosts,
                                                      std::shared_ptr<io::resolv_conf> resolv, std::string host) {
  boost::system::error_code is_name;
  const auto literal = boost::asio::ip::make_address(host, is_name);
  if (!is_name) co_return address_answer{{literal}, {}, {}};
  if (const auto& listed = hosts->find(host); !listed.empty())
    co_return address_answer{alternate(listed), {}, "from the hosts file"};
  try {
    co_return co_await ask_in_turn(dns, names_for(host, resolv.get()));
  } catch (const std::exception&) {
    co_return cancelled();  // a coroutine that was cancelled throws at its next wait
  }
}

void doubt_addresses(dns_answers& dns, io::resolv_conf* resolv, const std::string& host) {
  for (const auto& name : names_for(host, resolv)) {
    dns.doubt({name, dns_type::a});
    dns.doubt({name, dns_type::aaaa});
  }
}

}  // namespace bunraku::engine
