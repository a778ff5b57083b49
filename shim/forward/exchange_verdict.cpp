// What is made of an attempt that went wrong: who is asked next, and what the client gets when nobody is left.
#include "forward/exchange.hpp"
#include "http/head_writer.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>

namespace shim::forward {
namespace net = boost::asio;
using bunraku::mishap;
using bunraku::move;
using bunraku::silence;
using bunraku::stage;

namespace {

/// Of an answer that is kept while other masters are asked. Puppet's errors are a few hundred bytes.
constexpr std::size_t keep_most = 65536;
/// For the rest of such an answer to come.
constexpr std::chrono::milliseconds keep_limit{1000};

}  // namespace

/// The master was sent the request, or part of it, and gave no answer that can be passed on.
exchange::step exchange::judge_silence(error_code error) {
  auto how = silence::closed;
  std::string reason = error.message();
  if (hangs_) {
    how = silence::hung;
    reason = "no answer, and its status did not come either";
  } else if (error == net::error::timed_out) {
    how = silence::late;
    reason = "no answer within the time limit";
  } else if (error == bunraku::errc::refused_us) {
    how = silence::refused;
    reason = up_.stream().refusal();
  } else if (error == boost::system::errc::protocol_error) {
    how = silence::unreadable;
    reason = std::move(last_failure_);
  } else if (error == net::error::eof) {
    reason = "the master closed the connection without an answer";
  }
  last_failure_.clear();
  const auto next = course_.unanswered(how, situation(), clock::now(), [this] { return may_repeat(); });
  if (next == move::same_master) {
    ask_same_again();
    shared_.pool.drop(who_);
  }
  if (next == move::same_master && how == silence::closed && reused_) return step::again;  // nothing to speak of
  if (how == silence::hung) shared_.pool.drop(who_);
  tell(how == silence::refused      ? outcome::refused_us
       : how == silence::unreadable ? outcome::broken_answer
                                    : outcome::unanswered,
       reason);
  note(stage::first_byte, error, std::move(reason), 0);
  return next == move::next_master || next == move::same_master ? step::again : step::give_up;
}

/// Is another master asked because of the status of this answer? It is kept then, in case that the others have none.
/// `done`: it goes to the client.
net::awaitable<exchange::step> exchange::judge_status(mishap what) {
  tell_status(what);
  if (what == mishap::saturated) course_.full(*retry_after(), clock::now());
  const auto next = course_.failed(what, situation(), clock::now(), [this] { return may_repeat(); });
  if (next == move::deliver && !prefers_full(what)) co_return step::done;
  note(stage::first_byte, {}, "status " + std::to_string(response_.status), response_.status);
  if (next == move::same_master) ask_same_again();
  if (next == move::ask_catalog_master) {
    doubts_not_found_ = true;
    plan_.put_next(*shared_.resolver.catalog_master(ticket_));
  }
  const bool worse = kept_ && ((kept_->status == 404 && what != mishap::not_found) ||
                               (kept_->full && what != mishap::saturated && prefers_full(what)));
  bool whole = false;
  if (!worse) whole = co_await keep_answer(what == mishap::saturated);
  tell(whole ? outcome::answered : outcome::cancelled);
  up_.stream().close();
  co_return next == move::give_up || next == move::deliver ? step::give_up : step::again;
}

/// Some master is only full, and the client waits for it, or we do in its place: that is worth more than this error.
bool exchange::prefers_full(bunraku::mishap what) const {
  if (what != mishap::saturated && what != mishap::server_error) return false;
  return course_.room_at() && manner_ != http::retry_after_manner::unknown;
}

/// Nobody has an answer, but some master said when it has room: an agent that crashes on Retry-After waits for that
/// here, and its request begins anew with all masters. Others are told, and wait by themselves.
net::awaitable<bool> exchange::wait_for_room() {
  if (manner_ != http::retry_after_manner::crashes || !course_.may_wait_for_room(situation())) co_return false;
  const auto began = clock::now();
  const auto until = *course_.room_at();
  if (shared_.warn)
    shared_.warn("no master of service " + std::string(to_.service_name) +
                 " has room (503 with Retry-After): a request waits here for " +
                 std::to_string(std::chrono::ceil<std::chrono::seconds>(until - began).count()) +
                 " s, since its agent is older than Puppet 7.26 and would fail on Retry-After");
  net::steady_timer timer(co_await net::this_coro::executor);
  while (!*last_ && clock::now() < until) {  // a daemon that was told to end does not wait for masters
    timer.expires_at(std::min(until, clock::now() + std::chrono::seconds(1)));
    error_code ignored;
    co_await timer.async_wait(net::redirect_error(net::use_awaitable, ignored));
  }
  record_.waited += since(began);
  if (*last_) co_return false;
  tell_attempts();
  course_.begin_anew();
  plan_ = bunraku::plan();
  planned_ = doubts_not_found_ = false;
  co_return true;
}

/// What belongs to one master (a CA's signing requests) goes nowhere else, even if that one takes no connection any
/// more.
void exchange::ask_same_again() {
  if (to_.endpoint->unanswered == bunraku::endpoint::repeat::same_master) plan_.narrow_to(who_);
  else plan_.retry(who_);
}

bool exchange::may_repeat() { return shared_.resolver.spend_retry(); }

/// Reads the rest of the answer, unless it is too much or too slow: then the one that was kept before, if any, stays.
net::awaitable<bool> exchange::keep_answer(bool full) {
  kept_answer answer{.who = who_, .status = response_.status, .full = full, .head = response_bytes_, .body = {}};
  const auto until = clock::now() + keep_limit;
  auto left = response_.body.length;
  http::chunked_decoder decoder;
  for (bool whole = response_.body.kind == http::body_kind::none; !whole;) {
    if (response_.body.kind == http::body_kind::length && left == 0) break;
    if (client_.up_in.empty()) {
      const auto time = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
      if (time.count() <= 0) co_return false;
      const auto error = co_await up_.fill(client_.up_in, time);
      whole = error == net::error::eof && response_.body.kind == http::body_kind::until_close;
      if (error && !whole) co_return false;
      continue;
    }
    auto piece = client_.up_in.view();
    auto used = piece.size();
    if (response_.body.kind == http::body_kind::chunked) {
      const auto decoded = decoder.next_data(piece);
      if (!decoded) co_return false;
      piece = decoded->bytes;
      used = decoded->consumed;
      whole = decoded->done;
    } else if (response_.body.kind == http::body_kind::length) {
      piece = piece.substr(0, left);
      used = piece.size();
      left -= used;
    }
    if (answer.body.size() + piece.size() > keep_most) co_return false;
    answer.body += piece;
    client_.up_in.consume(used);
  }
  kept_ = std::move(answer);
  co_return true;
}

/// Nobody had a better answer than the last one that a master gave.
net::awaitable<void> exchange::deliver_kept() {
  who_ = kept_->who;
  // It was within the limits when it came; a reload may have brought others since.
  const http::limits any{.head_bytes = kept_->head.size(), .fields = http::field_list::capacity};
  const auto head = http::parse_response(kept_->head, any, request_.method);
  auto framing = head->body;
  if (framing.kind != http::body_kind::none) framing = {.kind = http::body_kind::length, .length = kept_->body.size()};
  if (!body_.complete()) keep_client_ = false;
  record_.status = head->status;
  record_.master = who_.to_string();
  client_.out.clear();
  http::write_response_head(client_.out, *head, !keep_client_, framing, kept_->full ? room_left() : std::nullopt);
  const bool sent = co_await to_client(kept_->body);
  record_.cut = !sent;
  record_.unserved = !kept_->full && kept_->status != 404;
  record_.bytes_down = sent ? kept_->body.size() : 0;
  if (!sent) cut_client();
}

/// Each attempt ends once: what is told of it after that counts no more.
void exchange::tell(outcome what, std::string reason) {
  if (what != outcome::begun && !owes_outcome_) return;
  owes_outcome_ = what == outcome::begun;
  bunraku::outcome news(what, std::move(reason));
  if (what == outcome::answered) news.set_first_byte(learned_first_byte_).set_endpoint(*to_.endpoint);
  if (what == outcome::saturated) news.set_retry_after(*retry_after());
  shared_.resolver.report(who_, told_for(), news);
}

/// An error of its own making; 500 and 404 are answers like any other.
void exchange::tell_status(bunraku::mishap what) {
  const auto reason = "status " + std::to_string(response_.status);
  if (what == bunraku::mishap::saturated) tell(outcome::saturated, reason);
  else if (what == bunraku::mishap::server_error) tell(outcome::server_error, reason);
}

/// What is told to an agent that waits by itself: until the first of all masters has room.
std::optional<std::chrono::seconds> exchange::room_left() const {
  if (manner_ != http::retry_after_manner::waits || !course_.room_at()) return std::nullopt;
  return std::max(std::chrono::ceil<std::chrono::seconds>(*course_.room_at() - clock::now()), std::chrono::seconds(0));
}

/// Retry-After of response_, as far as it is a number of seconds; a date counts as a minute.
std::optional<std::chrono::seconds> exchange::retry_after() const {
  const auto value = response_.fields.find("Retry-After");
  if (!value) return std::nullopt;
  long seconds = 60;
  std::from_chars(value->data(), value->data() + value->size(), seconds);
  return std::chrono::seconds(std::clamp(seconds, 0L, 86400L));
}

void exchange::note(stage reached, error_code error, std::string reason, int status) {
  plan_.add(bunraku::attempt(who_, reached, error, std::move(reason), since(attempt_began_), status));
}

}  // namespace shim::forward
