#include "engine/upstream.hpp"

#include "io/tls_context.hpp"

namespace bunraku::engine {

upstream::upstream(const identity& own)
    : context_(io::make_upstream_context(own.native())), sessions_(std::make_shared<io::tls_sessions>()) {
  io::tls_sessions::enable(context_.get());
}

io::ssl_ptr upstream::prepare(const master& to) const {
  io::ssl_ptr ssl{SSL_new(context_.get())};
  if (!ssl || !io::prepare_upstream(ssl.get(), to.host())) return nullptr;
  SSL_set_connect_state(ssl.get());
  sessions_->attach(ssl.get(), to.to_string(), to.host());
  return ssl;
}

}  // namespace bunraku::engine
