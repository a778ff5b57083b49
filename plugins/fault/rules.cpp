#include "fault/rules.hpp"

#include "json/reading.hpp"

#include <array>
#include <charconv>
#include <ctime>
#include <limits>
#include <optional>

namespace fault {
namespace {

namespace json = boost::json;
using plugin::view;

struct kind_row {
  std::string_view name;
  std::uint32_t kind;
  std::string_view takes;  ///< keys besides the conditions
};
constexpr std::array kinds{
    kind_row{"refuse", BUNRAKU_FAULT_REFUSE, ""},
    kind_row{"blackhole", BUNRAKU_FAULT_BLACKHOLE, ""},
    kind_row{"bad_certificate", BUNRAKU_FAULT_BAD_CERTIFICATE, "certificate"},
    kind_row{"hang", BUNRAKU_FAULT_HANG, ""},
    kind_row{"reset", BUNRAKU_FAULT_RESET, "at_byte"},
    kind_row{"status", BUNRAKU_FAULT_STATUS, "status headers body"},
    kind_row{"delay", BUNRAKU_FAULT_DELAY, "delay_ms at"},
    kind_row{"dns_silent", BUNRAKU_FAULT_DNS_SILENT, ""},
    kind_row{"dns_lie", BUNRAKU_FAULT_DNS_LIE, "answer"},
};
constexpr std::array<std::string_view, 4> certificates{"expired", "untrusted", "revoked", "wrong_name"};

const kind_row* row_of(std::uint32_t kind) {
  for (const auto& row : kinds)
    if (row.kind == kind) return &row;
  return nullptr;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::optional<wall> time_in(const std::string& text) {
  std::tm parts{};
  const char* const end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != 0) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

/// Takes one rule's keys apart, and keeps the first thing that is wrong.
class reader {
 public:
  explicit reader(const json::object& from) : from_(from) {}

  bool has(std::string_view key) const { return from_.contains(key); }
  std::string text(std::string_view key, std::size_t most = 1024) {
    const auto* value = from_.if_contains(key);
    if (value == nullptr) return {};
    if (value->is_string() && value->get_string().size() <= most && is_visible(value->get_string()))
      return std::string(value->get_string());
    return wrong(key, "must be a string of printable characters"), std::string();
  }
  std::uint64_t number(std::string_view key, std::uint64_t most) {
    const auto* value = from_.if_contains(key);
    if (value == nullptr) return 0;
    boost::system::error_code error;
    const auto number = value->to_number<std::uint64_t>(error);
    if (!error && number <= most) return number;
    return wrong(key, "must be a number from 0 to " + std::to_string(most)), 0;
  }
  double share(std::string_view key) {
    const auto* value = from_.if_contains(key);
    if (value == nullptr) return 1;
    boost::system::error_code error;
    const auto number = value->to_number<double>(error);
    if (!error && number >= 0 && number <= 1) return number;
    return wrong(key, "must be a number from 0 to 1"), 0;
  }
  void wrong(std::string_view key, std::string_view what) {
    if (wrong_.empty()) wrong_ = "`" + std::string(key) + "` " + std::string(what);
  }
  const json::value* value(std::string_view key) const { return from_.if_contains(key); }
  const std::string& what() const noexcept { return wrong_; }

 private:
  const json::object& from_;
  std::string wrong_;
};

void read_master(reader& in, rule& into) {
  auto name = in.text("master", 260);
  if (name.starts_with('[')) {
    const auto end = name.find(']');
    into.master = name.substr(1, end == name.npos ? end : end - 1);
    name = end == name.npos ? "" : name.substr(end + 1);
  } else {
    const auto colon = name.find(':');
    const bool v6 = colon != name.npos && name.find(':', colon + 1) != name.npos;
    into.master = name.substr(0, v6 ? name.npos : colon);
    name = v6 || colon == name.npos ? "" : name.substr(colon);
  }
  for (auto& c : into.master)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (name.empty()) return;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), into.port);
  if (name[0] != ':' || error != std::errc() || end != name.data() + name.size() || into.port == 0)
    in.wrong("master", "must be HOST or HOST:PORT");
}

void read_time(reader& in, rule& into, wall now) {
  into.from = now;
  if (in.has("from")) {
    const auto from = time_in(in.text("from"));
    if (from) into.from = *from;
    else in.wrong("from", "must be a time like \"2026-11-27T03:00:00Z\"");
  }
  if (in.has("until") == in.has("for_seconds"))
    in.wrong("until", "or `for_seconds` must say when it ends, one of the two");
  if (in.has("until")) {
    const auto until = time_in(in.text("until"));
    if (until) into.until = *until;
    else in.wrong("until", "must be a time like \"2026-11-27T03:00:00Z\"");
  } else {
    into.until = std::chrono::ceil<std::chrono::seconds>(now) +
                 std::chrono::seconds(static_cast<std::int64_t>(in.number("for_seconds", 86400)));
  }
  if (into.until > now + longest + std::chrono::seconds(1))
    in.wrong("until", "is more than 24 hours ahead: faults end within a day");
  if (into.from >= into.until) in.wrong("until", "is not after the begin");
}

void read_headers(reader& in, rule& into) {
  const auto* value = in.value("headers");
  if (value == nullptr) return;
  if (!value->is_object()) return in.wrong("headers", "must be an object, as {\"Retry-After\": \"5\"}");
  for (const auto& [name, content] : value->get_object()) {
    const bool good = is_name(name) && content.is_string() && is_visible(content.get_string());
    if (!good) return in.wrong("headers", "holds what is no header of an answer");
    const std::string lower = [&] {
      std::string out(name);
      for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      return out;
    }();
    if (lower == "content-length" || lower == "transfer-encoding" || lower == "connection")
      return in.wrong("headers", "must leave the framing of the answer alone");
    into.headers += std::string(name) + ": " + std::string(content.get_string()) + "\r\n";
  }
  if (into.headers.size() > 4096) in.wrong("headers", "are more than 4096 bytes");
}

void read_answer(reader& in, rule& into) {
  const auto* value = in.value("answer");
  if (value == nullptr || !value->is_array())
    return in.wrong("answer", "must be an array of records, as [\"0 10 8140 compile9.example.com\"]");
  for (const auto& each : value->get_array()) {
    if (!each.is_string() || !is_visible(each.get_string()) || into.body.size() > 32768)
      return in.wrong("answer", "holds what is no record's data");
    into.body += std::string(each.get_string()) + '\n';
  }
}

void read_what(reader& in, rule& into) {
  switch (into.kind) {
    case BUNRAKU_FAULT_BAD_CERTIFICATE: {
      const auto which = in.has("certificate") ? in.text("certificate") : std::string("expired");
      const auto at = std::ranges::find(certificates, which);
      into.certificate = static_cast<std::uint32_t>(at - certificates.begin());
      if (at == certificates.end()) in.wrong("certificate", "must be expired, untrusted, revoked or wrong_name");
      break;
    }
    case BUNRAKU_FAULT_RESET: into.at_byte = in.number("at_byte", std::numeric_limits<std::int64_t>::max()); break;
    case BUNRAKU_FAULT_STATUS:
      into.status = static_cast<std::uint32_t>(in.number("status", 599));
      if (into.status < 200) in.wrong("status", "must be 200 to 599");
      read_headers(in, into);
      into.body = in.text("body", 65536);
      break;
    case BUNRAKU_FAULT_DELAY: {
      const auto at = in.has("at") ? in.text("at") : std::string("answer");
      into.at_connect = at == "connect";
      if (!into.at_connect && at != "answer") in.wrong("at", "must be connect or answer");
      into.delay_ms = static_cast<std::uint32_t>(in.number("delay_ms", 3600000));
      if (into.delay_ms == 0) in.wrong("delay_ms", "must say for how long");
      break;
    }
    case BUNRAKU_FAULT_DNS_LIE: read_answer(in, into); break;
    default: break;
  }
}

std::string unknown_key(const json::object& in, const kind_row& row) {
  constexpr std::array<std::string_view, 10> conditions{"name", "kind", "service", "master",      "method",
                                                        "path", "from", "until",   "for_seconds", "probability"};
  for (const auto& member : in) {
    const std::string_view key = member.key();
    const auto at = row.takes.find(key);
    const bool taken = at != row.takes.npos && (at == 0 || row.takes[at - 1] == ' ') &&
                       (at + key.size() == row.takes.size() || row.takes[at + key.size()] == ' ');
    if (!taken && std::ranges::find(conditions, key) == conditions.end()) return std::string(key);
  }
  return {};
}

/// A number by chance that is always the same for the same exchange, rule and master.
double draw(const rule& of, const bunraku_moment& when, std::uint64_t chance) {
  std::uint64_t x = when.exchange != 0 ? when.exchange : chance;
  const auto mix = [&x](std::uint64_t with) {
    x ^= with;
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    x ^= x >> 31;
  };
  for (const char c : of.name) mix(static_cast<unsigned char>(c));
  for (const char c : view(when.host)) mix(static_cast<unsigned char>(c));
  return static_cast<double>(x >> 11) * 0x1.0p-53;
}

std::uint32_t moment_of(const rule& r) {
  if (r.kind == BUNRAKU_FAULT_DNS_SILENT || r.kind == BUNRAKU_FAULT_DNS_LIE) return BUNRAKU_MOMENT_LOOKUP;
  if (r.kind == BUNRAKU_FAULT_DELAY) return r.at_connect ? BUNRAKU_MOMENT_CONNECT : BUNRAKU_MOMENT_REQUEST;
  return r.kind < BUNRAKU_FAULT_HANG ? BUNRAKU_MOMENT_CONNECT : BUNRAKU_MOMENT_REQUEST;
}

bool holds(const rule& r, const bunraku_moment& when, wall now, std::uint64_t chance) {
  if (moment_of(r) != when.what || now < r.from || now >= r.until) return false;
  const auto fits = [](const std::string& wanted, bunraku_text is) { return wanted.empty() || wanted == view(is); };
  if (!fits(r.service, when.service) || !fits(r.master, when.host) || !fits(r.method, when.method)) return false;
  if (r.port != 0 && r.port != when.port) return false;
  if (!view(when.path).starts_with(r.path)) return false;
  return r.probability >= 1 || draw(r, when, chance) < r.probability;
}

}  // namespace

