#include "forward/exchange.hpp"

#include "http/error_body.hpp"
#include "http/head_writer.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>

namespace shim::forward {
namespace net = boost::asio;
using bunraku::endpoint;
using bunraku::stage;

namespace {

/// A request that must not be sent twice gets no connection that its master may just be closing for being idle.
constexpr std::chrono::milliseconds fresh_enough{5000};
/// What is read and forgotten of a body whose answer came early. Most clients read no answer before they have sent all,
/// so this is the size of upload whose refusal they get to see.
constexpr std::uint64_t discard_most = 1ULL << 30;
/// 1xx answers before the real one (RFC 9110, 15.2: any number).
constexpr int most_interim = 16;

std::chrono::microseconds since(std::chrono::steady_clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - t);
}

}  // namespace

exchange::exchange(forwarding& shared, client_side& client, const http::request_head& request, const destination& to)
    : shared_(shared),
      client_(client),
      request_(request),
      to_(to),
      body_(client.stream, client.in, request.body, shared.replay_bytes, shared.stall),
      up_(bunraku::connection(), shared.limits),
      who_({}, 0, bunraku::source_kind::list),
      began_(clock::now()),
      attempt_began_(began_) {
  record_.service = to.service_name;
  record_.endpoint = to.endpoint->name;
  record_.method = request.method;
  record_.target = request.target;
  record_.client = client.stream.stream().peer();
}

net::awaitable<bool> exchange::run(const bool& last) {
  last_ = &last;
  keep_client_ = request_.keep_alive;
  const auto ticket = shared_.resolver.begin_exchange(*to_.endpoint, request_.target);
  awaits_continue_ = request_.expect_continue && client_.in.empty();
  for (;;) {
    const auto error = co_await connect();
    if (error) {
      if (last) keep_client_ = false;
      co_await answer_failure(error);
      break;
    }
    const auto next = co_await attempt_once();
    if (next == step::done) break;
    if (next == step::again) continue;
    co_await answer_failure(make_error_code(bunraku::errc::all_tried));
    break;
  }
  // What is left of a body that nobody wanted must not be read as the next request, and closing over unread bytes
  // would reset the connection before the client has read its answer.
  if (!body_.complete() && !record_.cut && client_fault_ == 0 && !awaits_continue_) {
    const bool discarded = co_await body_.discard(discard_most);
    keep_client_ = keep_client_ && discarded;
  }
  record_.bytes_up = body_.bytes();
  const bool answered = record_.status != 0 && !record_.own_answer;
  const auto& failed = plan_.attempts();
  shared_.resolver.end_exchange(ticket, {.row = *to_.endpoint,
                                         .of = to_.service,
                                         .answered_by = answered ? &who_ : nullptr,
                                         .needed_another = !failed.empty() && failed.front().who() != who_,
                                         .status = record_.status,
                                         .bytes_up = record_.bytes_up,
                                         .bytes_down = record_.bytes_down});
  record_.total = since(began_);
  record_.why = join(plan_.attempts());
  if (shared_.record) shared_.record(record_);
  co_return keep_client_;
}

/// A connection to the plan's next master: an idle one, or a new one.
net::awaitable<exchange::error_code> exchange::connect() {
  error_code error;
  if (!planned_) {
    planned_ = true;
    if (!shared_.resolver.try_plan(to_.service, plan_))
      plan_ = co_await shared_.resolver.async_plan(to_.service, net::redirect_error(net::use_awaitable, error));
    if (error) co_return error;
  }
  attempt_began_ = clock::now();
  reused_ = false;
  if (plan_.front() != nullptr) {
    const bool repeatable = to_.endpoint->unanswered == endpoint::repeat::anywhere;
    auto idle = shared_.pool.take(*plan_.front(), repeatable ? std::chrono::milliseconds::max() : fresh_enough);
    if (idle) {
      who_ = plan_.take_front();
      up_.replace(std::move(*idle));
      reused_ = true;
      ++record_.attempts;
      co_return error;
    }
  }
  const auto before = plan_.attempts().size();
  auto made = co_await shared_.resolver.async_connect(plan_, net::redirect_error(net::use_awaitable, error));
  record_.attempts += plan_.attempts().size() - before;
  if (error) co_return error;
  ++record_.attempts;
  who_ = made.who();
  up_.replace(std::move(made.stream()));
  co_return error;
}

