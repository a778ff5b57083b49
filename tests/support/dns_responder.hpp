#pragma once
#include "support/dns_packet.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bunraku::test {

/// A name server that says whatever a test wants, over UDP and TCP on one free loopback port. It lives on the test's
/// own io_context, so a test needs no thread and sees every question in order.
class dns_responder {
 public:
  struct question {
    std::string name;  ///< as asked
    unsigned type = 0, id = 0;
    bool tcp = false;
  };
  /// The datagrams (or TCP messages) to send, in this order; none is silence.
  using answers = std::vector<octets>;
  using responder = std::function<answers(const question&)>;

  /// `port` is one that an earlier responder had; 0: any.
  dns_responder(const boost::asio::any_io_executor& executor, responder answer, std::uint16_t port = 0)
      : answer_(std::move(answer)), udp_(executor), acceptor_(executor) {
    using boost::asio::ip::make_address;
    for (;;) {  // a port that is free for both
      udp_ = boost::asio::ip::udp::socket(executor, {make_address("127.0.0.1"), port});
      boost::system::error_code taken;
      acceptor_.open(boost::asio::ip::tcp::v4());
      acceptor_.bind({make_address("127.0.0.1"), udp_.local_endpoint().port()}, taken);
      if (!taken || port != 0) break;
      acceptor_.close();
    }
    acceptor_.listen();
    receive();
    accept();
  }

  std::uint16_t port() const { return udp_.local_endpoint().port(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  const std::vector<question>& asked() const { return asked_; }
  std::size_t count(std::string_view name, unsigned type) const {
    std::size_t n = 0;
    for (const auto& q : asked_) n += q.name == name && q.type == type;
    return n;
  }
  void answer_with(responder answer) { answer_ = std::move(answer); }
  /// From now on it refuses TCP.
  void close_tcp() { acceptor_.close(); }
  /// No more waiting sockets, so that io_context::run() can end.
  void close() {
    udp_.close();
    acceptor_.close();
  }

 private:
  static question parse(const std::uint8_t* data, std::size_t size, bool tcp) {
    question q;
    q.tcp = tcp;
    if (size < 17) return q;
    q.id = static_cast<unsigned>(data[0] << 8 | data[1]);
    std::size_t at = 12;
    for (; at < size && data[at] != 0; at += 1u + data[at]) {
      if (!q.name.empty()) q.name += '.';
      q.name.append(reinterpret_cast<const char*>(data + at + 1), data[at]);
    }
    if (at + 2 < size) q.type = static_cast<unsigned>(data[at + 1] << 8 | data[at + 2]);
    return q;
  }

  void receive() {
    udp_.async_receive_from(boost::asio::buffer(in_), from_, [this](boost::system::error_code error, std::size_t size) {
      if (error) return;
      asked_.push_back(parse(in_.data(), size, false));
      for (const auto& wire : answer_(asked_.back())) {
        boost::system::error_code ignored;
        udp_.send_to(boost::asio::buffer(wire), from_, 0, ignored);
      }
      receive();
    });
  }

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, boost::asio::ip::tcp::socket socket) {
      if (error) return;
      serve(std::make_shared<connection>(std::move(socket)));
      accept();
    });
  }

  struct connection {
    explicit connection(boost::asio::ip::tcp::socket s) : socket(std::move(s)) {}
    boost::asio::ip::tcp::socket socket;
    octets in = octets(2), out;
  };
  void serve(const std::shared_ptr<connection>& c) {
    boost::asio::async_read(c->socket, boost::asio::buffer(c->in), [this, c](boost::system::error_code error, auto) {
      if (error) return;
      c->in.resize(static_cast<std::size_t>(c->in[0] << 8 | c->in[1]));
      boost::asio::async_read(c->socket, boost::asio::buffer(c->in), [this, c](boost::system::error_code bad, auto) {
        if (bad) return;
        asked_.push_back(parse(c->in.data(), c->in.size(), true));
        for (const auto& wire : answer_(asked_.back())) {
          put16(c->out, static_cast<unsigned>(wire.size()));
          put(c->out, wire);
        }
        boost::asio::async_write(c->socket, boost::asio::buffer(c->out), [c](boost::system::error_code, auto) {});
      });
    });
  }

  responder answer_;
  boost::asio::ip::udp::socket udp_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::udp::endpoint from_;
  std::array<std::uint8_t, 4096> in_{};
  std::vector<question> asked_;
};

}  // namespace bunraku::test
