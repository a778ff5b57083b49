#include "rehearsal/puppet_agent.hpp"

#include "rehearsal/child_process.hpp"

#include <bunraku/shown_text.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace shim::rehearsal {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto settings_limit = 60s, run_limit = 1200s;
constexpr std::size_t longest_words = 400;

/// What a run writes, and where it is below the drill's directory.
constexpr std::array<std::pair<const char*, const char*>, 29> own_places{{
    {"vardir", "var"},
    {"rundir", "run"},
    {"logdir", "log"},
    {"publicdir", "public"},
    {"statedir", "var/state"},
    {"client_datadir", "var/client_data"},
    {"clientyamldir", "var/client_yaml"},
    {"clientbucketdir", "var/clientbucket"},
    {"yamldir", "var/yaml"},
    {"reportdir", "var/reports"},
    {"preview_outputdir", "var/preview"},
    {"libdir", "var/lib"},
    {"plugindest", "var/lib"},
    {"pluginfactdest", "var/facts.d"},
    {"localedest", "var/locales"},
    {"graphdir", "var/state/graphs"},
    {"statefile", "var/state/state.yaml"},
    {"transactionstorefile", "var/state/transactionstore.yaml"},
    {"classfile", "var/state/classes.txt"},
    {"resourcefile", "var/state/resources.txt"},
    {"lastrunfile", "public/last_run_summary.yaml"},
    {"lastrunreport", "var/state/last_run_report.yaml"},
    {"agent_catalog_run_lockfile", "var/state/agent_catalog_run.lock"},
    {"agent_disabled_lockfile", "var/state/agent_disabled.lock"},
    {"ssl_lockfile", "ssl.lock"},
    {"pidfile", "run/agent.pid"},
    {"localcacert", "ca.pem"},
    {"hostcrl", "crl.pem"},
    {"devicedir", "var/devices"},
}};

std::string below(const std::string& directory) { return directory + "/agent/"; }

/// What stays where the node has it, although the directories that Puppet derives it from are others.
constexpr std::array kept_places{"ssldir",     "certdir",    "privatekeydir",  "publickeydir",
                                 "requestdir", "privatedir", "hostcert",       "hostprivkey",
                                 "hostpubkey", "passfile",   "environmentpath"};

/// puppet.conf may have commands around each run, old catalogs instead of new ones, and secrets in diffs.
constexpr std::array<std::pair<const char*, const char*>, 8> quiet{{{"prerun_command", ""},
                                                                    {"postrun_command", ""},
                                                                    {"hostcert_renewal_interval", "0"},
                                                                    {"use_cached_catalog", "no"},
                                                                    {"show_diff", "no"},
                                                                    {"graph", "no"},
                                                                    {"use_srv_records", "no"},
                                                                    {"server_list", ""}}};

std::vector<std::string> where_it_reads(const bunraku::site& site) {
  std::vector<std::string> out;
  if (!site.confdir.empty()) out.insert(out.end(), {"--confdir", site.confdir});
  if (!site.config_file.empty()) out.insert(out.end(), {"--config", site.config_file});
  return out;
}

/// Why the agent is disabled on this host, as `puppet agent --disable REASON` noted it; nothing: it is not.
std::optional<std::string> reason_of(const std::string& lock) {
  std::ifstream in(lock);
  if (!in) return std::nullopt;
  const std::string said((std::istreambuf_iterator<char>(in)), {});
  boost::system::error_code error;
  const auto document = boost::json::parse(said, error);
  const auto* message = error ? nullptr : document.find_pointer("/disabled_message", error);
  return message != nullptr && message->is_string() ? std::string(message->as_string()) : "no reason given";
}

std::string last_line(const std::string& output) {
  std::string last;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) last = bunraku::shown_text(line, longest_words);
  return last;
}

void copy(const std::string& from, const fs::path& to) {
  std::error_code ignored;  // what is not there is fetched by the run
  if (from.starts_with('/')) fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::skip_symlinks, ignored);
}

}  // namespace

