#include "admin/conversation.hpp"

#include "http/head.hpp"
#include "http/own_answer.hpp"
#include "http/target.hpp"

#include <boost/asio/error.hpp>
#include <boost/json.hpp>

namespace shim::admin {
namespace json = boost::json;
namespace net = boost::asio;

namespace {

constexpr std::chrono::milliseconds limit{10000};
constexpr http::limits head_limits{.head_bytes = 8192, .fields = 50, .target_bytes = 1024};

std::string text_of(const refusal& why) {
  json::object error{{"code", why.code}, {"message", why.message}};
  if (!why.known.empty()) error["known"] = json::value_from(why.known);
  return json::serialize(json::object{{"version", protocol_version}, {"error", std::move(error)}}) + '\n';
}

std::unexpected<refusal> refused(int status, std::string code, std::string message) {
  return std::unexpected(refusal{status, std::move(code), std::move(message), {}});
}

std::unexpected<refusal> too_slow() { return refused(408, "too_slow", "The request was not complete within 10 s."); }

}  // namespace

net::awaitable<void> conversation::run() {
  auto wanted = co_await read_request(clock::now() + limit);
  if (!wanted && wanted.error().status == 0) co_return;  // it left without a word
  if (!wanted) {
    co_await refuse(std::move(wanted.error()));
    co_return;
  }
  const auto done = co_await carry_out(daemon_, std::move(*wanted), caller_);
  if (!done) {
    co_await refuse(done.error());
    co_return;
  }
  std::string out;
  if (done->type.empty()) http::write_own_answer(out, 200, done->body, false, true);
  else http::write_own_document(out, done->type, done->body);
  co_await send(out);
}

net::awaitable<void> conversation::refuse(refusal why) {
  std::string out;
  http::write_own_answer(out, why.status, text_of(why), is_head_, true, why.allow);
  co_await send(out);
}

net::awaitable<conversation::wanted_request> conversation::read_request(clock::time_point until) {
  http::head_scanner scanner(head_limits);
  std::size_t length = 0;
  while (length == 0) {
    const auto scanned = scanner.scan(in_.view());
    if (!scanned)
      co_return refused(http::status_of(scanned.error()), "bad_request", std::string(http::text_of(scanned.error())));
    length = *scanned;
    if (length != 0) break;
    const auto error = co_await fill(until);
    if (error == net::error::timed_out) co_return too_slow();
    if (error) co_return refused(0, {}, {});
  }
  head_.assign(in_.view().substr(0, length));
  in_.consume(length);
  const auto head = http::parse_request(head_, head_limits);
  if (!head) co_return refused(http::status_of(head.error()), "bad_request", std::string(http::text_of(head.error())));
  is_head_ = head->is_head;
  if (anybody_) co_return parse_for_anybody(head->method, http::path_of(head->target), head->host);
  // A site in the browser of somebody who has forwarded the socket to a port of his own could send it, too.
  if (head->method != "GET" && head->fields.find("Origin"))
    co_return refused(403, "forbidden", "A browser may look, and change nothing.");
  if (head->body.kind == http::body_kind::chunked)
    co_return refused(411, "length_required", "Give the body a Content-Length.");
  const auto size = head->body.kind == http::body_kind::length ? head->body.length : 0;
  if (size > largest_body)
    co_return refused(413, "too_large", "The body is larger than " + std::to_string(largest_body) + " bytes.");
  while (in_.size() < size) {
    const auto error = co_await fill(until);
    if (error == net::error::timed_out) co_return too_slow();
    if (error) co_return refused(0, {}, {});
  }
  co_return parse(head->method, http::path_of(head->target), in_.view().substr(0, static_cast<std::size_t>(size)));
}

net::awaitable<conversation::error_code> conversation::fill(clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
  if (left.count() <= 0) co_return net::error::timed_out;
  co_return co_await stream_.fill(in_, left);
}

net::awaitable<void> conversation::send(const std::string& answer) {
  const auto error = co_await stream_.write_all(answer, limit);
  // Reading what still comes lets a client that is sending see the answer.
  for (int i = 0; i != 64 && !error; ++i) {
    in_.clear();
    const auto ended = co_await stream_.fill(in_, std::chrono::milliseconds(500));
    if (ended) break;
  }
  stream_.stream().close();
}

}  // namespace shim::admin
