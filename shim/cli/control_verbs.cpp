#include "cli/control_client.hpp"
#include "cli/find_daemon.hpp"
#include "cli/json_view.hpp"
#include "cli/print_problems.hpp"
#include "cli/print_status.hpp"
#include "cli/verbs.hpp"
#include "cli/watch.hpp"

#include <boost/json.hpp>

#include <iostream>

namespace shim::cli {
namespace {

namespace json = boost::json;

/// The answer's body, or why there is none.
std::expected<json::object, std::string> try_to_ask(const invocation& with, std::string_view method,
                                                    const std::string& target, const json::object& body = {}) {
  const auto at = find_daemon(with);
  auto got = ask_daemon(at.socket, method, target, body.empty() ? std::string() : json::serialize(body));
  if (!got) return std::unexpected(got.error() + at.doubt);
  if (got->status == 200) return std::move(got->body);
  auto message = json_view(got->body).object("error").text("message");
  return std::unexpected(message.empty() ? "the daemon refused" : std::move(message));
}

/// The answer's body. Nothing if there is no daemon, or if it refused; then that was said.
std::optional<json::object> ask(const invocation& with, std::string_view method, const std::string& target,
                                const json::object& body = {}) {
  auto got = try_to_ask(with, method, target, body);
  if (got) return std::move(*got);
  std::cerr << "bunraku: " << got.error() << '\n';
  return std::nullopt;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& n : names) out += (out.empty() ? "" : ", ") + n;
  return out;
}

int show(const invocation& with, const std::string& target, void (*print)(std::ostream&, const json::object&)) {
  const auto got = ask(with, "GET", target);
  if (!got) return not_done;
  if (with.json) std::cout << json::serialize(*got) << '\n';
  else print(std::cout, *got);
  return somebody_is_missing(*got) ? bad_news : good;
}

bunraku::problems problems_in(const json_view& answer) {
  bunraku::problems found;
  answer.for_each("problems", [&](const json_view& p) {
    found.emplace_back(p.text("severity") == "error" ? bunraku::severity::error : bunraku::severity::warning,
                       p.text("where"), p.text("what"), p.text("fix"));
  });
  return found;
}

}  // namespace

int status(const invocation& with) {
  if (!with.watch) return show(with, "/v1/status", print_status);
  return watch([&with] { return try_to_ask(with, "GET", "/v1/status"); });
}

int explain(const invocation& with) {
  if (with.service.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
      std::string::npos) {
    std::cerr << "bunraku: there is no service `" << with.service << "`.\n";
    return not_done;
  }
  return show(with, "/v1/explain/" + with.service, print_explain);
}

int drain(const invocation& with) {
  json::object body{{"master", with.master}};
  if (!with.lasts.empty()) body["for"] = with.lasts;
  const auto got = ask(with, "POST", "/v1/drain", body);
  if (!got) return not_done;
  const json_view answer(*got);
  std::cout << "drained " << listed(answer.texts("drained")) << (answer.has("until") ? " until " : "")
            << answer.text("until") << ": new runs go elsewhere, the run that is with it stays\n";
  if (const auto alone = listed(answer.texts("nobody_else_for")); !alone.empty())
    std::cout << "nobody else is left for " << alone << ", so it is used there all the same\n";
  return good;
}

int undrain(const invocation& with) {
  const auto got = ask(with, "POST", "/v1/undrain", {{"master", with.master}});
  if (!got) return not_done;
  std::cout << "no longer drained: " << listed(json_view(*got).texts("undrained")) << '\n';
  return good;
}

int plugin(const invocation& with) {
  if (with.order.empty()) {
    const auto got = ask(with, "GET", "/v1/status");
    if (!got) return not_done;
    int result = not_done;
    json_view(*got).for_each("plugins", [&](const json_view& p) {
      if (p.text("name") != with.plugin) return;
      print_plugin(std::cout, p);
      result = p.text("state") == "running" ? good : bad_news;
    });
    if (result == not_done) std::cerr << "bunraku: there is no plugin `" << with.plugin << "` in the configuration.\n";
    return result;
  }
  boost::system::error_code error;
  const auto order = json::parse(with.order, error);
  if (error || !order.is_object()) {
    std::cerr << "bunraku: what the plugin is told must be a JSON object, in one argument.\n";
    return not_done;
  }
  const auto got = ask(with, "POST", "/v1/plugin/" + with.plugin, order.get_object());
  if (!got) return not_done;
  std::cout << json::serialize(got->at("answer")) << '\n';
  return good;
}

int reload(const invocation& with) {
  const auto got = ask(with, "POST", "/v1/reload");
  if (!got) return not_done;
  const json_view answer(*got);
  print(std::cerr, problems_in(answer));
  if (!answer.flag("reloaded")) {
    std::cerr << "bunraku: not reloaded; the daemon goes on as before.\n";
    return not_done;
  }
  std::cout << "reloaded; listens on " << answer.text("listen") << '\n';
  return good;
}

}  // namespace shim::cli
