#include "engine/connect_op.hpp"

#include "engine/connect_fault.hpp"
#include "engine/unattended.hpp"
#include "io/end_wait.hpp"
#include "policy/master_identity.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace bunraku::engine {
namespace net = boost::asio;

namespace {

/// Where a connection to it leads: the unspecified address is this host's loopback, and an IPv4 address may be written
/// as one of IPv6.
net::ip::address reached_by(net::ip::address address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6());
  if (!address.is_unspecified()) return address;
  return address.is_v6() ? net::ip::address(net::ip::address_v6::loopback()) : net::ip::address_v4::loopback();
}

/// Does it lead back to this host? A socket to an address of its own gets that one for its own end, too. Nothing is
/// sent; and what a loopback interface has needs no question.
bool is_of_this_host(const net::any_io_executor& executor, const net::ip::address& address) {
  if (address.is_loopback()) return true;
  using udp = net::ip::udp;
  boost::system::error_code error;
  udp::socket asked(executor);
  asked.open(address.is_v6() ? udp::v6() : udp::v4(), error);
  if (!error) asked.connect({address, 9}, error);
  return !error && asked.local_endpoint(error).address() == address && !error;
}

}  // namespace

connect_op::connect_op(net::any_io_executor executor, std::shared_ptr<discovery> names,
                       std::shared_ptr<const upstream> tls, connect_options options, std::vector<master> never_dial,
                       std::vector<std::string> within, std::shared_ptr<log_sink> log, policy::knowledge& learned,
                       std::shared_ptr<const observers> watched_by)
    : executor_(std::move(executor)),
      names_(std::move(names)),
      tls_(std::move(tls)),
      options_(options),
      never_dial_(std::move(never_dial)),
      within_(std::move(within)),
      log_(std::move(log)),
      learned_(learned),
      watched_by_(std::move(watched_by)),
      race_(options.race_delay, options.race_width),
      wake_(executor_) {}

void connect_op::cancel() noexcept {
  cancelled_ = true;
  io::end_wait(wake_);
}

void connect_op::doubt(const master& who) { names_->connect_failed(told_for(), who); }

service connect_op::told_for() const noexcept { return learned_.told_for(service_, numbering_); }

void connect_op::give_up(plan& from) {
  if (is_over() && !winner_) return;
  cancel();
  for (auto& e : entrants_) {
    if (e.open == 0) continue;
    e.open = 0;
    learned_.connect_failed(e.who, told_for(), policy::health_event::kind::cancelled, {}, clock::now());
    add_unfinished(e, errc::cancelled, "not ready yet when the caller gave up");
  }
  take_failed(from);
}

net::awaitable<connect_op::result> connect_op::run(plan& from, extend_plan extend) {
  result out;
  service_ = from.service();
  numbering_ = learned_.numbering();
  if (watched_by_) {
    for_ = plan(service_);
    for_.set_request(from.exchange(), from.method(), from.path());
  }
  for (;;) {
    if (cancelled_ || winner_) break;
    const auto may_start = race_.next_start();
    if (may_start && *may_start <= clock::now() && !waiting_.empty()) {
      const contestant next = waiting_.front();
      waiting_.pop_front();
      start(next);
      continue;
    }
    if (may_start && *may_start <= clock::now() && from.front() != nullptr) {
      entrants_.push_back({from.take_front(), clock::now(), 1, stage::resolve, {}, {}});
      learned_.trying(entrants_.back().who, told_for(), clock::now());
      start({entrants_.size() - 1, std::nullopt});
      if (const auto* next = from.front(); next != nullptr && !policy::refuse_target(within_, *next))
        names_->prepare_addresses(*next);
      continue;
    }
    const bool more = !waiting_.empty() || from.front() != nullptr;
    if (race_.running() == 0 && !more) {
      settle(from);
      const bool extended = co_await extend(from);
      if (!extended) break;
      continue;
    }
    wake_.expires_at(more && may_start ? *may_start : clock::time_point::max());
    boost::system::error_code woken;
    co_await wake_.async_wait(net::redirect_error(net::use_awaitable, woken));
  }
  over_ = true;
  for (auto& d : dials_) d->cancel();
  for (auto& p : pauses_) p.cancel();
  settle(from);
  if (cancelled_) out.error = errc::cancelled;
  else if (!winner_) out.error = errc::all_tried;
  else take_winner(out);
  co_return out;
}