std::expected<puppet_agent, std::string> puppet_agent::find(const bunraku::site& site,
                                                            const std::function<bool()>& interrupted) {
  const auto program = find_program("puppet", {"/opt/puppetlabs/bin", "/usr/bin"});
  if (program.empty())
    return std::unexpected("there is no program `puppet` in PATH or /opt/puppetlabs/bin, so no agent can run.");
  std::vector<std::string> command{program, "config", "print", "--section", "agent", "--color=false"};
  for (auto& word : where_it_reads(site)) command.push_back(std::move(word));
  const auto how = run_child(command, settings_limit, interrupted);
  settings known;
  std::istringstream lines(how.output);
  for (std::string line; std::getline(lines, line);)
    if (const auto at = line.find(" = "); at != line.npos) known[line.substr(0, at)] = line.substr(at + 3);
  if (how.status != 0 || !known.contains("ssldir")) {
    const auto why = first_error(how.output);
    return std::unexpected("`" + program + " config print` does not tell Puppet's settings" +
                           (why.empty() ? "." : ": " + why));
  }
  puppet_agent made(program, site, std::move(known));
  if (const auto reason = reason_of(made.text("agent_disabled_lockfile")))
    return std::unexpected("the agent is disabled on this host (" + *reason +
                           "), and a drill respects that: `puppet agent --enable` first, or drill without --agent.");
  return made;
}

std::string puppet_agent::text(std::string_view setting) const {
  const auto at = known_.find(setting);
  return at == known_.end() ? std::string() : at->second;
}

void puppet_agent::furnish(const std::string& directory) const {
  std::error_code ignored;
  for (const char* name : {"var", "run", "log", "public"}) fs::create_directories(below(directory) + name, ignored);
  for (const auto& [setting, place] : own_places)
    if (const std::string name = setting; name == "plugindest" || name == "pluginfactdest" || name == "localedest" ||
                                          name == "localcacert" || name == "hostcrl")
      copy(text(name), below(directory) + place);
}

std::vector<std::string> puppet_agent::command(const std::string& directory, std::uint16_t proxy_port,
                                               std::string_view service) const {
  std::vector<std::string> out{program_, "agent", "--test", "--noop", "--color=false", "--logdest", "console"};
  for (auto& word : where_it_reads(site_)) out.push_back(std::move(word));
  const auto give = [&](const std::string& name, const std::string& value) {
    if (known_.contains(name)) out.insert(out.end(), {"--" + name, value});
  };
  for (const auto& [setting, place] : own_places) give(setting, below(directory) + place);
  for (const char* setting : kept_places) give(setting, text(setting));
  for (const auto& [setting, value] : quiet) {
    if (std::string_view(value) != "no") give(setting, value);
    else if (known_.contains(setting)) out.push_back(std::string("--no-") + setting);
  }
  out.emplace_back(service == "report" ? "--report" : "--no-report");
  give("certname", site_.certname);
  // CONNECT to the node's own name is the way in `terminate`: no name has to be resolved for it.
  for (const char* name : {"server", "ca_server", "report_server"}) give(name, site_.certname);
  for (const char* name : {"serverport", "ca_port", "report_port"}) give(name, std::to_string(site_.serverport));
  give("http_proxy_host", "127.0.0.1");
  give("http_proxy_port", std::to_string(proxy_port));
  for (const char* name : {"http_proxy_user", "http_proxy_password", "no_proxy"}) give(name, "none");
  return out;
}

puppet_agent::ended puppet_agent::run(const std::string& directory, std::uint16_t proxy_port, std::string_view service,
                                      const std::function<bool()>& interrupted) const {
  const auto how = run_child(command(directory, proxy_port, service), run_limit, interrupted);
  if (how.late) return {-1, "it took more than 20 minutes"};
  auto why = first_error(how.output);
  if (why.empty() && how.status != 0 && how.status != 2) why = "it says \"" + last_line(how.output) + "\"";
  return {how.status, why};
}

std::string first_error(std::string_view output) {
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("Error: ") && !line.starts_with("Error: Facter:"))
      return bunraku::shown_text(line, longest_words);
  return {};
}

}  // namespace shim::rehearsal
