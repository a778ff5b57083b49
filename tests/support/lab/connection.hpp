// One TLS connection of a master: requests in, answers out, and the faults that a test has ordered.
#pragma once

#include "master.hpp"
#include "message.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace lab {

class connection : public std::enable_shared_from_this<connection> {
 public:
  connection(std::shared_ptr<master> owner, boost::asio::ip::tcp::socket socket, std::uint64_t number);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  // Lives until the connection ends.
  static boost::asio::awaitable<void> run(std::shared_ptr<connection> self);
  void drop(drop_manner manner);

 private:
  template <class T>
  using awaitable = boost::asio::awaitable<T>;
  using parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
  struct exchange;  // one request, its answer and what the log says of it

  awaitable<void> converse();
  awaitable<bool> handshake(std::optional<fault> spoil);
  awaitable<bool> exchange_one();
  awaitable<bool> read_head(parser& from);
  awaitable<void> read_body(parser& from, exchange& with);
  awaitable<void> refuse_request(boost::system::error_code why);
  // What must happen before the answer; false when the connection is over.
  awaitable<bool> before_answer(exchange& with);
  awaitable<bool> send_answer(exchange& with);
  awaitable<bool> send_body(exchange& with, std::string pending);
  awaitable<bool> after_answer(exchange& with);
  awaitable<void> hang();
  awaitable<void> say_goodbye();
  awaitable<void> put(const std::string& bytes);
  awaitable<void> pause(std::chrono::milliseconds time);

  void arm(std::chrono::steady_clock::duration time);
  void learn_peer();
  bool host_fits(std::string_view host) const;
  void log_exchange(exchange& of);
  boost::json::object log_line(const char* event) const;
  void end(drop_manner manner);
  boost::asio::ip::tcp::socket& socket() { return stream_->next_layer(); }

  const std::shared_ptr<master> keeps_owner_;  // to be told of the end, which may come after everything else's
  master& owner_;
  const std::uint64_t number_;
  std::shared_ptr<boost::asio::ssl::context> tls_;  // as it was when the connection came
  std::unique_ptr<boost::asio::ssl::stream<boost::asio::ip::tcp::socket>> stream_;
  boost::asio::steady_timer timer_;
  std::uint64_t timer_generation_ = 0;
  boost::beast::flat_buffer input_;
  std::uint64_t requests_ = 0;
  std::string sni_, client_name_;
  certificate_ptr client_certificate_;
  bool open_tls_ = false;
};

}  // namespace lab
