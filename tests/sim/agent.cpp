#include "agent.hpp"

#include <bunraku/endpoint.hpp>

namespace sim {
namespace {

/// bunraku.toml's first_byte_timeout.
std::chrono::milliseconds first_byte_of(bunraku::service s) {
  if (s == bunraku::service::catalog) return std::chrono::minutes(10);
  if (s == bunraku::service::report) return std::chrono::minutes(5);
  return std::chrono::seconds(60);
}

constexpr std::string_view environment = "environment=production";

}  // namespace

agent::agent(world& of, const site& about, daemon& through, invariants& judge, std::uint64_t seed)
    : world_(of), site_(about), through_(through), judge_(judge), chance_(seed) {}

detached agent::live() {
  sleeper sleep(world_.time, timeline::whose::outside);
  std::uint64_t number = 0;
  for (const auto begins : site_.runs) {
    if (begins > world_.now()) co_await sleep.until(begins);
    if (number != 0 && site_.restarts && one_in(chance_, 2)) {
      using end = daemon::end;
      world_.trace([] { return "restart of the daemon"; });
      through_.restart(one_of<end>(chance_, {end::orderly, end::orderly, end::killed, end::killed, end::file_damaged}));
    }
    world_.trace([&] { return "run     " + std::to_string(number); });
    if (one_in(chance_, 8)) beside(100 + number);
    const bool alone = others_ == 0;
    judge_.run_begins(alone, died_);
    co_await run(number++);
  }
  done_ = true;
}

task<nothing> agent::run(std::uint64_t number) {
  if (one_in(chance_, 3)) co_await ask_ca(number);
  const auto uuid = "transaction_uuid=run-" + std::to_string(number);
  if (one_in(chance_, 2))
    co_await ask("GET", "/puppet/v3/node/" + site_.certname + "?configured_environment=production&" + uuid, 0);
  co_await pluginsync(number);
  const bool dies = one_in(chance_, 12);  // kill -9 of the agent, or an error of its own
  co_await pause(500ms, 5s);
  const auto body = one_of<std::uint64_t>(chance_, {50'000, 120'000, 300'000, 3'000'000});
  for (int again = 0; again == 0 || (again < 3 && one_in(chance_, 10)); ++again)
    co_await ask("POST", "/puppet/v3/catalog/" + site_.certname + "?environment=production", body);
  co_await apply(number);
  died_ = dies;
  if (dies) co_return nothing{};
  if (one_in(chance_, 8)) co_await ask("PUT", "/puppet/v3/facts/" + site_.certname + "?environment=production", 60'000);
  co_await ask("PUT", "/puppet/v3/report/" + site_.certname + "?environment=production",
               one_of<std::uint64_t>(chance_, {400, 30'000, 700'000}));
  co_return nothing{};
}

task<nothing> agent::ask_ca(std::uint64_t number) {
  co_await ask("GET", "/puppet-ca/v1/certificate/ca", 0);
  co_await ask("GET", "/puppet-ca/v1/certificate_revocation_list/ca", 0);
  if (number == 0 && one_in(chance_, 3))
    co_await ask("PUT", "/puppet-ca/v1/certificate_request/" + site_.certname, 1700);
  if (one_in(chance_, 6)) co_await ask("POST", "/puppet-ca/v1/certificate_renewal", 0);
  co_return nothing{};
}

task<nothing> agent::pluginsync(std::uint64_t number) {
  const std::string mounts = "/puppet/v3/file_metadatas/";
  const std::string rest = "&checksum_type=sha256&source_permissions=ignore&" + std::string(environment);
  co_await ask("GET", mounts + "plugins?recurse=false&links=manage" + rest, 0);
  co_await ask("GET", mounts + "pluginfacts?recurse=true&links=follow" + rest, 0);
  co_await ask("GET", mounts + "plugins?recurse=true&links=follow" + rest, 0);
  for (auto n = chance_.below(3); n > 0; --n)
    co_await ask(
        "GET",
        "/puppet/v3/file_content/plugins/p" + std::to_string(chance_.below(40)) + "?run=" + std::to_string(number), 0);
  co_return nothing{};
}

task<nothing> agent::apply(std::uint64_t number) {
  for (auto n = chance_.below(6); n > 0; --n) {
    const std::string age = one_in(chance_, 4) ? "new/" : "old/";
    const auto file = "modules/m/" + age + std::to_string(chance_.below(100)) + "?" + std::string(environment);
    const int status = co_await ask("GET", "/puppet/v3/file_metadata/" + file, 0);
    const bool changed = status == 200 && one_in(chance_, 2);
    if (changed) co_await ask("GET", "/puppet/v3/file_content/" + file, 0);
    if (changed && one_in(chance_, 6))
      co_await ask("PUT", "/puppet/v3/file_bucket_file/sha256/abc" + std::to_string(number), 20'000);
    co_await pause(0s, 1s);
  }
  co_return nothing{};
}

/// Another agent of the same node: `puppet plugin download`, or a run with a state directory of its own.
detached agent::beside(std::uint64_t number) {
  ++others_;
  co_await pause(0s, 4s);
  if (one_in(chance_, 2)) co_await pluginsync(number);
  else co_await run(number);
  --others_;
  died_ = true;  // what it asked for after a report began a run that has none
}

task<nothing> agent::pause(duration least, duration most) {
  sleeper sleep(world_.time, timeline::whose::outside);
  co_await sleep.until(world_.now() + between(chance_, least, most));
  co_return nothing{};
}

task<int> agent::ask(std::string method, std::string target, std::uint64_t body) {
  request what{.exchange = judge_.next_exchange(),
               .row = nullptr,
               .method = std::move(method),
               .target = std::move(target),
               .of = {},
               .body = body};
  what.row = &bunraku::find_endpoint(what.method, what.target);
  what.of = what.row->service;
  const auto leaves_at = one_in(chance_, 25) ? static_cast<unsigned>(1 + chance_.below(8)) : 0;
  world_.trace([&] { return "ask     " + what.method + ' ' + what.target; });
  story told;
  judge_.begins();
  exchange under_way(through_.shared(), what, first_byte_of(what.of), leaves_at, told);
  co_await under_way.run();
  world_.trace([&] {
    return "got     " + std::to_string(told.got.status) + (told.got.own ? " of the daemon's own" : "") +
           (told.got.cut ? " cut" : "") + (told.client_left ? " (the client left)" : "") + ", " +
           std::to_string(told.got.bytes) + " bytes";
  });
  judge_.ended(told, through_);
  const bool usable = !told.got.own && !told.got.cut && !told.client_left;
  co_await pause(0s, 200ms);
  co_return usable ? told.got.status : 0;
}

}  // namespace sim
