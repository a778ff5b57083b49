#include "engine/connect_op.hpp"
#include "engine/discovery.hpp"
#include "engine/knowledge.hpp"
#include "engine/upstream.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <list>
#include <random>

namespace bunraku {
namespace net = boost::asio;
using error_code = boost::system::error_code;

namespace {

/// Which order chance gives is fixed by the node's name: the same node prefers the same master of a tier run after run
/// (warm caches there), while the weights hold over all nodes. FNV-1a, 64 bits.
std::uint64_t seed_of(const std::string& affinity) {
  if (affinity.empty()) return (static_cast<std::uint64_t>(std::random_device{}()) << 32) | std::random_device{}();
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : affinity) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

class resolver::impl : public std::enable_shared_from_this<resolver::impl> {
 public:
  impl(executor_type executor, resolver_options options, std::shared_ptr<const identity> own)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        learned_(seed_of(options_.affinity)),
        names_(std::make_shared<engine::discovery>(executor_, options_.services, options_.dns, options_.log)) {
    if (own) tls_ = std::make_shared<engine::upstream>(*own);
  }

  const executor_type& executor() const noexcept { return executor_; }
  const resolver_options& options() const noexcept { return options_; }
  engine::knowledge& learned() noexcept { return learned_; }

  void stop() noexcept {
    stopped_ = true;
    for (auto& racing : racing_) racing->cancel();
  }

  void replace(resolver_options options, std::shared_ptr<const identity> own) {
    options_ = std::move(options);
    learned_.reloaded(seed_of(options_.affinity));
    names_->replace(options_.services, options_.dns);
    tls_ = own ? std::make_shared<engine::upstream>(*own) : nullptr;
  }

  /// Adds the masters of sources that were not asked yet until one knows any that are new.
  net::awaitable<error_code> extend(plan& p) {
    const auto s = p.service();
    error_code last = errc::no_masters;
    while (p.sources_asked() < names_->source_count(s)) {
      const auto index = p.sources_asked();
      const source_answer* known = names_->cached_source(s, index);
      source_answer asked;
      if (known == nullptr) {
        asked = co_await names_->async_source(s, index);
        known = &asked;
      }
      p.count_source();
      if (known->state == source_answer::status::absent) co_return errc::service_absent;
      if (known->state == source_answer::status::failed && known->error) last = known->error;
      learned_.add_in_order(p, *known);
      if (p.front() != nullptr) co_return error_code{};
    }
    co_return last;
  }

  bool try_plan(service s, plan& into) {
    plan fresh(s);
    while (fresh.front() == nullptr && fresh.sources_asked() < names_->source_count(s)) {
      const source_answer* known = names_->cached_source(s, fresh.sources_asked());
      if (known == nullptr || known->state == source_answer::status::absent) return false;
      fresh.count_source();
      learned_.add_in_order(fresh, *known);
    }
    if (fresh.front() == nullptr) return false;
    into = std::move(fresh);
    return true;
  }

  net::awaitable<void> plan_for(service s, net::any_completion_handler<void(error_code, plan)> handler) {
    const auto self = shared_from_this();
    plan made(s);
    error_code error = co_await extend(made);
    if (stopped_) error = errc::cancelled;
    finish(std::move(handler), error, std::move(made));
  }

  net::awaitable<void> resolve(service s, net::any_completion_handler<void(error_code, resolution)> handler) {
    const auto self = shared_from_this();
    resolution out;
    out.service = s;
    if (index_of(s) < options_.services.size()) out.service_name = options_.services[index_of(s)].name;
    for (std::size_t i = 0; i < names_->source_count(s); ++i) {
      auto answer = co_await names_->async_source(s, i);
      const bool absent = answer.state == source_answer::status::absent;
      out.answers.push_back(std::move(answer));
      if (absent) break;
    }
    const error_code error = stopped_ ? make_error_code(errc::cancelled) : error_code{};
    finish(std::move(handler), error, std::move(out));
  }

  net::awaitable<void> connect(plan& p, net::any_completion_handler<void(error_code, connected)> handler) {
    const auto self = shared_from_this();
    if (!tls_) {
      finish(std::move(handler), make_error_code(errc::credentials_invalid), connected{});
      co_return;
    }
    const auto race = std::make_shared<engine::connect_op>(executor_, names_, tls_, options_.connect,
                                                           options_.never_dial, options_.log, learned_);
    const auto place = racing_.insert(racing_.end(), race);
    auto ended = co_await race->run(p, [self](plan& more) { return self->extend_further(more); });
    racing_.erase(place);
    if (stopped_) ended = {errc::cancelled, {}};
    finish(std::move(handler), ended.error, std::move(ended.value));
  }

 private:
  net::awaitable<bool> extend_further(plan& p) {
    const error_code error = co_await extend(p);
    co_return !error;
  }

  template <class Handler, class Value>
  void finish(Handler handler, error_code error, Value value) {
    auto target = net::get_associated_executor(handler, executor_);
    net::post(executor_, net::bind_executor(target, [h = std::move(handler), error, v = std::move(value)]() mutable {
                std::move(h)(error, std::move(v));
              }));
  }

  executor_type executor_;
  resolver_options options_;
  engine::knowledge learned_;
  std::shared_ptr<engine::discovery> names_;
  std::shared_ptr<const engine::upstream> tls_;
  std::list<std::shared_ptr<engine::connect_op>> racing_;
  bool stopped_ = false;
};

resolver::resolver(executor_type executor, resolver_options options, std::shared_ptr<const identity> own)
    : impl_(std::make_shared<impl>(std::move(executor), std::move(options), std::move(own))) {}
resolver::resolver(resolver&&) noexcept = default;
resolver& resolver::operator=(resolver&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->stop();
    impl_ = std::move(other.impl_);
  }
  return *this;
}
resolver::~resolver() {
  if (impl_) impl_->stop();
}

resolver::executor_type resolver::get_executor() const { return impl_->executor(); }
const resolver_options& resolver::options() const noexcept { return impl_->options(); }
bool resolver::try_plan(service s, plan& into) { return impl_->try_plan(s, into); }
void resolver::replace(resolver_options options, std::shared_ptr<const identity> own) {
  impl_->replace(std::move(options), std::move(own));
}

void resolver::report(const master& who, service of, const outcome& what) { impl_->learned().report(who, of, what); }
run_ticket resolver::begin_exchange(const endpoint& row, std::string_view target) {
  return impl_->learned().begin_exchange(row, target);
}
void resolver::end_exchange(const run_ticket& ticket, const exchange_end& how) {
  impl_->learned().end_exchange(ticket, how);
}

void resolver::start_resolve(service s, net::any_completion_handler<void(error_code, resolution)> h) {
  net::co_spawn(impl_->executor(), impl_->resolve(s, std::move(h)), net::detached);
}
void resolver::start_plan(service s, net::any_completion_handler<void(error_code, plan)> h) {
  net::co_spawn(impl_->executor(), impl_->plan_for(s, std::move(h)), net::detached);
}
void resolver::start_connect(plan& p, net::any_completion_handler<void(error_code, connected)> h) {
  net::co_spawn(impl_->executor(), impl_->connect(p, std::move(h)), net::detached);
}

}  // namespace bunraku
