#include "io/tls_sessions.hpp"

#include "io/tls_context.hpp"
#include "io/tls_demands.hpp"

namespace bunraku::io {
namespace {

/// What an SSL remembers about where its sessions go.
struct slot {
  std::shared_ptr<tls_sessions> store;
  std::string master;
};

int slot_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* data, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<slot*>(data); });
  return index;
}

}  // namespace

void tls_sessions::enable(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &tls_sessions::received);
}

void tls_sessions::attach(SSL* ssl, const std::string& master, const std::string& host) {
  auto mine = std::make_unique<slot>(slot{shared_from_this(), master});
  if (SSL_set_ex_data(ssl, slot_index(), mine.get()) == 1) (void)mine.release();
  offer(ssl, master, host);
}

bool tls_sessions::offer(SSL* ssl, const std::string& master, const std::string& host) {
  const std::scoped_lock lock(guard_);
  const auto found = sessions_.find(master);
  if (found == sessions_.end()) return false;
  const auto today = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (std::chrono::steady_clock::now() - found->second.since > longest_life ||
      !may_resume(found->second.session.get(), host, today, demands_on(ssl))) {
    sessions_.erase(found);
    return false;
  }
  // A copy: OpenSSL marks a session that is in use, and two connections must not share that mark.
  const ssl_session_ptr copy{SSL_SESSION_dup(found->second.session.get())};
  return copy && SSL_set_session(ssl, copy.get()) == 1;
}

// Without memory there is no session to resume, which costs a handshake; nothing may be thrown through OpenSSL.
int tls_sessions::received(SSL* ssl, SSL_SESSION* session) noexcept try {
  auto* mine = static_cast<slot*>(SSL_get_ex_data(ssl, slot_index()));
  if (mine == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  mine->store->keep(ssl, session, mine->master);
  if (mine->store->told_) mine->store->told_(mine->master);
  return 0;
} catch (...) {
  return 0;
}

void tls_sessions::keep(SSL* ssl, SSL_SESSION* session, const std::string& master) {
  // Copied again: the connection goes on using its own.
  ssl_session_ptr copy{SSL_SESSION_dup(session)};
  if (!copy) return;
  const std::scoped_lock lock(guard_);
  const bool resumed = SSL_session_reused(ssl) == 1;
  const auto found = sessions_.find(master);
  // A ticket that follows a resumption does not start a new hour: the certificate was last verified when the first
  // came.
  if (resumed && found != sessions_.end()) {
    found->second.session = std::move(copy);
    return;
  }
  if (resumed) return;
  if (found == sessions_.end() && sessions_.size() >= most_masters) sessions_.erase(sessions_.begin());
  sessions_[master] = {std::move(copy), std::chrono::steady_clock::now()};
}

}  // namespace bunraku::io