void connect_op::take_winner(result& into) {
  const master& who = entrants_[winning_entrant_].who;
  if (tls_) {
    into.value = connected(connection(std::move(winner_)), who);
    return;
  }
  const auto protocol = address_of_winner_.is_v6() ? net::ip::tcp::v6() : net::ip::tcp::v4();
  net::ip::tcp::socket socket(executor_);
  // Released from one socket object into another of the right type: the descriptor stays.
  socket.assign(protocol, winner_->socket().release(), into.error);
  if (!into.error) socket.non_blocking(true, into.error);
  if (!into.error) into.plain.emplace(std::move(socket), who);
}

void connect_op::start(contestant who) {
  race_.started(clock::now());
  net::co_spawn(executor_, contest(shared_from_this(), who), unattended{});
}

net::awaitable<void> connect_op::contest(std::shared_ptr<connect_op> self, contestant who) {
  if (!who.address) {
    if (auto why = policy::refuse_target(self->within_, self->entrants_[who.entrant].who)) {
      self->fail(who.entrant, stage::resolve, errc::outside_domain, std::move(*why));
      co_return;
    }
    const bool found = co_await self->find_addresses(who);
    if (!found || self->is_over()) co_return;
  }
  fault injected;
  if (self->watched_by_) {
    injected = co_await self->ask_observers(who.entrant);
    if (self->is_over()) co_return;
    const bool goes_on = co_await self->play(injected, who.entrant);
    if (!goes_on || self->is_over()) co_return;
  }
  const master to = self->entrants_[who.entrant].who;
  io::ssl_ptr ssl;
  if (self->tls_) ssl = self->tls_->prepare(to, self->service_);
  if (self->tls_ && !ssl) {
    self->fail(who.entrant, stage::tls, errc::tls_failed, "\"" + to.host() + "\" cannot be a certificate's name");
    co_return;
  }
  const auto peer = to.to_string() + " (" + who.address->to_string() + ")";
  const auto dialled = std::make_shared<io::dial>(self->executor_, net::ip::tcp::endpoint(*who.address, to.port()),
                                                  peer, std::move(ssl));
  const auto place = self->dials_.insert(self->dials_.end(), dialled);
  self->dialled_ = true;
  auto ended = co_await dial(self, dialled, to);
  self->dials_.erase(place);
  if (self->is_over()) co_return;  // too late: the stream, if any, closes here
  if (ended.value && !self->may_have_come_through(injected, who.entrant)) co_return;
  if (ended.value) {
    self->winner_ = std::move(ended.value);
    self->winning_entrant_ = who.entrant;
    self->address_of_winner_ = *who.address;
    self->wake_.cancel();
    co_return;
  }
  self->fail(who.entrant, ended.reached, ended.error, std::move(ended.reason));
}

net::awaitable<io::dial_result> connect_op::dial(std::shared_ptr<connect_op> self, std::shared_ptr<io::dial> by,
                                                 master to) {
  const auto began = clock::now();
  auto ended = co_await io::dial::connect(by, self->options_.connect_timeout);
  if (ended.error || self->is_over()) co_return ended;
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - began);
  self->learned_.reached(to, self->told_for(), took, clock::now());
  if (self->told_connected_) self->told_connected_();
  handshake_turns::turn turn;
  // As long as the next master waits for this one.
  if (self->tls_) turn = co_await upstream::take_turn(self->tls_, by, std::move(to), self->options_.race_delay);
  ended = co_await io::dial::secure(by, self->options_.tls_timeout);
  if (ended.value) turn.succeeded();
  co_return ended;
}

