#pragma once
#include "policy/master_identity.hpp"

#include <openssl/types.h>

#include <memory>

namespace bunraku::io {

/// What the master at the other end of this connection must show besides a good certificate; verify_masters() asks for
/// it. Null: nothing. False when out of memory: then the connection must not be used.
bool keep_demands(SSL* ssl, std::shared_ptr<const policy::certificate_demands> demands);
const policy::certificate_demands* demands_on(const SSL* ssl) noexcept;

/// A certificate as policy::refuse() reads it.
policy::shown_certificate shown_by(const X509* certificate);

}  // namespace bunraku::io
