#include "forward/exchange.hpp"

#include "forward/pool_sharing.hpp"
#include "http/target.hpp"
#include "log_value.hpp"

#include <bunraku/error.hpp>
#include <bunraku/service_number.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace shim::forward {
namespace net = boost::asio;

namespace {

/// What is read and forgotten of a body whose answer came early. Most clients read no answer before they have sent all,
/// so this is the size of upload whose refusal they get to see.
constexpr std::uint64_t discard_most = 1ULL << 30;
/// 1xx answers before the real one (RFC 9110, 15.2: any number).
constexpr int most_interim = 16;

/// A CA's signing requests and renewals are in its own store: whoever is away now, no other CA gets them.
net::awaitable<void> keep_to_first(bunraku::resolver& resolver, bunraku::service of, bunraku::plan& plan) {
  boost::system::error_code error;
  const auto said = co_await resolver.async_resolve(of, net::redirect_error(net::use_awaitable, error));
  const auto order = bunraku::order_of(said, resolver.options().affinity);
  if (!order.empty()) plan.narrow_to(order.front());
}

}  // namespace

exchange::exchange(forwarding& shared, client_side& client, const http::request_head& request, const destination& to)
    : shared_(shared),
      client_(client),
      request_(request),
      to_(to),
      body_(client.stream, client.in, request.body,
            {shared.replay_bytes, shared.replay_file_bytes, shared.replay_directory, shared.replay}, shared.stall),
      up_(bunraku::connection(), shared.limits),
      who_({}, 0, bunraku::source_kind::list),
      manner_(http::retry_after_manner_of(request.fields)),
      began_(clock::now()),
      attempt_began_(began_),
      sent_at_(began_),
      course_(*to.endpoint, {.first_byte = to.first_byte, .progress = shared.stall, .deadline = shared.deadline},
              began_) {
  record_.service = to.service_name;
  record_.endpoint = to.endpoint->name;
  record_.method = request.method;
  record_.target = request.target;
  record_.client = client.stream.stream().peer();
}

std::chrono::microseconds exchange::since(clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - t);
}

net::awaitable<bool> exchange::run(const bool& last) {
  last_ = &last;
  keep_client_ = request_.keep_alive;
  ticket_ = shared_.resolver.begin_exchange(*to_.endpoint, request_.target);
  awaits_continue_ = request_.expect_continue && client_.in.empty();
  for (;;) {
    error_code error;
    if (!connect_now()) error = co_await connect();
    if (!error) {
      const auto next = co_await attempt_once();
      if (next == step::done) break;
      if (next == step::again) continue;
      error = bunraku::errc::all_tried;
    }
    const bool anew = co_await wait_for_room();
    if (anew) continue;
    if (last) keep_client_ = false;
    if (kept_) co_await deliver_kept();
    else co_await answer_failure(error);
    break;
  }
  // What is left of a body that nobody wanted must not be read as the next request, and closing over unread bytes
  // would reset the connection before the client has read its answer.
  if (!body_.complete() && !record_.cut && client_fault_ == 0 && !awaits_continue_) {
    const bool discarded = co_await body_.discard(discard_most);
    keep_client_ = keep_client_ && discarded;
  }
  conclude();
  co_return keep_client_;
}

void exchange::conclude() {
  record_.bytes_up = body_.bytes();
  const bool answered = record_.status != 0 && !record_.own_answer && !record_.cut;
  const auto& failed = plan_.attempts();
  const auto* const failed_first = !failed.empty() && failed.front().who() != who_ ? &failed.front().who() : nullptr;
  const bool detour = answered && failed_first != nullptr;
  const bool was_silent = detour && failed.front().error() == bunraku::errc::connect_timeout;
  if (detour) record_.lost = std::chrono::duration_cast<std::chrono::microseconds>(connected_at_ - began_);
  shared_.resolver.end_exchange(ticket_, {.row = *to_.endpoint,
                                          .of = told_for(),
                                          .answered_by = answered ? &who_ : nullptr,
                                          .failed_first = failed_first,
                                          .lag_checked = doubts_not_found_,
                                          .status = record_.status,
                                          .bytes_up = record_.bytes_up,
                                          .bytes_down = record_.bytes_down,
                                          .lost = record_.lost,
                                          .silent = was_silent ? failed_first : nullptr});
  tell_what_was_not_kept();
  record_.ended = clock::now();
  record_.total = std::chrono::duration_cast<std::chrono::microseconds>(record_.ended - began_);
  tell_attempts();
  add_why(unheard_);
  if (shared_.record) shared_.record(record_);
}

void exchange::tell_attempts() { add_why(join(plan_.attempts())); }

