#pragma once
#include "engine/discovery.hpp"
#include "support/dns_responder.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Discovery that asks a scripted name server on loopback, and neither hosts file nor resolv.conf of this machine.
namespace bunraku::engine::scripted {

using namespace test;
using namespace std::chrono_literals;
using status = source_answer::status;
using question = dns_responder::question;
using answers = dns_responder::answers;

inline constexpr auto specific = "_x-puppet-fileserver._tcp.example.com";
inline constexpr auto generic = "_x-puppet._tcp.example.com";
inline constexpr auto authority = "_x-puppet-ca._tcp.example.com";

inline std::vector<service_options> services() {
  return {{"ca", {source::srv({authority})}},
          {"catalog", {source::srv({generic}), source::list({{"listed", 8140, source_kind::list}}, "a list")}},
          {"files", {source::srv({specific, generic})}},
          {"report", {}}};
}

inline dns_packet reply(const question& q) { return {q.name, q.type, q.id}; }
inline answers nothing(const question& q) {
  return {reply(q).rcode(3).authority("example.com", rr::soa, 60, soa_data(60))};
}

class sink final : public log_sink {
 public:
  log_level level() const noexcept override { return log_level::debug; }
  void write(log_level level, std::string_view line) noexcept override { lines.emplace_back(level, line); }
  std::size_t count(log_level level) const {
    return static_cast<std::size_t>(std::ranges::count(lines, level, &std::pair<log_level, std::string>::first));
  }
  std::vector<std::pair<log_level, std::string>> lines;
};

class Discovery : public testing::Test {
 protected:
  Discovery() {
    dns.nameservers = {server.address()};
    dns.hosts_file.clear();
    dns.resolv_conf.clear();
    dns.lookup_deadline = 5000ms;
    dns.try_timeout = 2500ms;
  }
  void make() { subject.emplace(io.get_executor(), services(), dns, log); }

  /// Runs the loop until `work` is done, and gives its result.
  template <typename T>
  T wait(boost::asio::awaitable<T> work) {
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      result = std::move(value);
    });
    io.restart();
    while (!result && io.run_one() != 0) {
    }
    return std::move(result).value();
  }
  source_answer ask(service s, std::size_t index = 0) { return wait(subject->async_source(s, index)); }
  discovery::address_answer addresses(std::string host, source_kind from = source_kind::settings) {
    return wait(subject->async_addresses(std::move(host), from));
  }

  boost::asio::io_context io{1};
  dns_responder server{io.get_executor(), [](const question& q) { return nothing(q); }};
  dns_options dns;
  std::shared_ptr<sink> log = std::make_shared<sink>();
  std::optional<discovery> subject;
};

}  // namespace bunraku::engine::scripted
