// What a request costs in decisions, each done many times between two marks for callgrind: instructions_test.py counts
// the instructions. Without valgrind it only runs.
#include "http/chunked.hpp"
#include "http/head_writer.hpp"
#include "policy/rendezvous.hpp"
#include "policy/selection.hpp"

#include <bunraku/endpoint.hpp>
#include <bunraku/verdict.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <valgrind/callgrind.h>
#include <vector>

namespace {

using namespace shim::http;
namespace policy = bunraku::policy;

constexpr int times = 1000;

// As an agent sends them and a puppetserver answers.
constexpr std::string_view request =
    "GET /puppet/v3/file_metadata/modules/apache/files/conf.d/ssl.conf?environment=production&links=manage&"
    "checksum_type=sha256&source_permissions=ignore HTTP/1.1\r\n"
    "X-Puppet-Version: 7.23.0\r\nUser-Agent: Puppet/7.23.0 Ruby/3.1.2-p20 (x86_64-linux-gnu)\r\n"
    "Accept: application/vnd.puppet.rich+json, application/json, application/vnd.puppet.rich+msgpack, text/pson\r\n"
    "Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\nHost: agent1.example.com:8140\r\n\r\n";
constexpr std::string_view response =
    "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 03:00:00 GMT\r\nContent-Type: application/vnd.puppet.rich+json\r\n"
    "X-Puppet-Version: 7.9.5\r\nVary: Accept-Encoding, User-Agent\r\nContent-Length: 312\r\nServer: Jetty\r\n\r\n";

template <class Work>
void count(const char* name, Work work) {
  for (int i = 0; i < 10; ++i) work();  // what happens only once is over
  CALLGRIND_ZERO_STATS;
  for (int i = 0; i < times; ++i) work();
  CALLGRIND_DUMP_STATS_AT(name);
}

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "hot_paths: %s does not work\n", what);
  std::exit(1);
}

void count_heads() {
  std::string out;
  out.reserve(4096);
  count("request_head", [&out] {
    out.clear();
    require(head_scanner().scan(request) == request.size(), "the scanner");
    const auto head = parse_request(request);
    require(head.has_value(), "parse_request");
    write_request_head(out, *head, "puppet1.example.com:8140");
  });
  count("response_head", [&out] {
    out.clear();
    require(head_scanner().scan(response) == response.size(), "the scanner");
    const auto head = parse_response(response, {}, "GET");
    require(head.has_value(), "parse_response");
    write_response_head(out, *head, false);
  });
}

void count_chunks() {
  std::string body;
  for (int i = 0; i < 4; ++i) body += "2000\r\n" + std::string(0x2000, 'x') + "\r\n";
  body += "0\r\n\r\n";
  count("chunked_32k", [&body] {
    chunked_decoder decoder;
    std::string_view left = body;
    while (!decoder.done()) {
      const auto step = decoder.next_wire(left);
      require(step.has_value(), "the chunked decoder");
      left.remove_prefix(step->consumed);
    }
  });
}

void count_decisions() {
  std::vector<bunraku::master> masters;
  for (int i = 0; i < 6; ++i)
    masters.emplace_back("compile" + std::to_string(i) + ".example.com", 8140, bunraku::source_kind::srv,
                         static_cast<std::uint16_t>(10 + i / 3), static_cast<std::uint16_t>(50));
  const std::vector<policy::health_view> health(masters.size());
  policy::random chance(1);
  std::vector<policy::pick> order;
  const auto key = policy::rendezvous_key("agent1.example.com");
  count("order_of_6_masters", [&] {
    const policy::selection what{.masters = masters, .health = health, .key = key, .pinned = &masters[2], .limits = {}};
    what.order(chance, order);
    require(order.size() == masters.size(), "selection");
  });
  constexpr std::array targets{"/puppet/v3/catalog/agent1.example.com?environment=production",
                               "/puppet/v3/file_metadata/modules/a/b?links=manage", "/puppet-ca/v1/certificate/ca"};
  count("endpoint_and_verdict", [&] {
    for (const auto* target : targets) {
      const auto& row = bunraku::find_endpoint("GET", target);
      const auto what = bunraku::mishap_of_status(row, 503, true);
      require(what.has_value(), "mishap_of_status");
      require(bunraku::judge(row, *what, {}) == bunraku::move::next_master, "judge");
    }
  });
}

}  // namespace

int main() {
  count_heads();
  count_chunks();
  count_decisions();
  return 0;
}
