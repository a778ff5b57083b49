// Any octets as a DNS response. The reader must be total: no crash, no overrun, bounds kept, whatever comes.
#include "policy/dns_message.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bunraku::policy;
  static const dns_name name = dns_name::from_text("_x-puppet._tcp.example.com").value();
  for (const auto type : {dns_type::srv, dns_type::a, dns_type::aaaa}) {
    const auto said = read_dns_answer({data, size}, name, type);
    if (!said) continue;
    if (said->srv.size() + said->a.size() + said->aaaa.size() > dns_answer::max_records) std::abort();
    for (const auto& srv : said->srv) {
      const auto target = dns_name::from_text(srv.target);
      if (!target || target->to_host() != srv.target || srv.port == 0) std::abort();
    }
  }
  return 0;
}
