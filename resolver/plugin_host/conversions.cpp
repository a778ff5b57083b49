#include "plugin_host/conversions.hpp"

#include "puppet/ascii.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace bunraku::plugin_host {
namespace {

constexpr std::size_t most_masters = 1000, largest_text = 65536, largest_headers = 4096, longest_path = 1024;

bunraku_text text_of(std::string_view from) noexcept { return {from.data(), from.size()}; }

/// Nothing if it is longer.
std::optional<std::string> taken(bunraku_text from, std::size_t most) {
  if (from.data == nullptr) return std::string();
  if (from.size > most) return std::nullopt;
  return std::string(from.data, from.size);
}

bunraku_plugin_master master_of(const master& from) noexcept {
  return {.size = sizeof(bunraku_plugin_master),
          .host = text_of(from.host()),
          .port = from.port(),
          .priority = from.priority(),
          .weight = from.weight()};
}

/// What a plugin writes, up to a bound.
struct collected {
  std::size_t most;
  std::string text{};
  bool too_long = false;

  bunraku_writer writer() noexcept {
    return {.size = sizeof(bunraku_writer), .to = this, .write = [](void* to, bunraku_text piece) {
              auto& self = *static_cast<collected*>(to);
              if (piece.data == nullptr || self.too_long) return;
              self.too_long = piece.size > self.most - self.text.size();
              if (!self.too_long) self.text.append(piece.data, piece.size);
            }};
  }
};

/// A host name in lower case, or an IP literal; nothing if it cannot be one.
std::optional<std::string> host_in(bunraku_text from) {
  auto host = taken(from, 253);
  if (!host || host->empty()) return std::nullopt;
  for (auto& c : *host) {
    c = ascii::lower(c);
    const bool fits = ascii::is_lower(c) || ascii::is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':';
    if (!fits) return std::nullopt;
  }
  if (host->ends_with('.')) host->pop_back();
  return host->empty() ? std::nullopt : host;
}

struct masters_to {
  std::vector<master> all{};
  std::string wrong{};

  static void add(void* to, const bunraku_plugin_master* one) {
    auto& self = *static_cast<masters_to*>(to);
    if (one == nullptr || !self.wrong.empty()) return;
    auto host = host_in(one->host);
    if (self.all.size() == most_masters) self.wrong = "it names more than 1000 masters";
    else if (!host || one->port == 0) self.wrong = "it names a master without a usable host or port";
    else self.all.emplace_back(std::move(*host), one->port, source_kind::plugin, one->priority, one->weight);
  }
};

fault::kind kind_of(std::uint32_t kind) noexcept {
  switch (kind) {
    case BUNRAKU_FAULT_DNS_SILENT: return fault::kind::dns_silent;
    case BUNRAKU_FAULT_DNS_LIE: return fault::kind::dns_lie;
    case BUNRAKU_FAULT_REFUSE: return fault::kind::refuse;
    case BUNRAKU_FAULT_BLACKHOLE: return fault::kind::blackhole;
    case BUNRAKU_FAULT_BAD_CERTIFICATE: return fault::kind::bad_certificate;
    case BUNRAKU_FAULT_HANG: return fault::kind::hang;
    case BUNRAKU_FAULT_RESET: return fault::kind::reset;
    case BUNRAKU_FAULT_STATUS: return fault::kind::status;
    case BUNRAKU_FAULT_DELAY: return fault::kind::delay;
    default: return fault::kind::none;
  }
}

errc certificate_error(std::uint32_t which) noexcept {
  switch (which) {
    case BUNRAKU_CERTIFICATE_UNTRUSTED: return errc::certificate_untrusted;
    case BUNRAKU_CERTIFICATE_REVOKED: return errc::certificate_revoked;
    case BUNRAKU_CERTIFICATE_WRONG_NAME: return errc::certificate_wrong_name;
    default: return errc::certificate_expired;
  }
}

/// Whole header lines, as they may stand in an answer.
bool are_header_lines(std::string_view text) noexcept {
  if (!text.empty() && !text.ends_with("\r\n")) return false;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find("\r\n"));
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return false;
    if (std::ranges::any_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
      return false;
    text.remove_prefix(line.size() + 2);
  }
  return true;
}

