// Compares our reading of puppet.conf with what a real Puppet said about the same text
// (fixtures/puppet_conf_cases.txt).
#include "fuzz/puppet_conf_properties.hpp"
#include "puppet/conf.hpp"
#include "puppet/settings.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace bunraku::puppet {
namespace {

struct conf_case {
  std::string name, text;
  std::vector<std::string> answers;
};
void PrintTo(const conf_case& c, std::ostream* out) { *out << c.name; }

std::string unescaped(const std::string& line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line.compare(i, 2, "\\x") == 0) {
      out += static_cast<char>(std::stoi(line.substr(i + 2, 2), nullptr, 16));
      i += 3;
    } else if (line.compare(i, 2, "\\\\") == 0) {
      out += '\\';
      ++i;
    } else {
      out += line[i];
    }
  }
  return out;
}

std::vector<conf_case> read_cases() {
  std::vector<conf_case> cases;
  std::ifstream file(TEST_SOURCE_DIR "/unit/puppet/fixtures/puppet_conf_cases.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("case ")) cases.push_back({line.substr(5), {}, {}});
    else if (line.starts_with("|")) cases.back().text += unescaped(line.size() > 1 ? line.substr(2) : "") + "\n";
    else if (line.starts_with("> ")) cases.back().answers.push_back(line.substr(2));
  }
  return cases;
}

// What the recorded Puppet had as its defaults; its host was Node1 in Example.com, its user root with home /root.
const std::map<std::string, std::string> defaults = {
    {"server", "puppet"},
    {"serverport", "8140"},
    {"masterport", "8140"},
    {"ca_server", "puppet"},
    {"ca_port", "8140"},
    {"report_server", "puppet"},
    {"report_port", "8140"},
    {"server_list", ""},
    {"use_srv_records", "false"},
    {"srv_domain", "Example.com"},
    {"certname", "node1.example.com"},
    {"environment", "production"},
    {"confdir", "/etc/puppet"},
    {"vardir", "/var/cache/puppet"},
    {"ssldir", "/var/lib/puppet/ssl"},
    {"certdir", "/var/lib/puppet/ssl/certs"},
    {"hostcert", "/var/lib/puppet/ssl/certs/node1.example.com.pem"},
    {"hostprivkey", "/var/lib/puppet/ssl/private_keys/node1.example.com.pem"},
    {"localcacert", "/var/lib/puppet/ssl/certs/ca.pem"},
    {"hostcrl", "/var/lib/puppet/ssl/crl.pem"},
    {"passfile", "/var/lib/puppet/ssl/private/password"},
    {"certificate_revocation", "chain"},
    {"http_connect_timeout", "120"},
    {"http_read_timeout", "600"},
    {"runinterval", "1800"},
};

constexpr std::string_view fails = "(fails)";

std::string our_value(const std::string& key, lookup& values, const settings_reading& settings) {
  if (key == "server_list") {
    std::string out;
    for (const auto& s : settings.value.server_list)
      out += (out.empty() ? "" : ",") + s.host + ":" + std::to_string(s.port);
    return out;
  }
  const auto found = values.value(key);
  if (key != "certificate_revocation" || !found) return found ? *found : std::string(fails);
  for (const auto& p : settings.found)
    if (p.what().find("check revocation") != std::string::npos) return std::string(fails);
  switch (settings.value.credentials.check) {
    case revocation::chain: return "chain";
    case revocation::leaf: return "leaf";
    case revocation::none: return "false";
  }
  return {};
}

class PuppetConf : public testing::TestWithParam<conf_case> {};

TEST_P(PuppetConf, IsReadAsPuppetReadsIt) {
  const auto reading = parse_conf(GetParam().text, "puppet.conf");
  lookup::inputs in;
  in.from = &reading.value;
  in.file = "puppet.conf";
  in.directories = known_layouts()[3];
  in.host = {"Node1", "Example.com"};
  in.home = "/root";
  const auto settings = read_settings(in);

  const auto& answers = GetParam().answers;
  if (answers == std::vector<std::string>{"drops the file"}) {
    EXPECT_TRUE(has_error(reading.found));
    return;
  }
  if (answers == std::vector<std::string>{"refuses to start"}) {
    EXPECT_TRUE(has_error(reading.found) || has_error(settings.found));
    return;
  }
  for (const auto& p : reading.found) EXPECT_EQ(p.level(), severity::warning) << p.where() << ": " << p.what();

  auto expected = defaults;
  for (const auto& answer : answers) {
    const auto space = answer.find(' ');
    expected[answer.substr(0, space)] = answer.ends_with(" fails") ? std::string(fails) : answer.substr(space + 3);
  }
  bool any_fails = false;
  for (const auto& [key, value] : expected) any_fails = any_fails || value == fails;
  lookup values(in);
  for (const auto& [key, value] : expected) {
    // An unusable port elsewhere leaves nothing to put behind the entries of server_list.
    if (key == "server_list" && any_fails) continue;
    EXPECT_EQ(our_value(key, values, settings), value) << "setting " << key;
  }
  if (any_fails) EXPECT_TRUE(has_error(settings.found));
}

TEST_P(PuppetConf, LeavesNothingUnusableWithoutAnError) {
  EXPECT_EQ(puppet_conf_properties::check(GetParam().text), "");
}

INSTANTIATE_TEST_SUITE_P(RealPuppet, PuppetConf, testing::ValuesIn(read_cases()), [](const auto& info) {
  std::string name;
  for (const char c : info.param.name) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return std::to_string(info.index) + "_" + name;
});

TEST(PuppetConfCases, AreAllThere) { EXPECT_GT(read_cases().size(), 200u); }

}  // namespace
}  // namespace bunraku::puppet
