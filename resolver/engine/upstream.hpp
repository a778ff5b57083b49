#pragma once
#include "engine/handshake_turns.hpp"
#include "io/dialer.hpp"
#include "io/openssl_ptr.hpp"
#include "io/tls_sessions.hpp"
#include "policy/master_identity.hpp"

#include <bunraku/identity.hpp>
#include <bunraku/master.hpp>
#include <bunraku/options.hpp>
#include <bunraku/service.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <vector>

namespace bunraku::engine {

/// The upstream leg's TLS: the context of one identity, the sessions verified with it, and what each service demands of
/// its masters. Replaced whole when one of them is; connections under way keep the one they began with.
class upstream {
 public:
  /// `executor`: the loop's, which is told of new sessions; empty where no connection will be made.
  upstream(boost::asio::any_io_executor executor, const identity& own, const resolver_options& options);
  /// A fresh SSL for this master: its name and what `of` demands set and verified, a session offered. Null only when
  /// out of memory, when the host is no possible name, or when there is no such service.
  io::ssl_ptr prepare(const master& to, service of) const;
  /// Before the handshake on a connection whose SSL prepare() made, once TCP stands: who has no session to offer waits
  /// for at most `limit` if another one is about to bring one. To be told when the handshake succeeded.
  static boost::asio::awaitable<handshake_turns::turn> take_turn(std::shared_ptr<const upstream> self,
                                                                 std::shared_ptr<io::dial> before, master to,
                                                                 std::chrono::milliseconds limit);

 private:
  io::ssl_ctx_ptr context_;
  std::shared_ptr<io::tls_sessions> sessions_;
  std::shared_ptr<handshake_turns> turns_;
  std::vector<std::shared_ptr<const policy::certificate_demands>> demands_;  // by service; null: none
};

}  // namespace bunraku::engine