void exchange::add_why(std::string_view what) {
  if (!record_.why.empty() && !what.empty()) record_.why += "; ";
  record_.why += what;
}

void exchange::tell_what_was_not_kept() {
  const auto& kept = body_.kept();
  record_.not_kept = kept.why_not();
  if (kept.in_file()) shared_.files_fail = false;
  if (!kept.file_failed() || shared_.files_fail) return;
  shared_.files_fail = true;
  if (shared_.warn)
    shared_.warn("request bodies larger than limits.replay_bytes cannot be sent to another master reason=" +
                 log_value(kept.why_not()) + " fix=\"make room there, or set limits.replay_file_bytes to 0\"");
}

/// What connect() does, as far as nothing has to be waited for: mostly all of it.
bool exchange::connect_now() {
  if (shared_.resolver.may_interfere() || to_.endpoint->unsent == bunraku::endpoint::repeat::same_master) return false;
  if (own_service() == nullptr) return false;
  if (!planned_) planned_ = shared_.resolver.try_plan(to_.service, plan_);
  if (!planned_) return false;
  start_attempt();
  return take_idle();
}

void exchange::start_attempt() {
  attempt_began_ = clock::now();
  reused_ = false;
  era_ = shared_.pool.era();
}

/// What cannot be sent twice gets a new connection: its handshake shows that the master lives, while one that hangs or
/// is just closing would keep the only copy.
bool exchange::may_reuse() {
  return plan_.front() != nullptr && course_.may_reuse(body_.is_keepable()) &&
         shares_connections(shared_.resolver.options(), told_for());
}

/// An idle connection to the plan's next master, if there is one and it may be used.
bool exchange::take_idle() {
  if (!may_reuse()) return false;
  auto idle = shared_.pool.take(*plan_.front(), attempt_began_);
  if (!idle) return false;
  who_ = plan_.take_front();
  up_.replace(std::move(*idle));
  reused_ = true;
  connected_at_ = attempt_began_;
  ++record_.attempts;
  return true;
}

/// A connection to the plan's next master: an idle one, or a new one.
net::awaitable<exchange::error_code> exchange::connect() {
  error_code error;
  if (!planned_ && own_service() != nullptr) {
    planned_ = true;
    if (!shared_.resolver.try_plan(to_.service, plan_))
      plan_ = co_await shared_.resolver.async_plan(to_.service, net::redirect_error(net::use_awaitable, error));
    if (error) co_return error;
    if (shared_.resolver.may_interfere())
      plan_.set_request(ticket_.exchange, std::string(request_.method), std::string(http::path_of(request_.target)));
    if (to_.endpoint->unsent == bunraku::endpoint::repeat::same_master)
      co_await keep_to_first(shared_.resolver, to_.service, plan_);
  }
  bool usable = true;
  if (shared_.resolver.may_interfere() && may_reuse()) usable = co_await may_use_idle();
  if (own_service() == nullptr)
    co_return plan_.attempts().empty() ? bunraku::errc::no_masters : bunraku::errc::all_tried;
  start_attempt();
  if (usable && take_idle()) co_return error;
  const auto before = plan_.attempts().size();
  auto made = co_await shared_.resolver.async_connect(plan_, net::redirect_error(net::use_awaitable, error));
  record_.attempts += plan_.attempts().size() - before;
  if (error) co_return error;
  ++record_.attempts;
  who_ = made.who();
  connected_at_ = clock::now();
  up_.replace(std::move(made.stream()));
  co_return error;
}

/// Sends the request to the master at the other end of up_ and relays its answer.
net::awaitable<exchange::step> exchange::attempt_once() {
  client_.up_in.clear();
  hangs_ = plays_ = false;
  auto begins = connected_at_;
  if (shared_.resolver.may_interfere()) {
    co_await let_interfere();
    begins = clock::now();
  }
  course_.begin_attempt(reused_, begins);
  tell(outcome::begun);
  std::string_view left;
  auto send_error = send_now(left);
  if (send_error == net::error::would_block) send_error = co_await send_rest(left);
  if (client_fault_ != 0) {
    tell(outcome::cancelled);
    up_.stream().close();
    co_await answer(client_fault_, last_failure_);
    co_return step::done;
  }
  // A master may answer before it has the whole request, and then stop reading: its answer is worth more than the
  // error, and so is its word that it refuses us. One that stood still had its time.
  std::optional<error_code> error = send_error;
  if (send_error != net::error::timed_out) error = co_await read_head();
  if (*last_) keep_client_ = false;
  if (error) {
    const bool own = send_error && *error != net::error::timed_out && *error != bunraku::errc::refused_us;
    up_.stream().close();
    co_return judge_silence(own ? send_error : *error);
  }
  if (const auto what = mishap_of_status(*to_.endpoint, response_.status, retry_after().has_value())) {
    const auto next = co_await judge_status(*what);
    if (next != step::done) co_return next;
  }
  const auto relayed = co_await relay();
  co_return relayed;
}

