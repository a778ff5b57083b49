#include "master.hpp"

#include "connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace lab {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr std::size_t most_connections = 1024;

// Like puppetserver with client-auth = want: a certificate is checked, with CRLs, when there is one.
std::shared_ptr<asio::ssl::context> make_tls(const master_options& options) {
  auto made = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  auto* raw = made->native_handle();
  const auto& dir = options.ssldir;
  const auto ca = (dir / "certs" / "ca.pem").string();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  if (options.tls12_only) SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION);
  made->use_certificate_file((dir / "certs" / (options.name + ".pem")).string(), asio::ssl::context::pem);
  made->use_private_key_file((dir / "private_keys" / (options.name + ".pem")).string(), asio::ssl::context::pem);
  made->load_verify_file(ca);
  // The CA certificates are for checking clients; the leaf goes out alone.
  SSL_CTX_set_mode(raw, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(ca.c_str()));
  auto* store = SSL_CTX_get_cert_store(raw);
  if (X509_load_crl_file(X509_STORE_add_lookup(store, X509_LOOKUP_file()), (dir / "crl.pem").c_str(),
                         X509_FILETYPE_PEM) < 1) {
    openssl_failure((dir / "crl.pem").string());
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  made->set_verify_mode(asio::ssl::verify_peer);
  // Without it OpenSSL refuses to resume a session that carried a client certificate.
  constexpr unsigned char session_context[] = "bunraku-lab";
  SSL_CTX_set_session_id_context(raw, session_context, sizeof session_context - 1);
  if (options.tickets != ticket_time::handshake) SSL_CTX_set_num_tickets(raw, 0);
  if (options.tickets == ticket_time::never) {
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  }
  return made;
}

std::set<std::string> names_of(const master_options& options) {
  const auto file = options.ssldir / "certs" / (options.name + ".pem");
  const auto certificate = certificate_from_pem(read_file(file), file);
  std::set<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != GEN_DNS) continue;
    names.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                  static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  return names;
}

}  // namespace

master::master(asio::io_context& io, const master_options& options, bool log_headers, endpoints& answers,
               json_lines& log)
    : io_(io), options_(options), log_headers_(log_headers), answers_(answers), log_(log) {
  reload();
}

master::~master() = default;

void master::reload() {
  tls_ = make_tls(options_);
  names_ = names_of(options_);
}

void master::start() {
  port_ = options_.port;
  listen();
}

void master::listen() {
  const tcp::endpoint endpoint(asio::ip::make_address(options_.address), port_);
  auto acceptor = std::make_shared<tcp::acceptor>(io_, endpoint);
  port_ = acceptor->local_endpoint().port();
  acceptor_ = acceptor;
  asio::co_spawn(io_, accept_all(this, acceptor), asio::detached);
}

void master::apply_faults() {
  if (faults_.refuses()) {
    if (acceptor_) acceptor_->close();
    acceptor_.reset();
  } else if (!acceptor_) {
    listen();
  }
}

void master::drop_all(drop_manner manner) {
  for (auto* each : std::set<connection*>(open_)) each->drop(manner);
}

asio::awaitable<void> master::accept_all(master* self, std::shared_ptr<tcp::acceptor> from) {
  while (from->is_open()) {
    boost::system::error_code error;
    tcp::socket socket = co_await from->async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      if (!from->is_open()) break;
      // Out of descriptors, or a client that went away: go on, but not in a tight loop.
      asio::steady_timer pause(from->get_executor(), std::chrono::milliseconds(50));
      co_await pause.async_wait(asio::use_awaitable);
      continue;
    }
    if (self->open_.size() >= most_connections) continue;
    auto added =
        std::make_shared<connection>(self->shared_from_this(), std::move(socket), ++self->counters_.connections);
    self->open_.insert(added.get());
    asio::co_spawn(self->io_, connection::run(added), asio::detached);
  }
}

}  // namespace lab
