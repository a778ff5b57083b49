#include "fuzz/http_properties.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string_view method : {"GET", "HEAD"}) {
    const std::string why = http_properties::check_response_head(bytes, method);
    if (why.empty()) continue;
    std::fprintf(stderr, "answer to %s: %s\n", method.data(), why.c_str());
    std::abort();
  }
  return 0;
}
