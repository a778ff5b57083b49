#pragma once
#include "io/openssl_ptr.hpp"

namespace bunraku::io {

/// What a node_key holds. Never null, never changed.
struct shared_key {
  evp_pkey_ptr key;
};

}  // namespace bunraku::io