std::expected<rule, std::string> parse_rule(const json::object& from, wall now) {
  rule out;
  reader in(from);
  out.name = in.text("name");
  if (!is_name(out.name)) return std::unexpected("a fault needs a `name`, of letters, digits, -, _ and .");
  const auto refuse = [&](const std::string& why) { return std::unexpected("fault `" + out.name + "`: " + why); };
  const auto kind = in.text("kind");
  const auto row = std::ranges::find(kinds, kind, &kind_row::name);
  if (row == kinds.end()) {
    std::string all;
    for (const auto& each : kinds) all += (all.empty() ? "" : ", ") + std::string(each.name);
    return refuse("`kind` must be one of " + all);
  }
  out.kind = row->kind;
  if (const auto key = unknown_key(from, *row); !key.empty())
    return refuse("a " + kind + " has no `" + key.substr(0, 32) + "`");
  out.service = in.text("service", 32);
  read_master(in, out);
  out.method = in.text("method", 16);
  out.path = in.text("path");
  out.probability = in.share("probability");
  read_time(in, out, now);
  read_what(in, out);
  const bool dns = moment_of(out) == BUNRAKU_MOMENT_LOOKUP;
  if (dns && (!out.service.empty() || !out.path.empty() || out.port != 0))
    in.wrong("master",
             "is the name that is asked for, without a port, and the only condition of a DNS fault besides "
             "`method`, the record's type");
  if (!in.what().empty()) return refuse(in.what());
  return out;
}

