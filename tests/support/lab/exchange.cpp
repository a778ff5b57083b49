// One request and its answer on a connection.
#include "connection.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <ctime>
#include <fstream>

namespace lab {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::use_awaitable;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t most_body_bytes = std::size_t{64} * 1024 * 1024;  // in memory; uploads to a file have no limit
constexpr std::size_t piece = 16384;
// What Jetty still holds in its output buffer when the answer ends: such answers get a length.
constexpr std::uint64_t one_buffer = 32768;
constexpr std::uint64_t least_to_gzip = 32;

std::string http_now() {
  std::array<char, 64> text{};
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

std::string in_hex(std::size_t number) {
  std::string text;
  for (; number > 0; number /= 16) text.insert(text.begin(), "0123456789abcdef"[number % 16]);
  return text;
}

}  // namespace

struct connection::exchange {
  request asked;
  answer given;
  std::optional<fault> spoil;
  boost::json::object headers;
  std::string host;
  bool http11 = true;
  bool keep_alive = true;
  bool accepts_gzip = false;
  bool logged = false;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::optional<std::uint64_t> length;  // of the body, when the head says it
  enum class framing { none, length, chunked, until_close } frame = framing::none;
  bool complete = false;
  clock::time_point began = clock::now();
};

namespace {

// Chooses content coding and framing as Jetty under puppetserver does, and returns the head.
template <class Exchange>
std::string make_head(Exchange& with, int gzip_level) {
  using framing = typename Exchange::framing;
  auto& given = with.given;
  const bool head_only = with.asked.method == "HEAD";
  const bool may_vary = given.status == 200 && given.body && given.may_gzip &&
                        (with.asked.method == "GET" || with.asked.method == "POST");
  auto length = given.body ? given.body->length() : std::optional<std::uint64_t>(0);
  const bool gzip = may_vary && with.accepts_gzip && length.value_or(least_to_gzip) >= least_to_gzip;
  if (gzip && given.with_length && length && *length <= one_buffer) {
    given.body = text_source(read_all(*gzip_source(std::move(given.body), gzip_level)));
    length = given.body->length();
  } else if (gzip) {
    given.body = gzip_source(std::move(given.body), gzip_level);
    length.reset();
  }
  if (given.status == 304 || given.status == 204) {
    with.frame = framing::none;
  } else if ((given.with_length && length) || !given.body) {
    with.frame = framing::length;
  } else {
    with.frame = with.http11 ? framing::chunked : framing::until_close;
  }
  if (with.frame == framing::until_close) with.keep_alive = false;

  auto head = "HTTP/1.1 " + std::to_string(given.status) + " " +
              std::string(http::obsolete_reason(static_cast<http::status>(given.status))) + "\r\nDate: " + http_now();
  auto add = [&head](std::string_view name, std::string_view value) {
    head.append("\r\n").append(name).append(": ").append(value);
  };
  if (!given.content_type.empty()) add("Content-Type", given.content_type);
  if (!with.asked.target.starts_with("/status/")) add("X-Puppet-Version", "7.23.0");
  for (const auto& [name, value] : given.headers) add(name, value);
  if (may_vary) add("Vary", "Accept-Encoding, User-Agent");
  if (gzip) add("Content-Encoding", "gzip");
  if (with.frame == framing::length) {
    with.length = length.value_or(0);
    add("Content-Length", std::to_string(*with.length));
  }
  if (with.frame == framing::chunked) add("Transfer-Encoding", "chunked");
  if (!with.keep_alive) add("Connection", "close");
  if (head_only) given.body.reset();
  return head + "\r\n\r\n";
}

}  // namespace

asio::awaitable<bool> connection::exchange_one() {
  parser head;
  const bool arrived = co_await read_head(head);
  if (!arrived) co_return false;
  exchange with;
  const auto& fields = head.get();
  with.asked.method = std::string(fields.method_string());
  with.asked.target = std::string(fields.target());
  with.asked.if_modified_since = std::string(fields[http::field::if_modified_since]);
  with.asked.client_name = client_name_;
  with.asked.client_certificate = client_certificate_.get();
  with.host = std::string(fields[http::field::host]);
  with.http11 = fields.version() == 11;
  with.keep_alive = fields.keep_alive();
  with.accepts_gzip = fields[http::field::accept_encoding].find("gzip") != std::string_view::npos;
  if (owner_.logs_headers()) {
    boost::json::array list;
    for (const auto& field : fields) {
      list.push_back({std::string_view(field.name_string()), std::string_view(field.value())});
    }
    with.headers["headers"] = std::move(list);
  }
  ++requests_;
  ++owner_.counters().requests;
  with.spoil = owner_.faults().on_request(with.asked.method, with.asked.target);

  bool again = false;
  std::string failed;
  try {
    const auto expect = fields[http::field::expect];
    if (expect == "100-continue") co_await put("HTTP/1.1 100 Continue\r\n\r\n");
    co_await read_body(head, with);
    auto arrival = log_line("arrived");
    arrival["method"] = with.asked.method;
    arrival["target"] = with.asked.target;
    owner_.log().write(std::move(arrival));
    again = co_await before_answer(with);
    if (again) again = co_await send_answer(with);
    if (again) again = co_await after_answer(with);
  } catch (const std::exception& error) {
    failed = error.what();
    again = false;
  }
  if (!failed.empty()) with.headers["error"] = failed;
  log_exchange(with);
  if (!failed.empty()) open_tls_ = false;
  if (with.asked.body_file) {
    std::error_code ignored;
    std::filesystem::remove(*with.asked.body_file, ignored);
  }
  co_return again;
}

asio::awaitable<void> connection::read_body(parser& from, exchange& with) {
  std::ofstream file;
  if (const auto place = owner_.answers().upload_file(with.asked)) {
    file.open(*place, std::ios::binary);
    with.asked.body_file = place;
  }
  std::array<char, piece> buffer;
  while (!from.is_done()) {
    from.get().body().data = buffer.data();
    from.get().body().size = buffer.size();
    arm(owner_.options().idle);
    error_code error;
    co_await http::async_read(*stream_, input_, from, asio::redirect_error(use_awaitable, error));
    if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
    const auto count = buffer.size() - from.get().body().size;
    with.bytes_in += count;
    if (file.is_open()) {
      file.write(buffer.data(), static_cast<std::streamsize>(count));
    } else {
      if (with.asked.body.size() + count > most_body_bytes) throw failure("a body larger than 64 MiB");
      with.asked.body.append(buffer.data(), count);
    }
  }
}

asio::awaitable<bool> connection::before_answer(exchange& with) {
  if (!host_fits(with.host)) {
    with.given = text_answer(400, "<html><body><h2>HTTP ERROR 400 Host does not match SNI</h2></body></html>",
                             "text/html;charset=iso-8859-1");
    with.given.with_length = true;
  } else {
    const auto& spoil = with.spoil;
    if (spoil && spoil->has("delay_ms")) co_await pause(std::chrono::milliseconds(*spoil->value("delay_ms")));
    if (spoil && (spoil->has("close_before_answer") || spoil->has("reset_before_answer"))) {
      end(spoil->has("reset_before_answer") ? drop_manner::reset : drop_manner::close);
      co_return false;
    }
    if (spoil && spoil->has("die_before_answer")) std::raise(SIGKILL);
    if (spoil && spoil->has("hang_before_answer")) {
      co_await hang();
      co_return false;
    }
    if (spoil && spoil->has("raw")) {
      co_await put(spoil->body);
      co_return false;
    }
    if (spoil && spoil->has("status")) {
      with.given = text_answer(static_cast<int>(*spoil->value("status")), spoil->body,
                               spoil->content_type.value_or("text/plain;charset=utf-8"));
    } else {
      with.given = owner_.answers().respond(owner_.options(), with.asked);
    }
    if (spoil && spoil->has("retry_after")) {
      with.given.headers.emplace_back("Retry-After", std::to_string(*spoil->value("retry_after")));
    }
    if (spoil && spoil->has("last_answer")) with.keep_alive = false;
  }
  co_return true;
}

asio::awaitable<bool> connection::send_answer(exchange& with) {
  auto head = make_head(with, owner_.options().gzip_level);
  if (with.spoil && with.spoil->has("hang_after_headers")) {
    co_await put(head);
    co_await hang();
    co_return false;
  }
  const bool whole = co_await send_body(with, std::move(head));
  co_return whole;
}

// Sends `pending` (the head) and then the body in pieces; false when a fault ended the connection.
asio::awaitable<bool> connection::send_body(exchange& with, std::string pending) {
  std::optional<std::uint64_t> limit;
  std::int64_t rate = 0;
  if (with.spoil) {
    for (const char* term : {"reset_after_bytes", "close_after_bytes", "hang_after_bytes"}) {
      if (const auto bytes = with.spoil->value(term)) limit = static_cast<std::uint64_t>(*bytes);
    }
    rate = with.spoil->value("slow_bps").value_or(0);
  }
  constexpr int slices = 20;  // of a second
  const std::size_t at_once =
      rate == 0 ? piece : std::clamp<std::size_t>(static_cast<std::size_t>(rate) / slices, 1, piece);
  std::array<char, piece> buffer;
  bool ended = !with.given.body;
  while (!ended && with.bytes_out != limit) {
    auto room = at_once;
    if (limit) room = std::min<std::size_t>(room, static_cast<std::size_t>(*limit - with.bytes_out));
    const auto count = with.given.body->read(std::span(buffer.data(), room));
    ended = count == 0;
    if (count > 0) {
      const bool chunked = with.frame == exchange::framing::chunked;
      if (chunked) pending += in_hex(count) + "\r\n";
      pending.append(buffer.data(), count);
      if (chunked) pending += "\r\n";
      with.bytes_out += count;
    }
    ended = ended || with.bytes_out == with.length;
    if (!ended && (pending.size() >= piece || rate > 0)) {
      co_await put(pending);
      pending.clear();
      if (rate > 0) co_await pause(std::chrono::milliseconds(1000 / slices));
    }
  }
  if (ended && with.frame == exchange::framing::chunked && with.asked.method != "HEAD") pending += "0\r\n\r\n";
  if (ended) {
    // Before the last bytes: whoever has seen the answer's end finds it in the log.
    with.complete = true;
    log_exchange(with);
  }
  if (!pending.empty()) co_await put(pending);
  if (ended) co_return true;
  if (with.spoil->has("hang_after_bytes")) {
    co_await hang();
  } else {
    end(with.spoil->has("reset_after_bytes") ? drop_manner::reset : drop_manner::close);
  }
  co_return false;
}

asio::awaitable<bool> connection::after_answer(exchange& with) {
  if (with.spoil && with.spoil->has("close_after_answer")) {
    end(drop_manner::close);
    co_return false;
  }
  if (with.spoil && with.spoil->has("notify_after_answer")) co_return false;
  if (owner_.options().tickets == ticket_time::after_answer && requests_ == 1) {
    SSL_new_session_ticket(stream_->native_handle());
    co_await stream_->async_handshake(asio::ssl::stream_base::server, use_awaitable);
  }
  co_return with.keep_alive;
}

void connection::log_exchange(exchange& of) {
  if (of.logged) return;
  of.logged = true;
  auto line = log_line("request");
  const std::chrono::duration<double, std::milli> took = clock::now() - of.began;
  line["number"] = requests_ - 1;
  line["resumed"] = SSL_session_reused(stream_->native_handle()) == 1;
  line["method"] = of.asked.method;
  line["target"] = of.asked.target;
  line["host"] = of.host;
  line["status"] = of.given.status;
  line["bytes_in"] = of.bytes_in;
  line["bytes_out"] = of.bytes_out;
  line["complete"] = of.complete;
  line["milliseconds"] = std::round(took.count() * 1000) / 1000;
  if (!of.given.transaction_uuid.empty()) line["transaction_uuid"] = of.given.transaction_uuid;
  if (of.spoil) line["fault"] = of.spoil->id;
  for (const auto& [key, value] : of.headers) line[key] = value;
  owner_.log().write(std::move(line));
}

}  // namespace lab