/// Gives `who` the first address and puts the others in front of all that wait, so that they come next.
net::awaitable<bool> connect_op::find_addresses(contestant& who) {
  auto found = co_await names_->async_addresses(entrants_[who.entrant].who.host(), entrants_[who.entrant].who.source());
  const auto port = entrants_[who.entrant].who.port();
  const auto all = found.addresses.size();
  std::erase_if(found.addresses, [&](const auto& a) { return is_own_listener(a, port); });
  entrants_[who.entrant].own_fault = found.own_fault && all == 0;
  if (found.addresses.empty()) {
    if (all != 0)
      fail(who.entrant, stage::resolve, errc::no_address,
           "its name is mapped to bunraku's own listener (see /etc/hosts): that would be a loop");
    else fail(who.entrant, stage::resolve, found.error ? found.error : make_error_code(errc::no_address), found.note);
    co_return false;
  }
  who.address = found.addresses.front();
  for (auto it = found.addresses.rbegin(); it != found.addresses.rend() - 1; ++it)
    waiting_.push_front({who.entrant, *it});
  entrants_[who.entrant].open = found.addresses.size();
  if (found.addresses.size() > 1) wake_.cancel();  // run() may have gone to sleep with nobody left to start
  co_return true;
}

bool connect_op::is_own_listener(const net::ip::address& address, std::uint16_t port) const {
  const auto to = reached_by(address);
  return std::ranges::any_of(never_dial_, [&](const master& own) {
    if (own.port() != port) return false;
    const bool any = own.host() == "::" || (own.host() == "0.0.0.0" && to.is_v4());
    return any ? is_of_this_host(executor_, to) : own.host() == to.to_string();
  });
}

void connect_op::fail(std::size_t index, stage reached, boost::system::error_code error, std::string reason) {
  if (is_over()) return;
  auto& e = entrants_[index];
  race_.failed(clock::now());
  wake_.cancel();
  // With several addresses the one that came furthest tells most.
  if (e.reason.empty() || reached >= e.reached) {
    e.reached = reached;
    e.error = error;
    e.reason = std::move(reason);
  }
  if (--e.open != 0) return;
  using kind = policy::health_event::kind;
  const auto why = e.own_fault ? kind::own_fault : fault_of(e.error);
  learned_.connect_failed(e.who, told_for(), why, std::string(name_of(e.reached)) + ": " + e.reason, clock::now());
  if (why == kind::connect_failed || why == kind::bad_certificate) names_->connect_failed(told_for(), e.who);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - e.began);
  failed_.emplace_back(e.who, e.reached, e.error, e.reason, took);
  // Those two do not pass by themselves.
  const bool lasts = why == kind::bad_certificate || why == kind::own_fault;
  const auto level = lasts ? log_level::warning : log_level::info;
  if (log_ && log_->level() <= level) log_->write(level, "attempt failed " + failed_.back().to_string());
}

/// Hands what became of the entrants over to the plan. Those that were only slower than the winner may be tried again.
void connect_op::settle(plan& from) {
  take_failed(from);
  if (!winner_) return;
  for (std::size_t i = 0; i != entrants_.size(); ++i) {
    auto& e = entrants_[i];
    if (i == winning_entrant_ || e.open == 0) continue;
    from.give_back(e.who);
    if (i < winning_entrant_) {
      learned_.lost_race(e.who, told_for(), clock::now());
      add_unfinished(e, errc::connect_timeout, "not ready yet when another master was");
    } else {
      learned_.connect_failed(e.who, told_for(), policy::health_event::kind::cancelled, {}, clock::now());
      add_unfinished(e, errc::cancelled, "not needed, for one that was asked before it was ready");
    }
  }
  take_failed(from);
}

void connect_op::take_failed(plan& from) {
  for (auto& f : failed_) from.add(std::move(f));
  failed_.clear();
}

void connect_op::add_unfinished(const entrant& e, boost::system::error_code error, std::string why) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - e.began);
  failed_.emplace_back(e.who, stage::connect, error, std::move(why), took);
}

}  // namespace bunraku::engine
