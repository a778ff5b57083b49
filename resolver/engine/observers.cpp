#include "engine/observers.hpp"

#include "engine/reply_of.hpp"

#include <utility>

namespace bunraku::engine {

std::shared_ptr<const observers> observers::of(const boost::asio::any_io_executor& executor,
                                               const resolver_options& options) {
  const auto& who = options.extensions;
  if (!who || (!who->interferes() && !who->watches())) return nullptr;
  return std::make_shared<const observers>(executor, options);
}

observers::observers(boost::asio::any_io_executor executor, const resolver_options& options)
    : executor_(std::move(executor)), who_(options.extensions) {
  for (const auto& each : options.services) names_.push_back(each.name);
}

std::string observers::name_of(service s) const { return index_of(s) < names_.size() ? names_[index_of(s)] : ""; }

boost::asio::awaitable<fault> observers::ask(moment when) const {
  fault none;
  if (!interfere()) co_return none;
  auto start = [who = who_, executor = executor_, w = std::move(when)](extensions::handler<fault> reply) mutable {
    who->interfere(executor, std::move(w), std::move(reply));
  };
  auto said = co_await reply_of<fault>(std::move(start));
  co_return said;
}

moment observers::about(moment::kind what, const plan& from, const master& who) const {
  return {.what = what,
          .exchange = from.exchange(),
          .service = name_of(from.service()),
          .host = who.host(),
          .port = who.port(),
          .method = from.method(),
          .path = from.path()};
}

void observers::see(const master& who, service of, const outcome& what) const {
  if (!who_->watches()) return;
  seen event;
  event.result = what.what();
  event.service = name_of(of);
  if (what.row() != nullptr) event.endpoint = what.row()->name;
  event.host = who.host();
  event.port = who.port();
  event.first_byte = what.first_byte();
  who_->see(std::move(event));
}

void observers::see(const exchange_end& how) const {
  if (!who_->watches()) return;
  seen event;
  event.what = seen::kind::exchange;
  event.service = name_of(how.of);
  event.endpoint = how.row.name;
  if (how.answered_by != nullptr) {
    event.host = how.answered_by->host();
    event.port = how.answered_by->port();
  }
  event.status = how.status;
  event.bytes_up = how.bytes_up;
  event.bytes_down = how.bytes_down;
  who_->see(std::move(event));
}

}  // namespace bunraku::engine