/// The head of the answer into response_. Nothing when it is there; else why not.
net::awaitable<std::optional<exchange::error_code>> exchange::read_head() {
  http::head_scanner scanner(shared_.heads);
  int interim = 0;
  for (;;) {
    const auto length =
        client_.up_in.empty() ? std::expected<std::size_t, http::framing_error>(0) : scanner.scan(client_.up_in.view());
    if (!length) {
      co_return refuse_head(http::text_of(length.error()));
    }
    if (*length == 0) {
      auto error = fill_head_now();
      if (error == net::error::would_block) {
        const auto patience = course_.wait(shared_.resolver.overdue_after(*to_.endpoint, course_.asked()), situation());
        error = co_await up_.wait_until(bunraku::direction::read, patience.until);
        if (error == net::error::timed_out && patience.ask_status) error = co_await doubt_head();
      } else if (up_.hogs()) {
        co_await up_.let_others_run();
      }
      if (error) co_return error;
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
    record_.first_byte = std::chrono::duration_cast<std::chrono::microseconds>(heard_at_ - began_);
    co_return std::nullopt;
  }
}

/// More of the answer's head into client_.up_in, as far as nothing has to be waited for.
exchange::error_code exchange::fill_head_now() {
  // Most heads are far shorter than the longest that is allowed.
  const bool small = client_.up_in.size() < byte_buffer::usual;
  const auto error = up_.fill_now(client_.up_in, byte_buffer::usual + (small ? 0 : shared_.heads.head_bytes));
  if (error) return error;
  const bool first = !course_.has_heard();
  heard();
  if (first) learned_first_byte_ = std::chrono::duration_cast<std::chrono::microseconds>(heard_at_ - sent_at_);
  return error;
}

/// The master lets its answer wait for too long: it is asked how it is. No error: the answer may be waited for.
net::awaitable<exchange::error_code> exchange::doubt_head() {
  const bool lives = co_await ask_status();
  if (lives) co_return error_code{};
  auto error = fill_head_now();  // it may have come meanwhile
  hangs_ = error == net::error::would_block;
  if (hangs_) error = net::error::timed_out;
  co_return error;
}

/// Bytes of the answer came.
void exchange::heard() {
  heard_at_ = clock::now();
  course_.heard(heard_at_);
}

/// Asks the master how it is, on another connection. True if it says so, if it could not be asked, and if nobody else
/// could be asked instead: a reload has taken its service away.
net::awaitable<bool> exchange::ask_status() {
  if (own_service() == nullptr) co_return true;
  error_code error;
  co_await shared_.resolver.async_ask_status(who_, to_.service, net::redirect_error(net::use_awaitable, error));
  const bool lives = !error || error == net::error::operation_aborted || error == bunraku::errc::credentials_invalid;
  if (lives) course_.lives();
  co_return lives;
}

/// Null if a reload has taken it away meanwhile. One that gave it another number is followed: another service's masters
/// are not to get this.
const bunraku::service_options* exchange::own_service() {
  const auto& options = shared_.resolver.options();
  const auto now = bunraku::number_of(to_.service_name, options, to_.service);
  if (now == bunraku::gone_service) return nullptr;
  to_.service = now;
  plan_.follow(now);
  return &options.services[index_of(now)];
}

/// Whose outcome it is that is told now.
bunraku::service exchange::told_for() { return own_service() != nullptr ? to_.service : bunraku::gone_service; }

bunraku::course::situation exchange::situation() {
  const auto* service = own_service();
  const bool another_known = service != nullptr && plan_.front() != nullptr;
  const auto* of_catalog = shared_.resolver.catalog_master(ticket_);
  const bool is_another = of_catalog != nullptr && *of_catalog != who_;
  const bool failed =
      is_another && std::ranges::any_of(plan_.attempts(), [&](const auto& a) { return a.who() == *of_catalog; });
  return {.replayable = body_.replayable(),
          .another = another_known || (service != nullptr && shared_.resolver.may_know_more(plan_)),
          .another_known = another_known,
          .answer_begun = answer_begun_,
          .provable = provable_,
          .catalog_from_another = is_another && !failed,
          .catalog_unheard = failed,
          .holds_not_found = kept_ && kept_->status == 404};
}

exchange::error_code exchange::refuse_head(std::string_view why) {
  last_failure_ = "its answer is not valid HTTP/1.1: ";
  last_failure_ += why;
  return {EPROTO, boost::system::generic_category()};
}

}  // namespace shim::forward
