#include "io/x509_text.hpp"

#include "io/openssl_memory.hpp"

#include <openssl/bn.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cstdio>
#include <ctime>
#include <string_view>

namespace bunraku::io {
namespace {

constexpr std::size_t longest_text = 256;
constexpr std::size_t most_names = 100;

std::string printable(std::string_view raw) {
  std::string out;
  for (const char c : raw.substr(0, longest_text)) out += (c >= 0x20 && c < 0x7f) ? c : '?';
  if (raw.size() > longest_text) out.replace(longest_text - 3, 3, "...");
  return out;
}

std::string utf8_of(const ASN1_STRING* value) {
  unsigned char* bytes = nullptr;
  const int length = ASN1_STRING_to_UTF8(&bytes, value);
  const openssl_memory_ptr<unsigned char> owner(bytes);
  if (length < 0) return {};
  return printable({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length)});
}

std::string address_of(const ASN1_OCTET_STRING* value) {
  char text[INET6_ADDRSTRLEN] = {};
  const int length = ASN1_STRING_length(value);
  if (length != 4 && length != 16) return "(malformed address)";
  inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), text, sizeof text);
  return text;
}

}  // namespace

std::string text_of(const X509_NAME* name) {
  if (name == nullptr || X509_NAME_entry_count(name) == 0) return "(empty name)";
  const bio_ptr out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "(unreadable name)";
  char* data = nullptr;
  const long length = BIO_get_mem_data(out.get(), &data);
  return printable({data, static_cast<std::size_t>(std::max(length, 0L))});
}

std::string subject_of(const X509* certificate) { return text_of(X509_get_subject_name(certificate)); }
std::string issuer_of(const X509* certificate) { return text_of(X509_get_issuer_name(certificate)); }

std::string serial_of(const X509* certificate) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
  if (number == nullptr) return "?";
  const openssl_memory_ptr<char> written(BN_bn2hex(number));
  const bool negative = BN_is_negative(number) != 0;
  BN_free(number);
  if (!written) return "?";
  const auto digits = printable(written.get() + (negative ? 1 : 0));
  // As "0x%04X", which Puppet's CA writes.
  return (negative ? "-0x" : "0x") + std::string(4 - std::min<std::size_t>(digits.size(), 4), '0') + digits;
}

std::string text_of(std::chrono::sys_seconds moment) {
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{moment - day};
  char text[64];
  std::snprintf(text, sizeof text, "%d-%02u-%02u %02d:%02d:%02d UTC", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

std::optional<std::chrono::sys_seconds> moment_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  namespace ch = std::chrono;
  const ch::year_month_day date{ch::year{parts.tm_year + 1900}, ch::month{static_cast<unsigned>(parts.tm_mon + 1)},
                                ch::day{static_cast<unsigned>(parts.tm_mday)}};
  return ch::sys_days{date} + ch::hours{parts.tm_hour} + ch::minutes{parts.tm_min} + ch::seconds{parts.tm_sec};
}

certificate_names names_of(const X509* certificate) {
  certificate_names out;
  const general_names_ptr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    if (out.dns.size() + out.ip.size() >= most_names) break;
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) out.dns.push_back(utf8_of(name->d.dNSName));
    if (name->type == GEN_IPADD) out.ip.push_back(address_of(name->d.iPAddress));
  }
  const X509_NAME* subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;) last = i;
  if (last >= 0) out.common_name = utf8_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
  return out;
}

std::optional<spki_digest> spki_of(const X509* certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  const openssl_memory_ptr<unsigned char> owner(der);
  if (length <= 0) return std::nullopt;
  spki_digest out;
  SHA256(der, static_cast<std::size_t>(length), out.data());
  return out;
}

std::string hex(const spki_digest& digest) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace bunraku::io
