#include <bunraku/endpoint.hpp>

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

namespace bunraku {
namespace {

using enum endpoint::repeat;

std::string_view row_of(std::string_view method, std::string_view target) { return find_endpoint(method, target).name; }

TEST(Endpoint, FindsEveryRequestOfAnAgent) {
  const std::tuple<const char*, const char*, const char*, service> cases[] = {
      {"GET", "/puppet-ca/v1/certificate/ca", "ca_certificate", service::ca},
      {"GET", "/puppet-ca/v1/certificate/node1.example.com", "certificate", service::ca},
      {"GET", "/puppet-ca/v1/certificate/ca2", "certificate", service::ca},
      {"GET", "/puppet-ca/v1/certificate_revocation_list/ca", "ca_crl", service::ca},
      {"PUT", "/puppet-ca/v1/certificate_request/node1", "certificate_request", service::ca},
      {"GET", "/puppet-ca/v1/certificate_request/node1", "certificate_request", service::ca},
      {"POST", "/puppet-ca/v1/certificate_renewal", "certificate_renewal", service::ca},
      {"GET", "/status/v1/simple/server", "status", service::catalog},
      {"GET", "/status/v1/simple/master", "status", service::catalog},
      {"GET", "/status/v1/services?level=debug", "status", service::catalog},
      {"GET", "/puppet/v3/node/node1?environment=production&transaction_uuid=x", "node", service::catalog},
      {"GET", "/puppet/v3/file_metadatas/plugins?recurse=true", "file_metadatas", service::files},
      {"GET", "/puppet/v3/file_metadata/modules/lab/a%20b?links=manage", "file_metadata", service::files},
      {"GET", "/puppet/v3/file_content/modules/lab/x?environment=production", "file_content", service::files},
      {"GET", "/puppet/v3/static_file_content/modules/m/files/x?code_id=1", "static_file_content", service::files},
      {"POST", "/puppet/v3/catalog/node1?environment=production", "catalog", service::catalog},
      {"GET", "/puppet/v3/catalog/node1?environment=production", "catalog", service::catalog},
      {"POST", "/puppet/v4/catalog", "catalog_v4", service::catalog},
      {"PUT", "/puppet/v3/facts/node1?environment=production", "facts", service::catalog},
      {"HEAD", "/puppet/v3/file_bucket_file/sha256/ab//etc/x", "filebucket_read", service::catalog},
      {"GET", "/puppet/v3/file_bucket_file/sha256/ab", "filebucket_read", service::catalog},
      {"PUT", "/puppet/v3/file_bucket_file/sha256/ab//etc/x", "filebucket_write", service::catalog},
      {"PUT", "/puppet/v3/report/node1?environment=production", "report", service::report},
      {"GET", "/puppet/v3/environments", "environments", service::catalog},
  };
  std::set<std::string_view> seen;
  for (const auto& [method, target, name, service] : cases) {
    const auto& e = find_endpoint(method, target);
    EXPECT_EQ(e.name, name) << method << " " << target;
    EXPECT_EQ(e.service, service) << target;
    EXPECT_FALSE(e.admin) << target;
    seen.insert(e.name);
  }
  for (const auto& e : endpoints())
    EXPECT_TRUE(e.admin || e.name == "other" || seen.contains(e.name)) << e.name << " has no request here";
}

TEST(Endpoint, CaAdministrationIsMarked) {
  for (const auto& [method, target] :
       std::initializer_list<std::pair<const char*, const char*>>{{"GET", "/puppet-ca/v1/certificate_status/node1"},
                                                                  {"GET", "/puppet-ca/v1/certificate_statuses/x"},
                                                                  {"GET", "/puppet-ca/v1/expirations"},
                                                                  {"PUT", "/puppet-ca/v1/certificate_status/node1"},
                                                                  {"DELETE", "/puppet-ca/v1/certificate_status/node1"},
                                                                  {"PUT", "/puppet-ca/v1/clean"},
                                                                  {"POST", "/puppet-ca/v1/sign"},
                                                                  {"POST", "/puppet-ca/v1/sign/all"},
                                                                  {"PUT", "/puppet-ca/v1/certificate_revocation_list"},
                                                                  {"DELETE", "/puppet-ca/v1/certificate_request/node1"},
                                                                  {"POST", "/puppet-ca/v1/certificate_renewal/x"}}) {
    EXPECT_TRUE(find_endpoint(method, target).admin) << method << " " << target;
    EXPECT_EQ(find_endpoint(method, target).service, service::ca) << target;
  }
}

TEST(Endpoint, UnknownRequestsGoToTheCatalogService) {
  for (const char* target :
       {"/", "", "/puppet/v3", "/puppet/v3/nothing/x", "/pdb/query/v4", "/status/v2/x", "*", "?", "/puppet-ca"})
    EXPECT_EQ(row_of("GET", target), "other") << target;
  EXPECT_EQ(row_of("DELETE", "/puppet/v3/report/n"), "other");
  EXPECT_EQ(row_of("PUT", "/puppet/v3/catalog/n"), "other");
  EXPECT_EQ(row_of("", ""), "other");
  EXPECT_EQ(find_endpoint("GET", "/x").service, service::catalog);
}

TEST(Endpoint, NothingIsDecodedFoldedOrNormalised) {
  EXPECT_EQ(row_of("POST", "/puppet/v3/Catalog/n"), "other");
  EXPECT_EQ(row_of("post", "/puppet/v3/catalog/n"), "other");
  EXPECT_EQ(row_of("POST", "/puppet/v3/c%61talog/n"), "other");
  EXPECT_EQ(row_of("POST", "//puppet/v3/catalog/n"), "other");
  EXPECT_EQ(row_of("POST", "/x/../puppet/v3/catalog/n"), "other");
  EXPECT_EQ(row_of("POST", "/puppet/v3/catalog"), "other");
  EXPECT_EQ(row_of("GET", "/puppet/v3/environmentsx"), "other");
}

TEST(Endpoint, QueryIsNotPartOfThePath) {
  EXPECT_EQ(row_of("GET", "/puppet-ca/v1/certificate/ca?environment=x"), "ca_certificate");
  EXPECT_EQ(row_of("GET", "/x?/puppet/v3/node/n"), "other");
  EXPECT_EQ(row_of("PUT", "/puppet/v3/node/n?/puppet/v3/report/n"), "other");
}

TEST(Endpoint, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const auto& e : endpoints()) EXPECT_TRUE(names.insert(e.name).second) << e.name;
  EXPECT_EQ(endpoints().back().name, "other");
}

// Every cell of the table: what the specification of repeats says for each kind of request and each kind of failure.
struct cells {
  endpoint::repeat unsent, unanswered, interrupted, server_error, saturated, error_500;
  bool lag;
};
constexpr cells reads{anywhere, anywhere, anywhere, anywhere, anywhere, anywhere, false};
constexpr cells file_reads{anywhere, anywhere, anywhere, anywhere, anywhere, anywhere, true};
constexpr cells compiles{anywhere, anywhere, anywhere, anywhere, anywhere, never, false};
constexpr cells one_store{same_master, same_master, same_master, same_master, same_master, same_master, false};
constexpr cells nobody{never, never, never, never, never, never, false};

const std::map<std::string_view, cells> specification = {
    {"ca_certificate", reads},
    {"ca_crl", reads},
    {"certificate", reads},
    {"certificate_request", one_store},
    {"certificate_renewal", one_store},
    {"ca_admin_read", reads},
    {"ca_admin", nobody},
    {"status", reads},
    {"node", reads},
    {"file_metadata", file_reads},
    {"file_metadatas", file_reads},
    {"file_content", file_reads},
    {"static_file_content", file_reads},
    {"catalog", compiles},
    {"catalog_v4", compiles},
    {"facts", reads},
    {"filebucket_read", reads},
    {"filebucket_write", reads},
    {"report", {anywhere, unsent_only, never, never, anywhere, never, false}},
    {"environments", reads},
    {"other", {anywhere, unsent_only, never, never, never, never, false}},
};

class EndpointCells : public testing::TestWithParam<endpoint> {};

TEST_P(EndpointCells, NothingSent) { EXPECT_EQ(GetParam().unsent, specification.at(GetParam().name).unsent); }
TEST_P(EndpointCells, SentButUnanswered) {
  EXPECT_EQ(GetParam().unanswered, specification.at(GetParam().name).unanswered);
}
TEST_P(EndpointCells, AnswerBrokeOff) {
  EXPECT_EQ(GetParam().interrupted, specification.at(GetParam().name).interrupted);
}
TEST_P(EndpointCells, Status502Or503Or504) {
  EXPECT_EQ(GetParam().server_error, specification.at(GetParam().name).server_error);
}
TEST_P(EndpointCells, Status503WithRetryAfter) {
  EXPECT_EQ(GetParam().saturated, specification.at(GetParam().name).saturated);
}
TEST_P(EndpointCells, Status500) { EXPECT_EQ(GetParam().error_500, specification.at(GetParam().name).error_500); }
TEST_P(EndpointCells, Status404) { EXPECT_EQ(GetParam().not_found_may_be_lag, specification.at(GetParam().name).lag); }

TEST_P(EndpointCells, OnlyTheCasAdministrationIsAdministration) {
  EXPECT_EQ(GetParam().admin, GetParam().name.starts_with("ca_admin"));
}

INSTANTIATE_TEST_SUITE_P(Table, EndpointCells, testing::ValuesIn(endpoints().begin(), endpoints().end()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(EndpointTable, SpecificationAndTableHaveTheSameRows) {
  EXPECT_EQ(specification.size(), endpoints().size());
  for (const auto& e : endpoints()) EXPECT_TRUE(specification.contains(e.name)) << e.name;
}

}  // namespace
}  // namespace bunraku
