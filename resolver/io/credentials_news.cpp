#include "io/credentials_news.hpp"

#include <algorithm>
#include <string_view>

namespace bunraku::io {
namespace {

template <class Pointer, class Compare>
bool same_list(const std::vector<Pointer>& a, const std::vector<Pointer>& b, Compare compare) {
  return std::ranges::equal(a, b, [&](const auto& x, const auto& y) { return compare(x.get(), y.get()) == 0; });
}

std::string counted(std::size_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + ' ' + std::string(n == 1 ? one : many);
}

std::size_t revoked_in(const std::vector<x509_crl_ptr>& crls) {
  std::size_t count = 0;
  for (const auto& crl : crls)
    count += static_cast<std::size_t>(std::max(0, sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl.get()))));
  return count;
}

}  // namespace

std::string differences(const credentials& before, const credentials& now) {
  std::string out;
  const auto add = [&](const std::string& what) { out += (out.empty() ? "" : ", ") + what; };
  if (X509_cmp(before.certificate(), now.certificate()) != 0)
    add("certificate with serial " + serial_of(now.certificate()) + " until " + text_of(now.not_after()));
  if (before.spki_sha256() != now.spki_sha256()) add("private key");
  if (!same_list(before.ca(), now.ca(), X509_cmp))
    add(counted(now.ca().size(), "CA certificate", "CA certificates") + " until " + text_of(now.ca_not_after()));
  // X509_CRL_match compares the whole CRL; X509_CRL_cmp no more than its issuer.
  if (!same_list(before.crls(), now.crls(), X509_CRL_match)) {
    auto crls = counted(now.crls().size(), "CRL", "CRLs") + " with " +
                counted(revoked_in(now.crls()), "revoked certificate", "revoked certificates");
    if (now.crl_next_update()) crls += " until " + text_of(*now.crl_next_update());
    add(crls);
  }
  return out;
}

}  // namespace bunraku::io