/// Sends the request to the master at the other end of up_ and relays its answer.
net::awaitable<exchange::step> exchange::attempt_once() {
  client_.up_in.clear();
  heard_ = told_ = false;
  tell(outcome::begun);
  const auto send_error = co_await send_request();
  if (client_fault_ != 0) {
    up_.stream().close();
    co_await answer(client_fault_, last_failure_);
    co_return step::done;
  }
  // A master may answer before it has the whole request, and then stop reading: its answer is worth more than the
  // error.
  const auto head = co_await read_head();
  if (*last_) keep_client_ = false;
  if (!head) {
    const auto what = bunraku::mishap_of_status(*to_.endpoint, response_.status, retry_after().has_value());
    if (what) {
      tell_status(*what);
      const auto next = bunraku::judge(*to_.endpoint, *what, {.replayable = body_.replayable()});
      if (next == bunraku::move::next_master && plan_.front() != nullptr) {
        note(stage::first_byte, {}, "status " + std::to_string(response_.status), response_.status);
        up_.stream().close();
        co_return step::again;
      }
    }
    const bool whole = co_await relay();
    if (!whole) keep_client_ = false;
    co_return step::done;
  }
  const auto error = send_error && *head != net::error::timed_out ? send_error : *head;
  up_.stream().close();
  co_return judge_unanswered(error);
}

/// The master was sent the request, or part of it, and gave no answer that can be passed on.
exchange::step exchange::judge_unanswered(error_code error) {
  const bool late = error == net::error::timed_out;
  // Nobody processes a request that is not whole, nor one from a client whose certificate it refuses.
  const bool refused = error == bunraku::errc::refused_us;
  const bool unprocessed = refused || (!sent_all_ && !heard_);
  const auto rule = refused ? to_.endpoint->unsent : to_.endpoint->unanswered;
  const bool elsewhere = rule == endpoint::repeat::anywhere || (rule == endpoint::repeat::unsent_only && unprocessed);
  if (reused_ && !heard_ && !late && !refused && body_.replayable() &&
      (elsewhere || rule == endpoint::repeat::same_master)) {
    // The master closed an idle connection just as we used it: the same one again, on a new connection.
    plan_.retry(who_);
    return step::again;
  }
  std::string reason = error.message();
  if (late) reason = "no answer within the time limit";
  else if (error == net::error::eof) reason = "the master closed the connection without an answer";
  else if (!last_failure_.empty()) reason = std::move(last_failure_);
  last_failure_.clear();
  if (!refused)
    tell(error == boost::system::errc::protocol_error ? outcome::broken_answer : outcome::unanswered, reason);
  note(stage::first_byte, error, std::move(reason), 0);
  return elsewhere && body_.replayable() ? step::again : step::give_up;
}

exchange::error_code exchange::blame_client(const request_body::failure& why) {
  client_fault_ = why.status;
  last_failure_ =
      why.malformed.empty() ? "the request's body ended early or came too slowly" : std::string(why.malformed);
  return net::error::connection_aborted;
}

void exchange::tell(outcome what, std::string reason) {
  bunraku::outcome news(what, std::move(reason));
  if (what == outcome::answered) news.set_first_byte(record_.first_byte);
  if (what == outcome::saturated) news.set_retry_after(*retry_after());
  shared_.resolver.report(who_, to_.service, news);
}

