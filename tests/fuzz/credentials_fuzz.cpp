// Any bytes as all files of a node: certificate, key, CA bundle, CRLs. Apart from certificates_fuzz.cpp, since OpenSSL
// takes a millisecond for any key: it gathers what could decode it before it looks. The size chooses what is asked of
// CRLs, so that an input costs one reading.
#include "fuzz/certificates_properties.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using bunraku::revocation;
  static constexpr std::array ways{revocation::chain, revocation::leaf, revocation::none};
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string why = certificates_properties::check_files(bytes, ways[size % ways.size()]);
  if (!why.empty()) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::abort();
  }
  return 0;
}
