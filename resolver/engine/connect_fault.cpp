#include "engine/connect_fault.hpp"

#include <bunraku/error.hpp>

#include <cerrno>

namespace bunraku::engine {

policy::health_event::kind fault_of(boost::system::error_code error) noexcept {
  using kind = policy::health_event::kind;
  if (error.category() == category()) {
    switch (static_cast<errc>(error.value())) {
      case errc::certificate_untrusted:
      case errc::certificate_expired:
      case errc::certificate_revoked:
      case errc::certificate_wrong_name:
      case errc::certificate_wrong_purpose:
      case errc::certificate_no_master:
      case errc::certificate_not_pinned:
      case errc::outside_domain: return kind::bad_certificate;
      case errc::credentials_invalid:
      case errc::crl_missing:
      case errc::crl_expired:
      case errc::refused_us: return kind::own_fault;
      case errc::cancelled: return kind::cancelled;
      default: return kind::connect_failed;
    }
  }
  if (error.category() == boost::system::system_category())
    for (const int ours : {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, ENETDOWN})
      if (error.value() == ours) return kind::own_fault;
  return kind::connect_failed;
}

}  // namespace bunraku::engine
