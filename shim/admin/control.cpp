#include "admin/control.hpp"

#include "admin/unix_place.hpp"
#include "forward/timed_stream.hpp"
#include "http/head.hpp"
#include "http/own_answer.hpp"
#include "http/target.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <cstdlib>
#include <unistd.h>

namespace shim::admin {
namespace json = boost::json;
namespace net = boost::asio;
using error_code = boost::system::error_code;
using unix_protocol = net::local::stream_protocol;
using bunraku::log_level;

struct control::shared {
  explicit shared(controlled d) : daemon(std::move(d)) {}
  controlled daemon;
  std::size_t clients = 0;
};

struct control::listening {
  listening(unix_place p, const net::any_io_executor& executor, std::shared_ptr<shared> s)
      : place(std::move(p)), pause(executor), with(std::move(s)) {}
  void stop() noexcept {
    place.leave();
    pause.cancel();
  }
  unix_place place;
  net::steady_timer pause;
  std::shared_ptr<shared> with;
};

namespace {

constexpr std::chrono::milliseconds limit{10000};
constexpr http::limits head_limits{.head_bytes = 8192, .fields = 50, .target_bytes = 1024};

std::string text_of(const refusal& why) {
  json::object error{{"code", why.code}, {"message", why.message}};
  if (!why.known.empty()) error["known"] = json::value_from(why.known);
  return json::serialize(json::object{{"version", protocol_version}, {"error", std::move(error)}});
}

/// One connection: one request and its answer.
class conversation {
 public:
  conversation(controlled& daemon, bunraku::connection client, std::string caller)
      : daemon_(daemon), stream_(std::move(client), daemon.limits), caller_(std::move(caller)) {}

  net::awaitable<void> run() {
    const auto until = std::chrono::steady_clock::now() + limit;
    auto wanted = co_await read_request(until);
    if (!wanted && wanted.error().status == 0) co_return;  // it left without a word
    if (!wanted) {
      co_await answer(wanted.error().status, text_of(wanted.error()));
      co_return;
    }
    const auto done = co_await carry_out(daemon_, std::move(*wanted), caller_);
    if (done) co_await answer(200, json::serialize(*done));
    else co_await answer(done.error().status, text_of(done.error()));
  }

  net::awaitable<void> refuse(refusal why) { co_await answer(why.status, text_of(why)); }

 private:
  using clock = std::chrono::steady_clock;
  using wanted_request = std::expected<request, refusal>;

  static std::unexpected<refusal> refused(int status, std::string code, std::string message) {
    return std::unexpected(refusal{status, std::move(code), std::move(message), {}});
  }

  net::awaitable<wanted_request> read_request(clock::time_point until) {
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
    if (!head)
      co_return refused(http::status_of(head.error()), "bad_request", std::string(http::text_of(head.error())));
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

  static std::unexpected<refusal> too_slow() {
    return refused(408, "too_slow", "The request was not complete within 10 s.");
  }

  net::awaitable<error_code> fill(clock::time_point until) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
    if (left.count() <= 0) co_return net::error::timed_out;
    co_return co_await stream_.fill(in_, left);
  }

  net::awaitable<void> answer(int status, std::string body) {
    body += '\n';
    std::string out;
    http::write_own_answer(out, status, body, false, true);
    const auto error = co_await stream_.write_all(out, limit);
    // Reading what still comes lets a client that is sending see the answer.
    for (int i = 0; i != 64 && !error; ++i) {
      in_.clear();
      const auto ended = co_await stream_.fill(in_, std::chrono::milliseconds(500));
      if (ended) break;
    }
    stream_.stream().close();
  }

  controlled& daemon_;
  forward::timed_stream stream_;
  forward::byte_buffer in_;
  std::string head_;
  std::string caller_;
};

struct counted {
  std::size_t& count;
  explicit counted(std::size_t& c) : count(c) { ++count; }
  ~counted() { --count; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
};

net::awaitable<void> serve(std::shared_ptr<control::shared> with, unix_protocol::socket socket) {
  const counted one(with->clients);
  error_code error;
  const auto caller = bunraku::credentials_of(socket, error);
  const auto who = "uid " + std::to_string(caller.uid) + " pid " + std::to_string(caller.pid);
  conversation with_client(with->daemon, bunraku::plain_connection(std::move(socket), who), who);
  if (error || (caller.uid != 0 && caller.uid != ::geteuid())) {
    with->daemon.say(log_level::warning, "control.refused client=\"" + who + "\" reason=\"neither root nor our user\"");
    co_await with_client.refuse({403, "forbidden", "Only root and the daemon's own user may use this socket.", {}});
  } else if (with->clients > control::most_clients) {
    co_await with_client.refuse({503, "busy", "Too many clients at once; try again.", {}});
  } else {
    co_await with_client.run();
  }
}

}  // namespace

std::string socket_path(const std::string& configured) {
  if (configured != "auto") return configured;
  const char* const given = std::getenv("RUNTIME_DIRECTORY");
  std::string directory = given == nullptr ? "" : given;
  directory = directory.substr(0, directory.find(':'));
  return (directory.starts_with('/') ? directory : "/run/bunraku") + "/control.sock";
}

net::awaitable<void> control::run(std::shared_ptr<listening> at) {
  while (at->place.acceptor().is_open()) {
    error_code error;
    auto socket = co_await at->place.acceptor().async_accept(net::redirect_error(net::use_awaitable, error));
    if (!at->place.acceptor().is_open()) break;
    if (!error && at->with->clients < 2 * most_clients) {
      net::co_spawn(at->place.acceptor().get_executor(), serve(at->with, std::move(socket)), net::detached);
      continue;
    }
    if (!error || error == net::error::connection_aborted || error == net::error::interrupted) continue;
    at->pause.expires_after(std::chrono::seconds(1));  // no descriptors left: the kernel keeps the callers meanwhile
    co_await at->pause.async_wait(net::redirect_error(net::use_awaitable, error));
  }
}

control::control(net::any_io_executor executor, controlled daemon)
    : executor_(std::move(executor)), shared_(std::make_shared<shared>(std::move(daemon))) {}
control::~control() { close(); }

bunraku::problems control::open(const std::string& path, const std::string& where) {
  if (path == this->path()) return {};
  if (path.empty()) {
    close();
    return {};
  }
  std::string why;
  auto place = unix_place::claim(executor_, path, why);
  if (!place)
    return {{bunraku::severity::warning, where, "No control socket at " + path + ": " + why + ".",
             "The proxy works without it; `bunraku status`, `explain`, `drain` and `reload` do not."}};
  close();
  at_ = std::make_shared<listening>(std::move(*place), executor_, shared_);
  net::co_spawn(executor_, run(at_), net::detached);
  return {};
}

void control::close() noexcept {
  if (!at_) return;
  at_->stop();
  at_.reset();
}

std::string control::path() const { return at_ ? at_->place.path() : std::string(); }

}  // namespace shim::admin