std::expected<std::vector<rule>, std::string> parse_state(std::string_view text, wall now) {
  const auto whole = plugin::object_in(text);
  if (!whole) return std::unexpected(whole.error());
  const auto* const version = whole->if_contains("version");
  if (version == nullptr || *version != 1) return std::unexpected("`version` is not 1");
  const auto* const faults = whole->if_contains("faults");
  if (faults == nullptr || !faults->is_array()) return std::unexpected("`faults` is no array");
  if (faults->get_array().size() > most_rules) return std::unexpected("there are more than 64 faults");
  std::vector<rule> out;
  for (const auto& each : faults->get_array()) {
    if (!each.is_object()) return std::unexpected("`faults` holds what is no object");
    const auto& fields = each.get_object();
    const auto* const until = fields.if_contains("until");
    if (until != nullptr && until->is_string()) {
      const auto end = time_in(std::string(until->get_string()));
      if (end && *end <= now) continue;
    } else if (fields.contains("for_seconds")) {
      return std::unexpected("in a file a fault ends by `until`, not by `for_seconds`");
    }
    auto one = parse_rule(fields, now);
    if (!one) return std::unexpected(std::move(one.error()));
    if (std::ranges::find(out, one->name, &rule::name) != out.end())
      return std::unexpected("two faults are called `" + one->name + "`");
    out.push_back(std::move(*one));
  }
  return out;
}

