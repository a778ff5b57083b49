#pragma once
#include <boost/system/error_code.hpp>

#include <type_traits>

namespace bunraku {

/// Everything that can go wrong in the library, by stage. Values are fixed for ever; new ones are added within a stage.
/// Errors of the operating system (connection refused, reset) keep their own category.
enum class errc {
  // 100: site and credentials
  site_invalid = 100,         ///< puppet.conf or ssldir cannot be used; the problem list says why
  credentials_invalid = 101,  ///< certificate, key, CA or CRL cannot be used; the problem list says why

  // 200: discovery
  service_absent = 200,  ///< DNS says "." for this service: it is decidedly not offered here (RFC 2782)
  no_masters = 201,      ///< no source knows a master for this service
  dns_timeout = 202,     ///< no name server answered within the lookup's deadline
  dns_failed = 203,      ///< name servers answered with an error (SERVFAIL, REFUSED, ...), or none can be reached
  dns_malformed = 204,   ///< the answer broke DNS's own rules and was thrown away
  no_address = 205,      ///< the master's name has no address

  // 300: choosing
  all_tried = 300,  ///< every master of the plan was tried; plan.attempts() tells each one's story

  // 400: connecting
  connect_timeout = 400,            ///< no TCP connection within the limit
  tls_timeout = 401,                ///< TCP was there, TLS did not finish within the limit
  tls_failed = 402,                 ///< the handshake failed for a reason without a code of its own
  certificate_untrusted = 403,      ///< chain does not end in localcacert
  certificate_expired = 404,        ///< certificate (or a CA above it) is out of its time
  certificate_revoked = 405,        ///< revoked by a CRL we hold
  certificate_wrong_name = 406,     ///< the master's certificate does not carry the name we dialled
  certificate_wrong_purpose = 407,  ///< no serverAuth
  crl_missing = 408,                ///< certificate_revocation asks for a CRL that crl.pem does not hold
  crl_expired = 409,                ///< the CRL we hold is out of its time
  refused_us = 410,                 ///< the master's TLS refused our certificate
  not_own_certificate = 411,        ///< local leg: the client showed no certificate, or not the agent's own
  certificate_no_master = 412,      ///< a good certificate without any of the names that masters must have
  certificate_not_pinned = 413,     ///< a good certificate whose key is not among those pinned for the service
  outside_domain = 414,             ///< DNS named a master outside of the domains that masters are in; not dialled

  // 900: lifecycle
  cancelled = 900,  ///< in an answer or attempt: given up. Handlers get boost::asio::error::operation_aborted instead
  deadline = 901,   ///< the limit that the operation was given has passed
};

const boost::system::error_category& category() noexcept;
inline boost::system::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), category()}; }

}  // namespace bunraku

template <>
struct boost::system::is_error_code_enum<bunraku::errc> : std::true_type {};
