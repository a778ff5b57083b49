#include <bunraku/endpoint.hpp>

#include <algorithm>
#include <array>

namespace bunraku {
namespace {

using enum endpoint::repeat;
using enum service;

// How a row's path is compared with the request's.
enum class match : std::uint8_t {
  whole,  // the path is exactly this
  below,  // the path is this, then anything
};

struct rule {
  std::string_view method;  // empty: any; GET stands for HEAD too
  match how;
  std::string_view path;
  std::size_t row;
};

enum row : std::size_t {
  ca_certificate,
  ca_crl,
  certificate,
  certificate_request,
  certificate_renewal,
  ca_admin_read,
  ca_admin,
  status,
  node,
  file_metadata,
  file_metadatas,
  file_content,
  static_file_content,
  catalog_,
  catalog_v4,
  facts,
  filebucket_read,
  filebucket_write,
  report_,
  environments,
  other,
  row_count
};

// Which failure may move a request where. Sources: the agent's HTTP services (puppet/http/service/*.rb), what
// puppetserver does with a request that comes twice, and:
//  [1] a certificate request or renewal lives in the store of one CA; a second PUT there says 400, which agents accept.
//  [2] two compilations of one node are equal but costly; a 500 is nearly always an error in the manifest.
//  [3] each report that is processed becomes a new one in PuppetDB (PUP-3905), so only proof allows a second master.
//  [4] content-addressed: writing twice is harmless. Which master's bucket got it matters only to a later restore.
//  [5] `max-queued-requests`: puppetserver answers 503 with Retry-After before it looks at the request.
constexpr std::array<endpoint, row_count> rows = {{
    // clang-format off
    // name                   service  unsent       unanswered   interrupted  server_error saturated    error_500    lag    admin
    {"ca_certificate",        ca,      anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},
    {"ca_crl",                ca,      anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},
    {"certificate",           ca,      anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},
    {"certificate_request",   ca,      same_master, same_master, same_master, same_master, same_master, same_master, false, false},  // [1]
    {"certificate_renewal",   ca,      same_master, same_master, same_master, same_master, same_master, same_master, false, false},  // [1]
    {"ca_admin_read",         ca,      anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, true},
    {"ca_admin",              ca,      never,       never,       never,       never,       never,       never,       false, true},
    {"status",                catalog, anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},
    {"node",                  catalog, anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},
    {"file_metadata",         files,   anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    true,  false},
    {"file_metadatas",        files,   anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    true,  false},
    {"file_content",          files,   anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    true,  false},
    {"static_file_content",   files,   anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    true,  false},
    {"catalog",               catalog, anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    never,       false, false},  // [2]
    {"catalog_v4",            catalog, anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    never,       false, false},  // [2]
    {"facts",                 catalog, anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},
    {"filebucket_read",       catalog, anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},
    {"filebucket_write",      catalog, anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},  // [4]
    {"report",                report,  anywhere,    unsent_only, never,       never,       anywhere,    never,       false, false},  // [3] [5]
    {"environments",          catalog, anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    anywhere,    false, false},
    {"other",                 catalog, anywhere,    unsent_only, never,       never,       never,       never,       false, false},
    // clang-format on
}};

// Which request is which row; the first rule that fits counts. Source of the agent's paths: puppet/http/service/*.rb
// (ca, compiler, file_server, report, puppetserver); of the others: puppetserver's CA and master routes.
constexpr auto rules = std::to_array<rule>({
    // clang-format off
    {"GET",  match::whole, "/puppet-ca/v1/certificate/ca", ca_certificate},
    {"GET",  match::below, "/puppet-ca/v1/certificate/", certificate},
    {"GET",  match::below, "/puppet-ca/v1/certificate_revocation_list/", ca_crl},  // puppetserver ignores the last part
    {"PUT",  match::below, "/puppet-ca/v1/certificate_request/", certificate_request},
    {"GET",  match::below, "/puppet-ca/v1/certificate_request/", certificate_request},  // agents before Puppet 6
    {"POST", match::whole, "/puppet-ca/v1/certificate_renewal", certificate_renewal},
    // `puppetserver ca` and the CA's HTTP API for administrators.
    {"GET",  match::below, "/puppet-ca/", ca_admin_read},
    {"",     match::below, "/puppet-ca/", ca_admin},
    {"GET",  match::below, "/status/v1/", status},
    {"GET",  match::below, "/puppet/v3/node/", node},
    {"GET",  match::below, "/puppet/v3/file_metadata/", file_metadata},
    {"GET",  match::below, "/puppet/v3/file_metadatas/", file_metadatas},
    {"GET",  match::below, "/puppet/v3/file_content/", file_content},
    {"GET",  match::below, "/puppet/v3/static_file_content/", static_file_content},
    {"POST", match::below, "/puppet/v3/catalog/", catalog_},
    {"GET",  match::below, "/puppet/v3/catalog/", catalog_},
    {"POST", match::whole, "/puppet/v4/catalog", catalog_v4},
    {"PUT",  match::below, "/puppet/v3/facts/", facts},
    {"GET",  match::below, "/puppet/v3/file_bucket_file/", filebucket_read},
    {"PUT",  match::below, "/puppet/v3/file_bucket_file/", filebucket_write},
    {"PUT",  match::below, "/puppet/v3/report/", report_},
    {"GET",  match::whole, "/puppet/v3/environments", environments},
    // clang-format on
});

constexpr bool fits(const rule& r, std::string_view method, std::string_view path) noexcept {
  const bool same_method = r.method.empty() || r.method == method || (r.method == "GET" && method == "HEAD");
  return same_method && (r.how == match::whole ? path == r.path : path.starts_with(r.path));
}

}  // namespace

std::span<const endpoint> endpoints() noexcept { return rows; }

const endpoint& find_endpoint(std::string_view method, std::string_view target) noexcept {
  const auto path = target.substr(0, target.find('?'));
  const auto found = std::ranges::find_if(rules, [&](const rule& r) { return fits(r, method, path); });
  return rows[found == rules.end() ? std::size_t{other} : found->row];
}

}  // namespace bunraku
