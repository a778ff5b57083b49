// Any bytes as ca.pem and crl.pem, as a CA serves them before it is believed. What begins with 0x30 is DER, and made
// into a PEM certificate and CRL: base64 would hide from a fuzzer what is in them.
#include "fuzz/certificates_properties.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool der = bytes.starts_with('\x30');
  const std::string why =
      certificates_properties::check(der ? certificates_properties::pem_of(bytes) : std::string(bytes));
  if (!why.empty()) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::abort();
  }
  return 0;
}
