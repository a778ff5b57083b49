#pragma once
#include "io/openssl_ptr.hpp"
#include "io/tls_sessions.hpp"

#include <bunraku/identity.hpp>
#include <bunraku/master.hpp>

#include <memory>

namespace bunraku::engine {

/// The upstream leg's TLS: the context of one identity and the sessions verified with it. Replaced whole when the
/// identity is; connections under way keep the one they began with.
class upstream {
 public:
  explicit upstream(const identity& own);
  /// A fresh SSL for this master: its name set and verified, a session offered. Null only when out of memory or when
  /// the host is no possible name.
  io::ssl_ptr prepare(const master& to) const;

 private:
  io::ssl_ctx_ptr context_;
  std::shared_ptr<io::tls_sessions> sessions_;
};

}  // namespace bunraku::engine
