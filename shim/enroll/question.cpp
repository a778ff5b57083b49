#include "enroll/question.hpp"

#include "http/chunked.hpp"
#include "http/head.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <memory>

namespace shim::enroll {
namespace net = boost::asio;
using error_code = boost::system::error_code;

namespace {

constexpr const char* too_much = "it answered more than 32 MiB, which no certificate or CRL is";

class reader {
 public:
  reader(bunraku::connection& stream, std::string_view method) : stream_(stream), method_(method) {}

  net::awaitable<answer> read() {
    http::head_scanner scanner;
    std::size_t head_size = 0;
    for (;;) {
      const auto scanned = scanner.scan(received_);
      if (!scanned) co_return refused(scanned.error());
      head_size = *scanned;
      if (head_size == 0) {
        const bool more = co_await read_more();
        if (!more) co_return failed();
        continue;
      }
      const auto head = http::parse_response(std::string_view(received_).substr(0, head_size), {}, method_);
      if (!head) co_return refused(head.error());
      if (head->status >= 200) {
        out_.status = head->status;
        framing_ = head->body;
        encoded_ = head->fields.find("Content-Encoding").has_value();
        out_.date = head->fields.find("Date").value_or("");
        out_.puppet_version = head->fields.find("X-Puppet-Version").value_or("").substr(0, 64);
        break;
      }
      received_.erase(0, head_size);  // an interim answer
      scanner.reset();
    }
    received_.erase(0, head_size);
    if (encoded_) {
      out_.error = "it answered in an encoding that was not asked for";
      co_return out_;
    }
    co_await read_body();
    co_return out_;
  }

 private:
  net::awaitable<void> read_body() {
    http::chunked_decoder chunks;
    for (;;) {
      if (framing_.kind == http::body_kind::chunked) {
        if (!take_chunks(chunks)) co_return;
        if (chunks.done()) co_return;
      } else {
        out_.body += received_;
        received_.clear();
      }
      if (framing_.kind == http::body_kind::none) co_return;
      const bool by_length = framing_.kind == http::body_kind::length;
      if (out_.body.size() > largest_answer || (by_length && framing_.length > largest_answer)) {
        out_.error = too_much;
        co_return;
      }
      if (by_length && out_.body.size() >= framing_.length) {
        out_.body.resize(static_cast<std::size_t>(framing_.length));
        co_return;
      }
      const bool more = co_await read_more();
      if (more) continue;
      const bool whole = framing_.kind == http::body_kind::until_close && error_ == net::error::eof;
      if (!whole) {
        const auto broken = failed();
        out_.error = broken.error;
        out_.cause = broken.cause;
      }
      co_return;
    }
  }

  bool take_chunks(http::chunked_decoder& chunks) {
    std::string_view rest = received_;
    while (!rest.empty() && !chunks.done()) {
      const auto step = chunks.next_data(rest);
      if (!step) {
        out_.error = refused(step.error()).error;
        return false;
      }
      out_.body += step->bytes;
      rest.remove_prefix(step->consumed);
    }
    received_.clear();
    return true;
  }

  net::awaitable<bool> read_more() {
    std::array<char, 16384> piece;
    const auto got =
        co_await stream_.async_read_some(net::buffer(piece), net::redirect_error(net::use_awaitable, error_));
    if (error_) co_return false;
    received_.append(piece.data(), got);
    co_return true;
  }

  answer refused(http::framing_error why) const {
    answer out;
    out.error = "its answer is no proper HTTP: " + std::string(http::text_of(why));
    return out;
  }
  answer failed() const {
    answer out;
    out.cause = error_;
    out.error = error_ == net::error::eof ? "it ended the connection before its answer was whole"
                                          : "the connection broke before its answer was whole: " + error_.message();
    return out;
  }

  bunraku::connection& stream_;
  std::string_view method_;
  std::string received_;
  error_code error_;
  http::body_framing framing_;
  bool encoded_ = false;
  answer out_;
};

std::string head_of(std::string_view method, const std::string& target, const std::string& host,
                    const std::string& body, const std::string& accept) {
  std::string text(method);
  text += " " + target + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: " + accept + "\r\nConnection: close\r\n";
  // puppetserver translates what it refuses with, and judge_submission() reads it.
  text += "User-Agent: bunraku\r\nAccept-Language: en\r\n";
  if (!body.empty()) text += "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n";
}

}  // namespace

net::awaitable<answer> ask(bunraku::connection& stream, std::string_view method, std::string target, std::string host,
                           std::string body, std::chrono::milliseconds limit, std::string accept) {
  struct watch {
    bool over = false, late = false;
  };
  const auto state = std::make_shared<watch>();
  net::steady_timer timer(stream.get_executor(), limit);
  timer.async_wait([state, &stream](error_code error) {
    if (error || state->over) return;
    state->late = true;
    stream.cancel();
  });
  answer out;
  error_code error;
  const std::string text = head_of(method, target, host, body, accept) + body;
  co_await net::async_write(stream, net::buffer(text), net::redirect_error(net::use_awaitable, error));
  if (error) {
    out.cause = error;
    out.error = "the request could not be sent: " + error.message();
  } else {
    reader answering(stream, method);
    out = co_await answering.read();
  }
  state->over = true;
  timer.cancel();
  if (state->late && !out.error.empty())
    out.error = "no whole answer within " + std::to_string(limit.count() / 1000) + " s";
  stream.close();
  co_return out;
}

}  // namespace shim::enroll
