#pragma once
#include "io/openssl_ptr.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bunraku::io {

/// What certificates and CRLs say, in forms for people and for comparing. Everything that comes out as text is
/// printable ASCII (other characters escaped as RFC 2253 does) and bounded to 256 bytes, whatever the peer wrote.

std::string text_of(const X509_NAME* name);            ///< "CN=agent1,O=Example"; "(empty name)" if it is
std::string subject_of(const X509* certificate);       ///< of the subject
std::string issuer_of(const X509* certificate);        ///< of the issuer
std::string serial_of(const X509* certificate);        ///< upper case hexadecimal, as in inventory.txt: "0x001F"
std::string text_of(std::chrono::sys_seconds moment);  ///< "2026-03-01 12:30:00 UTC"

/// The moment, or nothing when the field is absent or not a time. RFC 5280, 4.1.2.5.
std::optional<std::chrono::sys_seconds> moment_of(const ASN1_TIME* time);

/// What a certificate is called: its dNSName and iPAddress alternative names, and apart from them its common name.
struct certificate_names {
  std::vector<std::string> dns, ip;  ///< at most 100 in all are kept
  std::string common_name;           ///< empty if there is none; the most specific one (last in the subject)
};
certificate_names names_of(const X509* certificate);

/// SHA-256 of the subjectPublicKeyInfo: what makes two certificates "the same key" (as in RFC 7469, 2.4).
using spki_digest = std::array<std::uint8_t, 32>;
std::optional<spki_digest> spki_of(const X509* certificate);
std::string hex(const spki_digest& digest);

}  // namespace bunraku::io
