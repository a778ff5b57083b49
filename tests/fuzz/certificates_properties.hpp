#pragma once
#include "io/credentials.hpp"
#include "io/pem_file.hpp"
#include "io/x509_text.hpp"

#include <bunraku/enrolment.hpp>
#include <bunraku/site.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace certificates_properties {

using namespace bunraku;

/// Within the time of those in the corpus.
inline constexpr std::chrono::sys_seconds now{std::chrono::seconds(1796083200)};  // 2026-12-01
inline constexpr std::size_t longest_text = 256;

inline bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

inline std::string pem_of(std::string_view der) {
  std::string base64(der.size() / 3 * 4 + 5, '\0');
  const auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()),
                                    reinterpret_cast<const unsigned char*>(der.data()), static_cast<int>(der.size()));
  base64.resize(static_cast<std::size_t>(size));
  std::string lines;
  for (std::size_t i = 0; i < base64.size(); i += 64) lines += base64.substr(i, 64) + "\n";
  std::string out;
  for (const std::string label : {"CERTIFICATE", "X509 CRL"})
    out += "-----BEGIN " + label + "-----\n" + lines + "-----END " + label + "-----\n";
  return out;
}

inline std::string check_problems(const problems& found) {
  for (const auto& p : found) {
    if (p.where().empty() || p.what().empty() || p.fix().empty()) return "a problem without place, cause or advice";
    if (!is_plain(p.what())) return "a problem in whose words a file has its say: " + p.what();
  }
  return {};
}

inline std::string check_texts(std::string_view pem) {
  const auto certificates = io::certificates_in(pem);
  if (!certificates) return is_plain(certificates.error()) ? "" : "an error with bytes of the file in it";
  for (const auto& one : *certificates) {
    for (const auto& text : {io::subject_of(one.get()), io::issuer_of(one.get()), io::serial_of(one.get())})
      if (text.empty() || text.size() > longest_text || !is_plain(text)) return "a text that nobody can print: " + text;
    const auto names = io::names_of(one.get());
    if (names.dns.size() + names.ip.size() > 100) return "more names than are kept";
    for (const auto* list : {&names.dns, &names.ip})
      for (const auto& name : *list)
        if (name.size() > longest_text || !is_plain(name)) return "a name that nobody can print: " + name;
  }
  return {};
}

inline std::string check_trust(std::string_view pem, const credential_files& files) {
  const auto read = ca_trust::read(pem, files, now);
  if (std::string why = check_problems(read.found); !why.empty()) return why;
  if (read.value.has_value() == has_error(read.found))
    return "a CA bundle that is taken with an error, or refused without";
  if (!read.value) return {};
  const auto again = ca_trust::read(read.value->ca_pem(), files, now);
  if (!again.value || again.value->ca_pem() != read.value->ca_pem()) return "a CA bundle that changes when it is kept";
  if (again.value->root_fingerprint(now) != read.value->root_fingerprint(now))
    return "a root that changes when it is kept";
  const auto crls = read.value->with_crls(pem, now);
  if (std::string why = check_problems(crls.found); !why.empty()) return why;
  if (!crls.value) return has_error(crls.found) ? "" : "CRLs refused without an error";
  const auto kept = again.value->with_crls(crls.value->crl_pem(), now);
  return kept.value && kept.value->crl_pem() == crls.value->crl_pem() ? "" : "CRLs that change when they are kept";
}

/// A file with these bytes that has no place on disk.
class memory_file {
 public:
  explicit memory_file(std::string_view bytes) : fd_(::memfd_create("certificates", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  ~memory_file() { ::close(fd_); }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

/// What must hold for any bytes as a CA's bundle and its CRLs. Returns what is broken, or nothing.
inline std::string check(const std::string& pem) {
  credential_files files;
  files.ca = "ca.pem";
  files.crl = "crl.pem";
  if (std::string why = check_texts(pem); !why.empty()) return why;
  return check_trust(pem, files);
}

/// The same for any bytes in all of a node's files.
inline std::string check_files(const std::string& pem, revocation how) {
  const memory_file file(pem);
  const credential_files files{.certificate = file.path(),
                               .private_key = file.path(),
                               .passphrase_file = "/dev/null/none",
                               .ca = file.path(),
                               .crl = file.path(),
                               .check = how};
  const auto loaded = io::load_credentials(files, now);
  if (std::string why = check_problems(loaded.found); !why.empty()) return why;
  if ((loaded.value != nullptr) == has_error(loaded.found))
    return "credentials taken with an error, or refused without";
  return loaded.value && loaded.value->certname().empty() ? "credentials of nobody" : "";
}

}  // namespace certificates_properties
