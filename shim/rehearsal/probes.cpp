#include "cli/json_view.hpp"
#include "rehearsal/access_lines.hpp"
#include "rehearsal/traffic.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>

namespace shim::rehearsal {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto pace = 150ms;                      // between two requests' begins, at least: a drill must not be a load
constexpr std::uint64_t download_rate = 8 << 20;  // bytes per second, at most, for the same reason

class probes : public traffic {
 public:
  explicit probes(const circumstances& in)
      : in_(in), target_(target_for(in.of.service, in.site.certname, in.site.environment)) {}

  int before() const override { return drill::is_download(in_.of) ? 2 : 4; }
  int after() const override { return drill::is_download(in_.of) ? 2 : 5; }
  std::uint64_t reset_at() const override {
    return drill::is_download(in_.of) ? middle_of(head_bytes_, body_bytes_) : inside_a_head;
  }

  std::optional<std::string> prepare(drill::observation& into) override {
    into.asked = "GET " + target_;
    return drill::is_download(in_.of) ? find_file(into) : std::nullopt;
  }

  void go(drill::observation& into, clock::time_point origin) override {
    const auto sent = clock::now();
    drill::sample one;
    one.at = std::chrono::duration_cast<milliseconds>(sent - origin);
    const auto got = in_.on.ask(target_, drill::patience(in_.of));
    one.took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - sent);
    one.status = got.status;
    one.served = got.status >= 200 && got.status < 300;
    one.why = got.why;
    if (one.served && !sha256_.empty() && got.sha256 != sha256_) {
      one.served = false;
      one.why = "these are not the bytes whose checksum the masters' metadata tells";
    }
    if (into.fault_from == 0ms) {  // before the fault
      head_bytes_ = got.head_bytes;
      body_bytes_ = got.body_bytes;
      usual_ = std::max(usual_, one.took);
    }
    if (!sha256_.empty()) one.usual = usual_;
    if (!in_.interrupted()) ask_who(one);
    into.samples.push_back(std::move(one));
    const auto rest = std::max<clock::duration>(pace, milliseconds(1000 * got.body_bytes / download_rate));
    std::this_thread::sleep_until(sent + rest);
  }

 private:
  /// Requests are made one after the other, so the last exchange is this one. The log has its line by then, too.
  void ask_who(drill::sample& one) {
    const auto status = in_.on.control("GET", "/v1/status");
    if (!status) return;
    const cli::json_view document(status->body);
    bool first = true;
    document.for_each("exchanges", [&](const cli::json_view& e) {
      if (!std::exchange(first, false)) return;
      one.master = e.text("master");
      if (one.why.empty()) one.why = e.text("why");
    });
    if (auto lines = lines_.read_more(); !lines.empty()) one.continued = std::move(lines.back().continued);
  }

  std::optional<std::string> find_file(drill::observation& into) {
    const auto file = in_.of.file.empty() ? largest_plugin(in_.site) : in_.of.file;
    if (file.empty())
      return "no file is known that could be downloaded, since this node has synced no plugins: name one with --file "
             "modules/MODULE/PATH, or in the plan.";
    const auto query = "?environment=" + in_.site.environment;
    const auto said = in_.on.ask("/puppet/v3/file_metadata/" + encoded_path(file) + query +
                                     "&links=manage&checksum_type=sha256&source_permissions=ignore",
                                 drill::patience(in_.of));
    if (said.status != 200)
      return "the masters say nothing of the file " + file + " (" +
             (said.status == 0 ? said.why : "status " + std::to_string(said.status)) +
             "): is it there, and in the environment " + in_.site.environment + "?";
    boost::system::error_code error;
    const auto document = json::parse(said.body, error);
    const auto* checksum = error ? nullptr : document.find_pointer("/checksum/value", error);
    constexpr std::string_view prefix = "{sha256}";
    if (checksum == nullptr || !checksum->is_string() || !std::string_view(checksum->as_string()).starts_with(prefix))
      return file + " has no checksum at the masters: a directory, perhaps.";
    sha256_ = std::string_view(checksum->as_string()).substr(prefix.size());
    target_ = "/puppet/v3/file_content/" + encoded_path(file) + query;
    into.asked = "GET " + target_;
    return std::nullopt;
  }

  const circumstances in_;
  access_lines lines_{in_.on.directory() + "/log"};
  std::string target_, sha256_;
  std::uint64_t head_bytes_ = 0, body_bytes_ = 0;
  std::chrono::microseconds usual_{0};
};

}  // namespace

std::uint64_t middle_of(std::uint64_t head_bytes, std::uint64_t body_bytes) {
  constexpr std::uint64_t difference = 500;
  return body_bytes > 2 * difference ? head_bytes + body_bytes / 2 : inside_a_head;
}

std::unique_ptr<traffic> make_probes(const circumstances& in) { return std::make_unique<probes>(in); }

std::string target_for(const std::string& service, const std::string& certname, const std::string& environment) {
  if (service == "ca") return "/puppet-ca/v1/certificate/ca";
  if (service == "files")
    return "/puppet/v3/file_metadatas/plugins?recurse=false&links=manage&checksum_type=sha256&"
           "source_permissions=ignore&environment=" +
           environment;
  if (service == "catalog") return "/puppet/v3/node/" + certname + "?environment=" + environment;
  return "/status/v1/simple/server";
}

std::string largest_plugin(const bunraku::site& site) {
  constexpr std::uintmax_t largest = 4 << 20;
  namespace fs = std::filesystem;
  const auto given = site.given.find("plugindest");
  const fs::path below = given == site.given.end() ? site.vardir + "/lib" : given->second.value;
  fs::path found;
  std::uintmax_t most = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(below, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored) || at->is_symlink(ignored)) continue;
    const auto size = at->file_size(ignored);
    if (ignored || size > largest || size <= most) continue;
    most = size;
    found = at->path();
  }
  return found.empty() ? std::string() : "plugins/" + found.lexically_relative(below).string();
}

}  // namespace shim::rehearsal
