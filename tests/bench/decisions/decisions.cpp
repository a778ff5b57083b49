// What a decision costs: picking a master, reading an answer of DNS, crossing the C interface, holding a resolver.
#include "bench/decisions/allocations.hpp"
#include "policy/dns_message.hpp"
#include "policy/rendezvous.hpp"
#include "policy/selection.hpp"
#include "policy/srv_order.hpp"
#include "support/dns_packet.hpp"

#include <bunraku/bunraku.h>
#include <bunraku/resolver.hpp>

#include <boost/asio/io_context.hpp>

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace bunraku;

std::string host(std::size_t i) { return "compile" + std::to_string(i) + ".example.com"; }

/// The order of all masters of one priority for one request, in memory that is there already, as for each request.
void pick(benchmark::State& state) {
  std::vector<master> masters;
  std::vector<policy::health_view> health(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i != health.size(); ++i)
    masters.emplace_back(host(i), std::uint16_t{8140}, source_kind::srv, std::uint16_t{10}, std::uint16_t{10});
  policy::random chance(1);
  std::vector<policy::pick> picks;
  const policy::selection choose{
      .masters = masters, .health = health, .key = policy::rendezvous_key("agent1.example.com"), .pinned = nullptr};
  choose.order(chance, picks);
  const auto before = bench::allocations();
  for (auto _ : state) {
    choose.order(chance, picks);
    benchmark::DoNotOptimize(picks.front().index);
  }
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(bench::allocations() - before), benchmark::Counter::kAvgIterations);
}
BENCHMARK(pick)->Arg(2)->Arg(16)->Arg(1000);

/// A response with so many SRV records: read, and ordered as RFC 2782 says.
void srv_answer(benchmark::State& state) {
  const std::string owner = "_x-puppet._tcp.example.com";
  test::dns_packet packet(owner, test::rr::srv);
  for (std::size_t i = 0; i != static_cast<std::size_t>(state.range(0)); ++i)
    packet.srv(owner, static_cast<unsigned>(i % 3), 10 + static_cast<unsigned>(i % 7), 8140, host(i));
  const auto& wire = packet.wire();
  const auto name = *policy::dns_name::from_text(owner);
  policy::random chance(1);
  for (auto _ : state) {
    const auto answer = policy::read_dns_answer(wire, name, policy::dns_type::srv);
    if (!answer || answer->srv.size() != static_cast<std::size_t>(state.range(0))) {
      state.SkipWithError("the answer was not read");
      break;
    }
    std::vector<master> masters;
    masters.reserve(answer->srv.size());
    for (const auto& r : answer->srv) masters.emplace_back(r.target, r.port, source_kind::srv, r.priority, r.weight);
    benchmark::DoNotOptimize(policy::srv_order(masters, chance));
  }
  state.counters["bytes"] = static_cast<double>(wire.size());
}
BENCHMARK(srv_answer)->Arg(200);

/// A puppet.conf of a node without a certificate: it can resolve.
std::string puppet_conf() {
  std::string path = "/tmp/bunraku-bench-XXXXXX";
  const int fd = ::mkstemp(path.data());
  if (fd < 0) std::abort();
  ::close(fd);
  std::ofstream(path) << "[main]\ncertname = agent1.example.com\nssldir = /nonexistent\nuse_srv_records = false\n";
  return path;
}

class c_interface : public benchmark::Fixture {
 public:
  void SetUp(benchmark::State& state) override {
    conf_ = puppet_conf();
    auto* const options = bunraku_options_new();
    bunraku_options_set(options, "puppet_conf", conf_.c_str());
    bunraku_options_set(options, "catalog", "compile1.example.com:8140,compile2.example.com:8140");
    if (bunraku_resolver_new(options, &resolver_) != BUNRAKU_OK) state.SkipWithError("no resolver");
    bunraku_options_free(options);
  }
  void TearDown(benchmark::State&) override {
    bunraku_resolver_free(resolver_);
    ::unlink(conf_.c_str());
  }

 protected:
  std::string conf_;
  bunraku_resolver* resolver_ = nullptr;
};

/// To the resolver's thread and back, for candidates that are known.
BENCHMARK_DEFINE_F(c_interface, resolve)(benchmark::State& state) {
  for (auto _ : state) {
    bunraku_candidates* found = nullptr;
    if (bunraku_resolve(resolver_, "catalog", 1000, &found) != BUNRAKU_OK) {
      state.SkipWithError("not resolved");
      break;
    }
    bunraku_candidates_free(found);
  }
}
BENCHMARK_REGISTER_F(c_interface, resolve)->UseRealTime();

/// A call that stays on this side.
BENCHMARK_DEFINE_F(c_interface, candidate_host)(benchmark::State& state) {
  bunraku_candidates* found = nullptr;
  if (bunraku_resolve(resolver_, "catalog", 1000, &found) != BUNRAKU_OK) state.SkipWithError("not resolved");
  for (auto _ : state) benchmark::DoNotOptimize(bunraku_candidate_host(found, 1));
  bunraku_candidates_free(found);
}
BENCHMARK_REGISTER_F(c_interface, candidate_host);

/// Heap that a resolver holds that was asked once, with a list of two masters for its service.
void resolver_memory(benchmark::State& state) {
  constexpr int many = 100;
  boost::asio::io_context loop(1);
  double bytes = 0;
  for (auto _ : state) {
    std::vector<resolver> all;
    all.reserve(many);
    const auto before = bench::bytes_in_use();
    for (int i = 0; i != many; ++i) {
      resolver_options options;
      for (const auto* name : {"ca", "catalog", "files", "report"}) options.services.push_back({name, {}});
      options.services[1].sources.push_back(
          source::list({{host(1), 8140, source_kind::list}, {host(2), 8140, source_kind::list}}, "a benchmark"));
      options.dns.nameservers = {"127.0.0.1:1"};
      options.dns.hosts_file.clear();
      options.affinity = "agent1.example.com";
      all.emplace_back(loop.get_executor(), std::move(options), nullptr);
      plan made;
      all.back().try_plan(service::catalog, made);
      benchmark::DoNotOptimize(made.front());
    }
    bytes = static_cast<double>(bench::bytes_in_use() - before) / many;
  }
  state.counters["bytes_each"] = bytes;
}
BENCHMARK(resolver_memory)->Iterations(3)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
