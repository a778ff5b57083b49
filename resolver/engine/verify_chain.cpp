#include "engine/upstream.hpp"
#include "io/credentials.hpp"
#include "io/pem_file.hpp"
#include "io/tls_verify.hpp"
#include "policy/master_identity.hpp"

#include <bunraku/chain.hpp>

#include <openssl/err.h>

#include <algorithm>
#include <utility>

namespace bunraku {
namespace {

/// Everything that one PEM file holds, or nothing and a problem.
template <class List>
List read_list(const std::string& path, const std::string& what,
               std::expected<List, std::string> (*parse)(std::string_view), problems& found) {
  const std::string fix = "name a PEM file with " + what;
  if (path.empty()) {
    found.emplace_back(severity::error, what, "no file is named for it", "name one");
    return {};
  }
  const auto bytes = io::read_file(path, what, fix);
  if (!bytes) {
    found.push_back(bytes.error());
    return {};
  }
  auto list = parse(bytes->view());
  if (list) return std::move(*list);
  found.emplace_back(severity::error, path, list.error(), fix);
  return {};
}

chain_certificate described(const X509* one) {
  auto names = io::names_of(one);
  chain_certificate out{.subject = io::subject_of(one),
                        .issuer = io::issuer_of(one),
                        .serial = io::serial_of(one),
                        .names = std::move(names.dns),
                        .spki_sha256 = {},
                        .not_before = io::moment_of(X509_get0_notBefore(one)),
                        .not_after = io::moment_of(X509_get0_notAfter(one))};
  out.names.insert(out.names.end(), names.ip.begin(), names.ip.end());
  if (const auto key = io::spki_of(one)) out.spki_sha256 = io::hex(*key);
  return out;
}

/// The connection to such a master, up to the handshake.
io::ssl_ptr prepared(const chain_question& question, io::credentials::parts trust) {
  resolver_options options;
  options.services.push_back({question.service, {}, question.pins});
  options.demands = question.demands;
  const engine::upstream leg({}, identity(std::make_shared<const io::credentials>(std::move(trust))), options);
  const bool any_name = question.host.empty();
  auto ssl = leg.prepare(master(any_name ? "any" : question.host, 8140, source_kind::srv), static_cast<service>(0));
  if (ssl && any_name && SSL_set1_host(ssl.get(), nullptr) != 1) throw std::bad_alloc();
  return ssl;
}

}  // namespace

chain_verdict verify_chain(const chain_question& question) {
  chain_verdict out;
  const auto chain = read_list(question.chain, "the chain", io::certificates_in, out.found);
  for (const auto& one : chain) out.shown.push_back(described(one.get()));
  io::credentials::parts trust{};
  trust.files = question.trust;
  trust.ca = read_list(question.trust.ca, "the CA bundle", io::certificates_in, out.found);
  if (question.trust.check != revocation::none)
    trust.crls = read_list(question.trust.crl, "the CRL bundle", io::crls_in, out.found);
  io::ssl_ptr ssl;
  if (!has_error(out.found)) {
    ssl = prepared(question, std::move(trust));
    if (!ssl)
      out.found.emplace_back(severity::error, question.host.substr(0, 256), "this is no host name and no address",
                             "give the name that is dialled, without port or brackets");
  }
  if (!ssl) {
    out.error = errc::credentials_invalid;
    return out;
  }
  const auto outside = question.host.empty() ? std::nullopt
                                             : policy::refuse_target(question.demands.within,
                                                                     master(question.host, 8140, source_kind::srv));
  if (outside) {
    out.error = errc::outside_domain;
    out.reason = *outside;
  } else if (const auto* failure = io::judge_chain(ssl.get(), chain, question.at)) {
    out.error = failure->code;
    out.reason = failure->text;
  }
  ERR_clear_error();
  return out;
}

}  // namespace bunraku