/// An error of its own making; 500 and 404 are answers like any other.
void exchange::tell_status(bunraku::mishap what) {
  const auto reason = "status " + std::to_string(response_.status);
  if (what == bunraku::mishap::saturated) tell(outcome::saturated, reason);
  else if (what == bunraku::mishap::server_error) tell(outcome::server_error, reason);
  else return;
  told_ = true;
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

net::awaitable<exchange::error_code> exchange::send_request() {
  sent_all_ = false;
  client_.out.clear();
  http::write_request_head(client_.out, request_, who_.to_string(), shared_.strip_headers);
  if (awaits_continue_) {
    awaits_continue_ = false;
    const auto told = co_await client_.stream.write_all("HTTP/1.1 100 Continue\r\n\r\n", shared_.stall);
    if (told) {
      client_fault_ = 400;
      last_failure_ = "the client left before it sent its request";
      co_return told;
    }
  }
  // Head and first bytes of the body in one write: one TLS record, one packet.
  const auto kept = body_.kept();
  client_.out.append(kept.substr(0, byte_buffer::usual));
  if (kept.empty() && !body_.complete()) {
    const auto first = co_await body_.next();
    if (!first) co_return blame_client(first.error());
    client_.out.append(*first);
  }
  auto error = co_await write_body(client_.out);
  if (!error && kept.size() > byte_buffer::usual) error = co_await write_body(kept.substr(byte_buffer::usual));
  if (!error) error = co_await send_body();
  sent_all_ = !error && body_.complete() && client_.up_in.empty();
  co_return error;
}

net::awaitable<exchange::error_code> exchange::send_body() {
  while (!body_.complete() && client_.up_in.empty()) {
    const auto piece = co_await body_.next();
    if (!piece) co_return blame_client(piece.error());
    const auto error = co_await write_body(*piece);
    if (error) co_return error;
  }
  co_return error_code{};
}

/// Writes to the master; stops without an error when its answer begins to come instead.
net::awaitable<exchange::error_code> exchange::write_body(std::string_view bytes) {
  while (!bytes.empty()) {
    error_code error;
    const auto n = up_.stream().write_some(bytes.data(), bytes.size(), error);
    if (!error) {
      bytes.remove_prefix(n);
      continue;
    }
    if (error != net::error::would_block) co_return error;
    error = co_await up_.wait_either(shared_.stall);
    if (error) co_return error;
    char* room = client_.up_in.room();
    const auto got = up_.stream().read_some(room, client_.up_in.room_size(), error);
    if (!error) {
      client_.up_in.filled(got);
      heard_ = true;
      co_return error;
    }
    if (error != net::error::would_block) co_return error;
  }
  co_return error_code{};
}

/// The head of the answer into response_. Nothing when it is there; else why not.
net::awaitable<std::optional<exchange::error_code>> exchange::read_head() {
  http::head_scanner scanner(shared_.heads);
  auto limit = to_.first_byte;
  int interim = 0;
  for (;;) {
    const auto length =
        client_.up_in.empty() ? std::expected<std::size_t, http::framing_error>(0) : scanner.scan(client_.up_in.view());
    if (!length) {
      co_return refuse_head(http::text_of(length.error()));
    }
    if (*length == 0) {
      const auto error = co_await up_.fill(client_.up_in, limit, byte_buffer::usual + shared_.heads.head_bytes);
      if (error) co_return error;
      heard_ = true;
      limit = shared_.stall;
      continue;
    }
    response_bytes_.assign(client_.up_in.view().substr(0, *length));
    client_.up_in.consume(*length);
    auto parsed = http::parse_response(response_bytes_, shared_.heads, request_.method);
    if (!parsed) {
      co_return refuse_head(http::text_of(parsed.error()));
    }
    if (parsed->status < 200) {
      if (++interim > most_interim) co_return refuse_head("it has too many interim (1xx) answers");
      scanner.reset();
      continue;
    }
    response_ = *parsed;
    record_.first_byte = since(began_);
    co_return std::nullopt;
  }
}

exchange::error_code exchange::refuse_head(std::string_view why) {
  last_failure_ = "its answer is not valid HTTP/1.1: ";
  last_failure_ += why;
  return {EPROTO, boost::system::generic_category()};
}

}  // namespace shim::forward
