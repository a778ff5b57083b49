#include "io/status_question.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <cstddef>

namespace bunraku::io {
namespace net = boost::asio;

namespace {

constexpr std::size_t most = 8192;

/// The status of a complete first line; 0 while it is not complete, -1 if it is none.
int status_of(std::string_view received) noexcept {
  const auto end = received.find('\n');
  if (end == std::string_view::npos) return received.size() < 512 ? 0 : -1;
  const auto line = received.substr(0, end);
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return -1;
  int status = 0;
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return -1;
    status = status * 10 + (c - '0');
  }
  return status >= 100 ? status : -1;
}

bool says_running(std::string_view received) noexcept {
  const auto head = received.find("\r\n\r\n");
  return head != std::string_view::npos && received.substr(head).find("running") != std::string_view::npos;
}

}  // namespace

std::string_view status_path(service of) noexcept {
  return of == service::ca ? "/status/v1/simple/ca" : "/status/v1/simple/master";
}

net::awaitable<status_answer> ask_status(connection& stream, master who, service of, status_wanted wanted) {
  status_answer answer;
  std::string text = "GET ";
  text += status_path(of);
  text += " HTTP/1.1\r\nHost: " + who.to_string() + "\r\nAccept: text/plain\r\nConnection: close\r\n\r\n";
  co_await net::async_write(stream, net::buffer(text), net::redirect_error(net::use_awaitable, answer.error));
  if (answer.error) co_return answer;

  text.resize(most);
  std::size_t size = 0;
  while (size != most) {
    boost::system::error_code error;
    size += co_await stream.async_read_some(net::buffer(text.data() + size, most - size),
                                            net::redirect_error(net::use_awaitable, error));
    const auto received = std::string_view(text).substr(0, size);
    const int status = status_of(received);
    if (status < 0) break;
    answer.status = status;
    answer.running = status == 200 && says_running(received);
    const bool enough = status != 0 && (wanted == status_wanted::sign_of_life || status != 200 || answer.running);
    if (enough) co_return answer;
    if (error) {
      answer.error = error;
      co_return answer;
    }
  }
  if (answer.status == 0) answer.error = boost::system::errc::make_error_code(boost::system::errc::protocol_error);
  co_return answer;
}

}  // namespace bunraku::io
