#include "engine/upstream.hpp"

#include "io/tls_context.hpp"

namespace bunraku::engine {

upstream::upstream(const identity& own, const resolver_options& options)
    : context_(io::make_upstream_context(own.native())), sessions_(std::make_shared<io::tls_sessions>()) {
  io::tls_sessions::enable(context_.get());
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

}  // namespace bunraku::engine