/// Why the fault cannot be used; null if it can. Fills in `into`.
const char* take_fault(const bunraku_fault& from, moment::kind when, fault& into) {
  into.what = kind_of(from.kind);
  if (into.what == fault::kind::none || !fits(into.what, when)) return "the fault does not fit the moment";
  if (from.delay_ms > 3600000) return "the delay is longer than an hour";
  if (into.what == fault::kind::status && (from.status < 200 || from.status > 599))
    return "the status is not 200 to 599";
  auto headers = taken(from.headers, largest_headers), body = taken(from.body, largest_text),
       name = taken(from.name, 200);
  if (!headers || !are_header_lines(*headers)) return "the headers are no lines that end with CR LF, or too many";
  if (!body) return "the body is larger than 65536 bytes";
  into.delay = std::chrono::milliseconds(from.delay_ms);
  into.at_byte = from.at_byte;
  into.status = static_cast<int>(from.status);
  into.certificate = certificate_error(from.certificate);
  into.headers = std::move(*headers);
  into.body = std::move(*body);
  into.by = name ? std::move(*name) : std::string();
  return nullptr;
}

std::uint32_t number_of(outcome::kind what) noexcept {
  switch (what) {
    case outcome::kind::begun: return BUNRAKU_OUTCOME_BEGUN;
    case outcome::kind::answered: return BUNRAKU_OUTCOME_ANSWERED;
    case outcome::kind::unanswered: return BUNRAKU_OUTCOME_UNANSWERED;
    case outcome::kind::broken_answer: return BUNRAKU_OUTCOME_BROKEN_ANSWER;
    case outcome::kind::server_error: return BUNRAKU_OUTCOME_SERVER_ERROR;
    case outcome::kind::saturated: return BUNRAKU_OUTCOME_SATURATED;
    case outcome::kind::no_tls: return BUNRAKU_OUTCOME_UNREACHABLE;
    case outcome::kind::bad_certificate: return BUNRAKU_OUTCOME_BAD_CERTIFICATE;
    case outcome::kind::spoke_tls:
    case outcome::kind::refused_us:
    case outcome::kind::cancelled: break;
  }
  return BUNRAKU_OUTCOME_GIVEN_UP;
}

std::uint32_t number_of(moment::kind what) noexcept {
  switch (what) {
    case moment::kind::lookup: return BUNRAKU_MOMENT_LOOKUP;
    case moment::kind::connect: return BUNRAKU_MOMENT_CONNECT;
    case moment::kind::request: break;
  }
  return BUNRAKU_MOMENT_REQUEST;
}

}  // namespace

fault call_interfere(plugin_state& in, const moment& when) {
  fault out;
  in.run("interfere", [&]() -> std::int32_t {
    const ::bunraku_moment given{.size = sizeof(::bunraku_moment),
                                 .what = number_of(when.what),
                                 .exchange = when.exchange,
                                 .service = text_of(when.service),
                                 .host = text_of(when.host),
                                 .port = when.port,
                                 .method = text_of(when.method),
                                 .path = text_of(when.path)};
    ::bunraku_fault made{};
    made.size = sizeof made;
    const auto code = in.code.observer->interfere(in.self, &given, &made);
    if (code != BUNRAKU_PLUGIN_OK || made.kind == BUNRAKU_FAULT_NONE) return code;
    const char* const wrong = take_fault(made, when.what, out);
    if (wrong == nullptr) return code;
    out = {};
    in.explain_as(wrong);
    return BUNRAKU_PLUGIN_FAILED;
  });
  return out;
}

void call_see(plugin_state& in, const seen& what) {
  in.run("see", [&]() -> std::int32_t {
    const ::bunraku_seen given{.size = sizeof(::bunraku_seen),
                               .what = static_cast<std::uint32_t>(
                                   what.what == seen::kind::outcome ? BUNRAKU_SEEN_OUTCOME : BUNRAKU_SEEN_EXCHANGE),
                               .outcome = number_of(what.result),
                               .service = text_of(what.service),
                               .endpoint = text_of(what.endpoint),
                               .host = text_of(what.host),
                               .port = what.port,
                               .status = static_cast<std::uint32_t>(what.status),
                               .first_byte_us = static_cast<std::uint64_t>(what.first_byte.count()),
                               .bytes_up = what.bytes_up,
                               .bytes_down = what.bytes_down};
    in.code.observer->see(in.self, &given);
    return BUNRAKU_PLUGIN_OK;
  });
}

