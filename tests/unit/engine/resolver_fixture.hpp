#pragma once
#include "support/pki.hpp"

#include <bunraku/local.hpp>
#include <bunraku/resolver.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace bunraku {
namespace net = boost::asio;
using error_code = boost::system::error_code;
using tcp = net::ip::tcp;

/// A resolver with static lists, and masters on loopback: real TLS, names from a hosts file.
class ResolverTest : public ::testing::Test {
 public:
  void SetUp() override {
    credential_files files;
    files.certificate = dir_.write("cert.pem", own_.pem());
    files.private_key = dir_.write("key.pem", own_.its_key().pkcs8_pem(), 0600);
    files.ca = dir_.write("ca.pem", ca_.pem());
    files.crl = dir_.write("crl.pem", ca_.crl());
    auto read = identity::load(files);
    ASSERT_TRUE(read.value);
    identity_ = read.value;
  }

  /// A master that speaks TLS with names good1.test and good2.test.
  master serving(const std::string& host) {
    auto acceptor = std::make_shared<tcp::acceptor>(io_, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    net::co_spawn(io_, serve(acceptor), net::detached);
    open_.push_back(acceptor);
    return {host, acceptor->local_endpoint().port(), source_kind::list};
  }
  /// A master whose kernel accepts and which never says a word.
  master hanging(const std::string& host) {
    auto acceptor = std::make_shared<tcp::acceptor>(io_, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    open_.push_back(acceptor);
    return {host, acceptor->local_endpoint().port(), source_kind::list};
  }
  /// A port that refuses.
  master refusing(const std::string& host) {
    tcp::acceptor closed(io_, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    return {host, closed.local_endpoint().port(), source_kind::list};
  }

  resolver make(std::vector<source> catalog_sources, connect_options connect = {}) {
    resolver_options options;
    for (const auto* name : {"ca", "catalog", "files", "report"}) options.services.push_back({name, {}});
    options.services[index_of(service::catalog)].sources = std::move(catalog_sources);
    options.dns.hosts_file = dir_.write("hosts", "127.0.0.1 good1.test good2.test wrong.test bad.test\n");
    options.dns.nameservers = {"127.0.0.1:1"};
    options.connect = connect;
    options.affinity = "agent1.test";
    return {io_.get_executor(), std::move(options), identity_};
  }
  static source list(std::vector<master> masters) { return source::list(std::move(masters), "test"); }

  struct outcome {
    error_code error;
    std::string host;
    std::vector<attempt> attempts;
  };
  outcome connect(resolver& r) {
    outcome out;
    net::co_spawn(
        io_,
        [](resolver& with, outcome& into) -> net::awaitable<void> {
          auto [error, p] = co_await with.async_plan(service::catalog, net::as_tuple(net::use_awaitable));
          into.error = error;
          if (error) co_return;
          auto [failed, made] = co_await with.async_connect(p, net::as_tuple(net::use_awaitable));
          into.error = failed;
          into.host = made.who().host();
          into.attempts = p.attempts();
          EXPECT_EQ(made.stream().is_open(), !failed);
        }(r, out),
        [&](std::exception_ptr e) {
          io_.stop();
          if (e) std::rethrow_exception(e);
        });
    io_.restart();
    io_.run_for(std::chrono::seconds(60));
    return out;
  }

 protected:
  net::awaitable<void> serve(std::shared_ptr<tcp::acceptor> acceptor) {
    local_tls tls(identity_);
    while (acceptor->is_open()) {
      auto [error, socket] = co_await acceptor->async_accept(net::as_tuple(net::use_awaitable));
      if (error) co_return;
      co_await pause();
      auto [failed, reason, stream] =
          co_await tls.async_accept(std::move(socket), std::chrono::seconds(10), net::as_tuple(net::use_awaitable));
      if (!failed && answers_) net::co_spawn(io_, answer(std::move(stream)), net::detached);
    }
  }
  net::awaitable<void> pause() {
    net::steady_timer timer(io_, slowness_);
    co_await timer.async_wait(net::use_awaitable);
  }
  /// One request gets one answer.
  net::awaitable<void> answer(connection stream) {
    std::string head;
    auto [error, size] = co_await net::async_read_until(stream, net::dynamic_buffer(head, 8192), "\r\n\r\n",
                                                        net::as_tuple(net::use_awaitable));
    if (error) co_return;
    co_await pause();
    const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nrunning";
    co_await net::async_write(stream, net::buffer(text), net::as_tuple(net::use_awaitable));
    ++answers_given_;
    char rest;
    co_await stream.async_read_some(net::buffer(&rest, 1), net::as_tuple(net::use_awaitable));
  }

  test_pki::request names() {
    auto r = test_pki::node("agent1.test");
    r.dns.insert(r.dns.end(), {"good1.test", "good2.test"});
    return r;
  }
  test_pki::directory dir_;
  test_pki::authority ca_{"Test CA"};
  test_pki::certificate own_ = ca_.issue(names());
  std::shared_ptr<const identity> identity_;
  net::io_context io_{1};
  std::vector<std::shared_ptr<tcp::acceptor>> open_;
  int answers_given_ = 0;
  std::chrono::milliseconds slowness_{0};  ///< before each handshake and each answer
  bool answers_ = false;                   ///< a request gets an answer; else the master closes after the handshake
};

}  // namespace bunraku
