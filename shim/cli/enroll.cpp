#include "cli/print_problems.hpp"
#include "cli/verbs.hpp"
#include "enroll/enrolment.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <optional>
#include <random>
#include <type_traits>

namespace shim::cli {
namespace net = boost::asio;

namespace {

using enroll::outcome;

int exit_code_of(outcome how) {
  switch (how) {
    case outcome::enrolled: return good;
    case outcome::later:
    case outcome::locked:
    case outcome::refused: return bad_news;
    case outcome::cannot_here: break;
  }
  return not_done;
}

/// Nothing, after telling why, if what is given is no fingerprint.
std::optional<enroll::trust_choice> read_trust(const invocation& with, const bunraku::site& site) {
  enroll::trust_choice out{{}, with.trust_first_ca};
  const bool given = !with.ca_fingerprint.empty();
  const auto& text = given ? with.ca_fingerprint : site.enrolment.ca_fingerprint;
  if (text.empty()) return out;
  const auto read = enroll::read_fingerprint(text);
  if (!read) {
    print(std::cerr, {bunraku::problem(bunraku::severity::error, given ? "--ca-fingerprint" : "ca_fingerprint",
                                       "`" + text.substr(0, 100) + "` is no SHA-256 fingerprint",
                                       "write SHA256: and 64 hexadecimal digits, with or without colons")});
    return std::nullopt;
  }
  out.fingerprint = *read;
  return out;
}

struct waits {
  enroll::wait_rule certificate, lock;
};

/// puppet.conf's, and what the command line says instead. Nothing, after telling why, if that is no time.
std::optional<waits> read_waits(const invocation& with, const bunraku::site& site) {
  const auto& e = site.enrolment;
  waits out{{e.wait_for_certificate, e.longest_wait_for_certificate}, {e.wait_for_lock, e.longest_wait_for_lock}};
  if (with.once) out.certificate.between = {};
  bunraku::problems found;
  const auto read = [&](const std::string& text, const char* option, auto& into) {
    constexpr bool limit = !std::is_same_v<decltype(into), std::chrono::seconds&>;
    if (text.empty()) return;
    const auto given = enroll::read_duration(text);
    if (given) into = *given;
    else if (limit && text == "unlimited") into = {};
    else
      found.emplace_back(
          bunraku::severity::error, option, "`" + text.substr(0, 100) + "` is no time",
          std::string("write seconds, or a number and one of y, d, h, m or s") + (limit ? ", or unlimited" : ""));
  };
  read(with.wait_for_cert, "--wait-for-cert", out.certificate.between);
  read(with.longest_wait_for_cert, "--max-wait-for-cert", out.certificate.longest);
  read(with.wait_for_lock, "--wait-for-lock", out.lock.between);
  read(with.longest_wait_for_lock, "--max-wait-for-lock", out.lock.longest);
  print(std::cerr, found);
  if (!found.empty()) return std::nullopt;
  return out;
}

/// Why it ends here although asking again could help.
void tell_end(const enroll::wait_rule& rule, const char* between, const char* longest) {
  std::cerr << "bunraku: no longer waiting: " << (rule.between.count() == 0 ? between : longest)
            << (rule.between.count() == 0 ? " is 0" : " is over") << "; run it again to go on.\n";
}

net::awaitable<outcome> keep_trying(enroll::enrolment& work, waits rules) {
  using clock = std::chrono::steady_clock;
  std::random_device device;
  net::steady_timer timer(co_await net::this_coro::executor);
  const auto began = clock::now();
  std::optional<clock::time_point> locked_since;
  for (;;) {
    const outcome how = co_await work.pass();
    if (how != outcome::later && how != outcome::locked) co_return how;
    const bool locked = how == outcome::locked;
    if (!locked) locked_since.reset();
    else if (!locked_since) locked_since = clock::now();
    const auto& rule = locked ? rules.lock : rules.certificate;
    const auto waited = clock::now() - (locked ? *locked_since : began);
    const auto pause =
        enroll::pause_before_next(rule, std::chrono::duration_cast<std::chrono::milliseconds>(waited), device());
    if (!pause) {
      if (locked) tell_end(rule, "waitforlock", "maxwaitforlock");
      else tell_end(rule, "waitforcert", "maxwaitforcert");
      co_return how;
    }
    std::cout << (locked ? "looking" : "asking") << " again in " << (pause->count() + 999) / 1000 << " s\n"
              << std::flush;
    timer.expires_after(*pause);
    co_await timer.async_wait(net::as_tuple(net::use_awaitable));
  }
}

}  // namespace

int enroll(const invocation& with) {
  auto made = daemon::load_setup(with);
  // The node is on its way to the ssldir that the warning misses.
  std::erase_if(made.found, [&](const bunraku::problem& p) {
    return made.site && p.where() == made.site->ssldir && p.level() == bunraku::severity::warning;
  });
  print(std::cerr, made.found);
  if (!made.options || bunraku::has_error(made.found)) return not_done;
  const auto& site = *made.site;
  const auto trusted = read_trust(with, site);
  const auto rules = read_waits(with, site);
  if (!trusted || !rules) return not_done;

  net::io_context loop(1);
  bunraku::resolver resolver(loop.get_executor(), *made.options, nullptr);
  enroll::ca_client ca(resolver, made.options->connect.tls_timeout);
  enroll::enrolment work(
      site, *trusted, ca, [](const bunraku::problems& found) { print(std::cerr, found); },
      [](const std::string& line) { (std::cout << line << '\n').flush(); });

  std::optional<outcome> result;
  std::exception_ptr broken;
  net::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) loop.stop();  // what is under way ends with its files whole, and gives the lock back
  });
  net::co_spawn(loop, keep_trying(work, *rules), [&](std::exception_ptr thrown, outcome how) {
    broken = thrown;
    result = how;
    signals.cancel();
    loop.stop();
  });
  loop.run();
  if (broken) std::rethrow_exception(broken);
  if (result) return exit_code_of(*result);
  std::cerr << "bunraku: stopped; run it again to go on.\n";
  return bad_news;
}

}  // namespace shim::cli