json::object to_json(const rule& r) {
  json::object out{{"name", r.name}, {"kind", row_of(r.kind)->name}};
  const auto put = [&out](std::string_view key, const std::string& value) {
    if (!value.empty()) out[key] = value;
  };
  put("service", r.service);
  const bool v6 = r.master.find(':') != std::string::npos;
  put("master", r.port == 0 ? r.master : (v6 ? '[' + r.master + ']' : r.master) + ':' + std::to_string(r.port));
  put("method", r.method);
  put("path", r.path);
  if (r.probability < 1) out["probability"] = r.probability;
  out["from"] = to_string(r.from);
  out["until"] = to_string(r.until);
  if (r.kind == BUNRAKU_FAULT_BAD_CERTIFICATE) out["certificate"] = certificates.at(r.certificate);
  if (r.kind == BUNRAKU_FAULT_RESET) out["at_byte"] = r.at_byte;
  if (r.kind == BUNRAKU_FAULT_DELAY) {
    out["delay_ms"] = r.delay_ms;
    out["at"] = r.at_connect ? "connect" : "answer";
  }
  if (r.kind == BUNRAKU_FAULT_STATUS) {
    out["status"] = r.status;
    json::object headers;
    for (std::string_view rest = r.headers; !rest.empty();) {
      const auto line = rest.substr(0, rest.find("\r\n"));
      rest.remove_prefix(line.size() + 2);
      headers[line.substr(0, line.find(':'))] = line.substr(line.find(':') + 2);
    }
    if (!headers.empty()) out["headers"] = std::move(headers);
    put("body", r.body);
  }
  if (r.kind == BUNRAKU_FAULT_DNS_LIE) {
    json::array lines;
    for (std::string_view rest = r.body; !rest.empty();) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(line.size() + 1);
      lines.emplace_back(line);
    }
    out["answer"] = std::move(lines);
  }
  return out;
}

std::string to_state(const std::vector<rule>& rules) {
  json::array faults;
  for (const auto& r : rules) faults.push_back(to_json(r));
  return json::serialize(json::object{{"version", 1}, {"faults", std::move(faults)}}) + '\n';
}

const rule* choose(const std::vector<rule>& rules, const bunraku_moment& when, wall now, std::uint64_t chance) {
  for (const auto& r : rules)
    if (holds(r, when, now, chance)) return &r;
  return nullptr;
}

std::string to_string(wall when) {
  // The end of a fault is a whole second already.
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(when));
  std::tm parts{};
  std::array<char, 32> out{};
  ::gmtime_r(&seconds, &parts);
  return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace fault
