#include "io/tls_demands.hpp"

#include "io/x509_text.hpp"

#include <openssl/ssl.h>

#include <utility>

namespace bunraku::io {
namespace {

using kept_demands = std::shared_ptr<const policy::certificate_demands>;

int demands_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<kept_demands*>(kept); });
  return index;
}

}  // namespace

bool keep_demands(SSL* ssl, std::shared_ptr<const policy::certificate_demands> demands) {
  auto kept = std::make_unique<kept_demands>(std::move(demands));
  auto* before = static_cast<kept_demands*>(SSL_get_ex_data(ssl, demands_index()));
  if (SSL_set_ex_data(ssl, demands_index(), kept.get()) != 1) return false;
  (void)kept.release();
  delete before;
  return true;
}

const policy::certificate_demands* demands_on(const SSL* ssl) noexcept {
  const auto* kept = static_cast<const kept_demands*>(SSL_get_ex_data(ssl, demands_index()));
  return kept == nullptr ? nullptr : kept->get();
}

policy::shown_certificate shown_by(const X509* certificate) {
  certificate_names names = names_of(certificate);
  const auto key = spki_of(certificate);
  return {subject_of(certificate), std::move(names.dns), std::move(names.common_name), !names.ip.empty(),
          key ? hex(*key) : std::string()};
}

}  // namespace bunraku::io
