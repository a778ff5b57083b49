#include <bunraku/error.hpp>

#include <string>

namespace bunraku {
namespace {

class bunraku_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "bunraku"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::site_invalid: return "puppet.conf or ssldir cannot be used";
      case errc::credentials_invalid: return "certificate, key, CA or CRL cannot be used";
      case errc::service_absent: return "DNS says that this service is not offered here";
      case errc::no_masters: return "no master is known for this service";
      case errc::dns_timeout: return "no name server answered in time";
      case errc::dns_failed: return "the name servers answered with an error, or none could be reached";
      case errc::dns_malformed: return "the DNS answer was malformed";
      case errc::no_address: return "the name has no address";
      case errc::all_tried: return "every master was tried";
      case errc::connect_timeout: return "no TCP connection in time";
      case errc::tls_timeout: return "connected, but TLS did not finish in time";
      case errc::tls_failed: return "TLS handshake failed";
      case errc::certificate_untrusted: return "the master's certificate is not signed by our CA";
      case errc::certificate_expired: return "the master's certificate, or a CA above it, is expired or not yet valid";
      case errc::certificate_revoked: return "the master's certificate is revoked";
      case errc::certificate_wrong_name: return "the master's certificate does not carry the name that was dialled";
      case errc::certificate_wrong_purpose: return "the master's certificate is not meant for servers (no serverAuth)";
      case errc::crl_missing: return "no CRL for one of the master's CAs";
      case errc::crl_expired: return "the CRL is expired or not yet valid";
      case errc::refused_us: return "the master refused our certificate";
      case errc::not_own_certificate: return "the client did not show this agent's own certificate";
      case errc::certificate_no_master: return "the master's certificate lacks the names that masters must have";
      case errc::certificate_not_pinned: return "the key of the master's certificate is not pinned";
      case errc::outside_domain: return "DNS names a master outside of the allowed domains";
      case errc::cancelled: return "cancelled";
      case errc::deadline: return "the operation's time was over";
    }
    return "unknown error " + std::to_string(value);
  }
};

}  // namespace

const boost::system::error_category& category() noexcept {
  static const bunraku_category instance;
  return instance;
}

}  // namespace bunraku
