// Verbs that make and change certificates: one ssldir for each node, laid out as Puppet does.
#include "certificate_authority.hpp"
#include "commands.hpp"

#include <memory>
#include <sstream>

namespace lab {
namespace {

namespace fs = std::filesystem;

struct pki_options {
  fs::path directory;
  std::vector<std::string> agents, masters, expired, soon, not_yet, revoked, client_only, other_ca, named;
  unsigned bits = 2048;
  std::string key = "rsa";
};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, by);) parts.push_back(part);
  return parts;
}

class pki_writer {
 public:
  pki_writer(const pki_options& options, const certificate_authority& authority)
      : options_(options), authority_(authority) {}

  // One ssldir DIR/NODE with a key, a certificate from `issuer` and what the node trusts.
  certificate_ptr write(const std::string& node, const leaf& wanted, const certificate_authority& issuer) const {
    const auto ssldir = options_.directory / node;
    const auto key = new_key(choice());
    auto certificate = issuer.issue(key.get(), wanted);
    write_file(ssldir / "certs" / (node + ".pem"), to_pem(certificate.get()), mode_public);
    write_file(ssldir / "certs" / "ca.pem", authority_.certificates(), mode_public);
    write_file(ssldir / "private_keys" / (node + ".pem"), private_pem(key.get()), mode_key);
    write_file(ssldir / "public_keys" / (node + ".pem"), public_pem(key.get()), mode_public);
    if (&issuer == &authority_) issuer.keep_signed(node, certificate.get());
    return certificate;
  }

  // NAME[,ALT]...: the ssldir is called NAME, and all are in subjectAltName.
  certificate_ptr write(const std::string& names, const certificate_authority& issuer, leaf wanted = {}) const {
    wanted.names = split(names, ',');
    if (wanted.names.empty()) throw failure("an empty node name");
    wanted.common_name = wanted.names.front();
    return write(wanted.common_name, wanted, issuer);
  }

  key_choice choice() const {
    return {.kind = options_.key == "ec" ? key_kind::ec : key_kind::rsa, .bits = options_.bits};
  }

 private:
  const pki_options& options_;
  const certificate_authority& authority_;
};

// Every node's crl.pem, and its copy of the CAs, as they are now.
void refresh_crls(const fs::path& directory, const certificate_authority& authority) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (fs::exists(entry.path() / "private_keys")) {
      write_file(entry.path() / "crl.pem", authority.crls(), mode_public);
    }
  }
}

void make_pki(const pki_options& options) {
  const key_choice choice{.kind = options.key == "ec" ? key_kind::ec : key_kind::rsa, .bits = options.bits};
  const auto authority = certificate_authority::open_or_create(options.directory / "ca", choice, "Lab CA");
  const pki_writer writer(options, authority);
  for (const auto& names : options.agents) writer.write(names, authority);
  for (const auto& names : options.masters) writer.write(names, authority);
  for (const auto& names : options.expired) {
    writer.write(names, authority, {.valid_from_days = -10, .valid_to_days = -1});
  }
  for (const auto& names : options.soon) writer.write(names, authority, {.valid_to_days = 10});
  for (const auto& names : options.not_yet) writer.write(names, authority, {.valid_from_days = 1});
  for (const auto& names : options.client_only) writer.write(names, authority, {.server_auth = false});
  for (const auto& names : options.revoked) authority.revoke(writer.write(names, authority).get());
  if (!options.other_ca.empty()) {
    const auto stranger = certificate_authority::open_or_create(options.directory / "other-ca", choice, "Other CA");
    for (const auto& names : options.other_ca) writer.write(names, stranger);
  }
  for (const auto& entry : options.named) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) throw failure("--name wants NODE=NAME[,NAME]..., not " + entry);
    const auto names = split(entry.substr(equals + 1), ',');
    if (names.empty()) throw failure("--name wants NODE=NAME[,NAME]..., not " + entry);
    writer.write(entry.substr(0, equals), {.common_name = names.front(), .names = names}, authority);
  }
  refresh_crls(options.directory, authority);
}

}  // namespace

void add_pki_commands(CLI::App& app) {
  auto options = std::make_shared<pki_options>();
  auto* pki = app.add_subcommand("pki", "make a CA (or use the one that is there) and certificates");
  pki->add_option("DIR", options->directory)->required();
  auto list = [pki](const char* flag, std::vector<std::string>& into, const char* help) {
    pki->add_option(flag, into, help)->allow_extra_args(false)->type_name("NAME[,ALT]");
  };
  list("--agent", options->agents, "an agent");
  list("--master", options->masters, "a master");
  list("--expired", options->expired, "ended yesterday");
  list("--soon", options->soon, "ends in ten days");
  list("--not-yet", options->not_yet, "valid from tomorrow");
  list("--revoked", options->revoked, "on the CRL");
  list("--client-only", options->client_only, "without serverAuth");
  list("--other-ca", options->other_ca, "signed by a CA nobody trusts");
  list("--name", options->named, "NODE=NAME[,NAME]: ssldir NODE with a certificate for these names");
  pki->add_option("--bits", options->bits, "RSA key size")->check(CLI::Range(1024U, 8192U));
  pki->add_option("--key", options->key, "rsa or ec")->check(CLI::IsMember({"rsa", "ec"}));
  pki->callback([options] { make_pki(*options); });

  auto* revoke = app.add_subcommand("revoke", "put NAME's certificate on the CRL and hand the CRL to every node");
  revoke->add_option("DIR", options->directory)->required();
  auto name = std::make_shared<std::string>();
  revoke->add_option("NAME", *name)->required();
  revoke->callback([options, name] {
    const auto authority = certificate_authority::open(options->directory / "ca");
    const auto pem = authority.signed_certificate(*name);
    if (!pem) throw failure("this CA has signed no certificate for " + *name);
    authority.revoke(certificate_from_pem(*pem, *name).get());
    refresh_crls(options->directory, authority);
  });

  auto* sign = app.add_subcommand("sign", "sign NAME's waiting certificate request");
  sign->add_option("DIR", options->directory)->required();
  sign->add_option("NAME", *name)->required();
  sign->callback([options, name] { certificate_authority::open(options->directory / "ca").sign_request(*name); });
}

}  // namespace lab