source_reply call_masters(plugin_state& in, const std::string& service) {
  source_reply out;
  masters_to into;
  const auto code = in.run("masters", [&]() -> std::int32_t {
    const ::bunraku_masters to{.size = sizeof(::bunraku_masters), .to = &into, .add = &masters_to::add};
    std::uint32_t valid = 1000;
    const auto said = in.code.source->masters(in.self, text_of(service), &to, &valid);
    if (said != BUNRAKU_PLUGIN_OK) return said;
    out.valid = std::chrono::milliseconds(std::clamp<std::uint32_t>(valid, 100, 86400000));
    if (into.wrong.empty()) return said;
    in.explain_as(into.wrong);
    return BUNRAKU_PLUGIN_FAILED;
  });
  out.answered = code == BUNRAKU_PLUGIN_OK;
  if (out.answered) out.masters = std::move(into.all);
  else out.note = in.take_explanation();
  return out;
}

plan_scores call_score(plugin_state& in, const plan_question& what) {
  plan_scores out;
  const auto count = what.candidates.size();
  out.scores.assign(count, 0);
  const auto code = in.run("score", [&]() -> std::int32_t {
    std::vector<bunraku_plugin_master> masters;
    std::vector<bunraku_plan_candidate> candidates;
    std::vector<const bunraku_plan_candidate*> pointers;
    masters.reserve(count);
    candidates.reserve(count);
    for (const auto& c : what.candidates) {
      masters.push_back(master_of(c.who));
      candidates.push_back({.size = sizeof(bunraku_plan_candidate),
                            .master = &masters.back(),
                            .group = c.group,
                            .load = c.load,
                            .load_age_ms = c.load_age.count()});
      pointers.push_back(&candidates.back());
    }
    const ::bunraku_plan given{.size = sizeof(::bunraku_plan),
                               .service = text_of(what.service),
                               .candidates = pointers.data(),
                               .count = count,
                               .probed = what.probed ? 1U : 0U};
    return in.code.policy->score(in.self, &given, out.scores.data());
  });
  if (code == BUNRAKU_PLUGIN_OK) out.what = plan_scores::kind::scores;
  if (code == BUNRAKU_PLUGIN_ASK) out.what = plan_scores::kind::ask;
  return out;
}

probe_question call_question(plugin_state& in, const std::string& service) {
  probe_question out;
  collected path{longest_path};
  std::uint32_t keep = 10000;
  in.run("question", [&]() -> std::int32_t {
    auto writer = path.writer();
    const auto code = in.code.probe->question(in.self, text_of(service), &writer, &keep);
    if (code != BUNRAKU_PLUGIN_OK) return code;
    const bool visible = std::ranges::all_of(path.text, [](char c) { return c > 0x20 && c < 0x7f; });
    if (!path.too_long && path.text.starts_with('/') && visible) {
      out.path = path.text;
      return code;
    }
    in.explain_as("what it wants to ask is no path");
    return BUNRAKU_PLUGIN_FAILED;
  });
  out.keep = std::chrono::milliseconds(std::clamp<std::uint32_t>(keep, 1000, 3600000));
  return out;
}

std::optional<double> call_judge(plugin_state& in, const probe_answer& what) {
  double load = 0;
  const auto code = in.run("judge", [&]() -> std::int32_t {
    const auto who = master_of(what.who);
    const auto said =
        in.code.probe->judge(in.self, &who, static_cast<std::uint32_t>(what.status), text_of(what.body), &load);
    if (said != BUNRAKU_PLUGIN_OK || (std::isfinite(load) && load >= 0)) return said;
    in.explain_as("the load is negative, or no number");
    return BUNRAKU_PLUGIN_FAILED;
  });
  return code == BUNRAKU_PLUGIN_OK ? std::optional(load) : std::nullopt;
}

std::string call_status(plugin_state& in) {
  collected json{largest_text};
  const auto code = in.run("status", [&]() -> std::int32_t {
    auto writer = json.writer();
    return in.code.plugin.status(in.self, &writer);
  });
  return code == BUNRAKU_PLUGIN_OK && !json.too_long ? std::move(json.text) : std::string();
}

plugins::control_reply call_control(plugin_state& in, const std::string& json) {
  collected answer{largest_text};
  auto code = BUNRAKU_PLUGIN_FAILED;
  in.run("control", [&]() -> std::int32_t {
    auto writer = answer.writer();
    code = in.code.plugin.control(in.self, text_of(json), &writer);
    return BUNRAKU_PLUGIN_OK;  // a refusal is no failure of the plugin's
  });
  if (code == BUNRAKU_PLUGIN_OK && !answer.too_long) return {true, answer.text.empty() ? "{}" : std::move(answer.text)};
  auto why = in.take_explanation();
  return {false, why.empty() ? "It refuses, and gives no reason." : std::move(why)};
}

}  // namespace bunraku::plugin_host
