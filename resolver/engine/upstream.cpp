#include "engine/upstream.hpp"

#include "io/tls_context.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace bunraku::engine {
namespace net = boost::asio;

upstream::upstream(net::any_io_executor executor, const identity& own, const resolver_options& options)
    : context_(io::make_upstream_context(own.native())),
      sessions_(std::make_shared<io::tls_sessions>()),
      turns_(std::make_shared<handshake_turns>()) {
  io::tls_sessions::enable(context_.get());
  const bool tells = static_cast<bool>(executor);
  // Sessions come in wherever somebody reads, perhaps deep within one of the loop's own calls.
  const auto tell = [executor = std::move(executor),
                     told = std::weak_ptr<handshake_turns>(turns_)](const std::string& master) {
    net::post(executor, [told, master] {
      if (const auto turns = told.lock()) turns->session_came(master);
    });
  };
  if (tells) sessions_->on_received(tell);
  for (const auto& each : options.services) {
    const bool has_own = !each.pins.empty();
    policy::certificate_demands made{options.demands.names, has_own ? each.pins : options.demands.pins,
                                     has_own ? "[service." + each.name + "] pins" : "[identity] pins"};
    const bool any = !made.names.empty() || !made.pins.empty();
    demands_.push_back(any ? std::make_shared<const policy::certificate_demands>(std::move(made)) : nullptr);
  }
}

io::ssl_ptr upstream::prepare(const master& to, service of) const {
  if (index_of(of) >= demands_.size()) return nullptr;
  const auto& demands = demands_[index_of(of)];
  io::ssl_ptr ssl{SSL_new(context_.get())};
  if (!ssl || !io::prepare_upstream(ssl.get(), to.host(), demands)) return nullptr;
  SSL_set_connect_state(ssl.get());
  sessions_->attach(ssl.get(), to.to_string(), to.host());
  return ssl;
}

net::awaitable<handshake_turns::turn> upstream::take_turn(std::shared_ptr<const upstream> self,
                                                          std::shared_ptr<io::dial> before, master to,
                                                          std::chrono::milliseconds limit) {
  if (SSL_get_session(before->ssl()) != nullptr) co_return handshake_turns::turn();
  auto turn = co_await handshake_turns::wait(self->turns_, to.to_string(), before->pause(), limit);
  if (!before->is_cancelled()) self->sessions_->offer(before->ssl(), to.to_string(), to.host());
  co_return turn;
}

}  // namespace bunraku::engine
