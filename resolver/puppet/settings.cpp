#include "puppet/settings.hpp"

#include "puppet/ascii.hpp"
#include "puppet/setting_table.hpp"

#include <bunraku/shown_text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <ranges>
#include <utility>

namespace bunraku::puppet {
namespace {

constexpr std::size_t longest_server_list = 256;

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A value of any length and of any characters, for a message.
std::string quoted(std::string_view value) { return "'" + shown_text(value, 100) + "'"; }

// How many single-character changes make `a` into `b`, counted up to 3.
std::size_t distance(std::string_view a, std::string_view b) {
  if (a.size() > b.size() + 2 || b.size() > a.size() + 2) return 3;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

// "999.1.1.1", "10.1.2". No error: /etc/hosts may have it, and then Puppet finds it there.
bool is_no_address_but_looks_so(std::string_view host) {
  if (host.find_first_not_of("0123456789.") != host.npos) return false;
  std::size_t parts = 0;
  bool usable = true;
  for (const auto piece : std::views::split(host, '.')) {
    const std::string_view part(piece);
    usable &= part.size() <= 3 && (part == "0" || part.front() != '0') && (part.size() < 3 || part <= "255");
    ++parts;
  }
  return !usable || parts != 4;
}
constexpr std::string_view looks_so = "looks like an address and is none";
constexpr std::string_view address_or_name = "write a host name, or four numbers from 0 to 255 without leading zeros";

class reader {
 public:
  explicit reader(const lookup::inputs& from) : in_(from), settings_(from) {}

  settings_reading read() && {
    check_lines();
    site& s = out_.value;
    s.config_file = in_.file;
    s.layout = in_.directories.name;
    s.confdir = text("confdir");
    s.vardir = text("vardir");
    s.ssldir = text("ssldir");
    read_certname();
    read_credentials();
    read_enrolment();
    read_masters();
    read_srv();
    s.environment = text("environment");
    s.http_connect_timeout = duration("http_connect_timeout");
    s.http_read_timeout = duration("http_read_timeout");
    s.runinterval = duration("runinterval");
    out_.privatekeydir = text("privatekeydir");
    keep_given();
    return std::move(out_);
  }

 private:
  void read_certname() {
    auto name = text("certname");
    out_.certname_is_default = in_.certname.empty() && settings_.set_by("certname") == nullptr;
    const auto where = settings_.where("certname");
    if (name.empty()) {
      if (!failed("certname"))
        error(where, "this host's certname is empty: it has no name",
              "set certname in puppet.conf, or give the host a name");
    } else if (name != ascii::lower(name)) {
      error(where, "certname " + quoted(name) + " has capital letters, and Puppet refuses to start",
            "write it in lower case");
    } else if (!std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~' && c != '/'; })) {
      error(where, "certname has a character that Puppet does not allow in it",
            "use lower-case letters, digits, dots, underscores and dashes");
    } else if (name == "ca") {
      error(where, "the certname 'ca' is reserved for the CA itself", "give this host another certname");
    }
    out_.value.certname = std::move(name);
  }

  void read_credentials() {
    auto& c = out_.value.credentials;
    c.certificate = text("hostcert");
    c.private_key = text("hostprivkey");
    c.passphrase_file = text("passfile");
    c.ca = text("localcacert");
    const auto check = text("certificate_revocation");
    if (check == "chain" || check == "true") c.check = revocation::chain;
    else if (check == "leaf") c.check = revocation::leaf;
    else if (check == "false") c.check = revocation::none;
    else if (!failed("certificate_revocation"))
      error(settings_.where("certificate_revocation"), quoted(check) + " is no way to check revocation",
            "write chain, leaf, true (the same as chain) or false");
    if (c.check != revocation::none) c.crl = text("hostcrl");
  }

  void read_enrolment() {
    auto& e = out_.value.enrolment;
    e.key_type = text("key_type");
    e.key_length = text("keylength");
    e.named_curve = text("named_curve");
    e.dns_alt_names = text("dns_alt_names");
    e.csr_attributes = text("csr_attributes");
    if (settings_.set_by("ca_fingerprint") != nullptr) e.ca_fingerprint = text("ca_fingerprint");
    e.certificates = text("certdir");
    e.private_keys = text("privatekeydir");
    e.public_keys = text("publickeydir");
    e.requests = text("requestdir");
    e.secrets = text("privatedir");
    e.request = e.requests + "/" + out_.value.certname + ".pem";
    e.lock = text("ssl_lockfile");
    e.user = text("user");
    e.group = text("group");
    e.wait_for_certificate = duration("waitforcert");
    e.longest_wait_for_certificate = time_to_live("maxwaitforcert");
    e.wait_for_lock = duration("waitforlock");
    e.longest_wait_for_lock = time_to_live("maxwaitforlock");
  }

  void read_masters() {
    site& s = out_.value;
    s.server_set = settings_.set_by("server") != nullptr;
    s.ca_server_set = settings_.set_by("ca_server") != nullptr;
    s.report_server_set = settings_.set_by("report_server") != nullptr;
    s.server = host("server");
    s.ca_server = host("ca_server");
    s.report_server = host("report_server");
    s.serverport = port("serverport");
    s.ca_port = port("ca_port");
    s.report_port = port("report_port");
    read_server_list();
  }

  // Ruby: split(/\s*,\s*/), then each at ":"; what follows a second colon is not looked at.
  void read_server_list() {
    std::string list = text("server_list");
    const auto where = settings_.where("server_list");
    std::string_view rest = list;
    std::size_t commas_to_come = static_cast<std::size_t>(std::ranges::count(rest, ','));
    if (commas_to_come >= longest_server_list) {
      error(where, "server_list has more than 256 entries", "list fewer servers");
      return;
    }
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      auto entry = rest.substr(0, comma);
      rest = comma == rest.npos ? std::string_view{} : rest.substr(comma + 1);
      while (!entry.empty() && is_space(entry.front())) entry.remove_prefix(1);
      while (!entry.empty() && is_space(entry.back())) entry.remove_suffix(1);
      if (!entry.empty()) add_server(entry, where);
      else if (rest.find_first_not_of(", \t") != rest.npos)
        warning(where, "server_list has an empty entry, which Puppet would take for `server`; it is left out here",
                "remove the comma too many");
    }
  }

  void add_server(std::string_view entry, const std::string& where) {
    const auto colon = entry.find(':');
    const auto name = canonical_host(entry.substr(0, colon));
    auto after = colon == entry.npos ? std::string_view{} : entry.substr(colon + 1);
    if (entry.front() == '[' || std::ranges::count(entry, ':') > 2) {
      error(where, quoted(entry) + " in server_list: Puppet cannot read IPv6 addresses there", "write a host name");
      return;
    }
    if (const auto junk = after.find(':'); junk != after.npos) {
      warning(where, quoted(entry) + " in server_list: Puppet ignores what follows the second colon",
              "write host:port");
      after = after.substr(0, junk);
    }
    std::uint16_t number = out_.value.serverport;
    if (!after.empty()) {
      const auto [end, bad] = std::from_chars(after.data(), after.data() + after.size(), number);
      if (bad != std::errc{} || end != after.data() + after.size() || number == 0) {
        error(where, quoted(entry) + " in server_list has no usable port",
              "write host:port with a port from 1 to 65535");
        return;
      }
    }
    if (!is_host(name)) {
      error(where, quoted(entry) + " in server_list is not a host name",
            "write host or host:port, separated by commas");
      return;
    }
    if (is_no_address_but_looks_so(name))
      warning(where, quoted(entry) + " in server_list " + std::string(looks_so), std::string(address_or_name));
    out_.value.server_list.push_back({name, number});
  }

  void read_srv() {
    site& s = out_.value;
    s.use_srv_records = text("use_srv_records") == "true";
    s.srv_domain = canonical_host(text("srv_domain"));
    if (!s.srv_domain.empty() && !is_host(s.srv_domain))
      error(settings_.where("srv_domain"), "srv_domain " + quoted(s.srv_domain) + " is not a domain name",
            "write a domain such as example.com");
    if (s.use_srv_records && s.srv_domain.empty() && !failed("srv_domain"))
      warning(settings_.where("use_srv_records"),
              "use_srv_records is true, but this host has no domain, so no SRV record is looked for", "set srv_domain");
  }

  // What is in the file beyond the settings we use.
  void check_lines() {
    static constexpr std::array<std::string_view, 18> ours = {"server",
                                                              "serverport",
                                                              "server_list",
                                                              "ca_server",
                                                              "ca_port",
                                                              "report_server",
                                                              "report_port",
                                                              "use_srv_records",
                                                              "srv_domain",
                                                              "certname",
                                                              "ssldir",
                                                              "environment",
                                                              "certificate_revocation",
                                                              "hostcert",
                                                              "hostprivkey",
                                                              "localcacert",
                                                              "hostcrl",
                                                              "runinterval"};
    for (const auto& section : in_.from->sections()) {
      const bool read = section.name == "agent" || section.name == "main";
      for (const auto& s : section.settings) {
        const std::string where = in_.file + ":" + std::to_string(s.line);
        const auto* row = find_setting(s.name);
        if (row == nullptr && read) {
          const auto near = std::ranges::find_if(
              ours, [&](auto name) { return distance(ascii::lower(s.name), name) <= (name.size() > 8 ? 2u : 1u); });
          if (near != ours.end())
            warning(where, "Puppet has no setting '" + s.name + "' and ignores it",
                    "did you mean '" + std::string(*near) + "'?");
        }
        // Puppet applies owner and group for these sections only, and for files only.
        const bool applied = read || section.name == "user";
        const auto no_owner = [](const std::string& v) { return !v.empty() && v != "root" && v != "service"; };
        if (row != nullptr && row->kind == setting_row::type::path && applied &&
            (no_owner(s.owner) || no_owner(s.group)))
          error(where, "owner and group of '" + s.name + "' can only be root or service; Puppet refuses to start",
                "write root or service");
        if (read && s.value.find("$environment") != s.value.npos && s.name != "config_version")
          warning(where, "$environment is not replaced in '" + s.name + "'", "write the environment's name out");
      }
    }
  }

  // What is wrong with one of them was told if it is one we use, and is Puppet's to tell otherwise.
  void keep_given() {
    for (const auto& section : in_.from->sections()) {
      if (section.name != "agent" && section.name != "main") continue;
      for (const auto& s : section.settings) {
        if (find_setting(s.name) == nullptr || out_.value.given.contains(s.name)) continue;
        auto found = settings_.value(s.name);
        out_.value.given[s.name] = {found ? *std::move(found) : s.value, settings_.where(s.name)};
      }
    }
  }

  bool failed(std::string_view name) { return !settings_.value(name); }

  std::string text(std::string_view name) {
    auto found = settings_.value(name);
    if (found) return *std::move(found);
    add(found.error());
    return {};
  }

  std::string host(std::string_view name) {
    const auto found = settings_.value(name);
    if (!found) {
      add(found.error());
      return {};
    }
    auto canonical = canonical_host(*found);
    // A default such as "$server" repeats the problem of `server`, which was told already.
    if (settings_.set_by(name) == nullptr) return canonical;
    const auto is = "'" + std::string(name) + "' is " + quoted(*found) + ", ";
    if (!is_host(canonical))
      error(settings_.where(name), is + "which is not a host name", "write one host name, with nothing behind it");
    else if (is_no_address_but_looks_so(canonical))
      warning(settings_.where(name), is + "which " + std::string(looks_so), std::string(address_or_name));
    return canonical;
  }

  std::uint16_t port(std::string_view name) {
    const auto found = settings_.value(name);
    if (!found) {
      add(found.error());
      return 0;
    }
    unsigned number = 0;
    std::from_chars(found->data(), found->data() + found->size(), number);
    if (number == 0) {
      const std::string_view cause = settings_.set_by(name) != nullptr           ? name
                                     : settings_.set_by("serverport") != nullptr ? "serverport"
                                                                                 : "masterport";
      error(settings_.where(cause), "'" + std::string(cause) + "' is 0, which is not a port to connect to",
            "write a number from 1 to 65535");
    }
    return static_cast<std::uint16_t>(number);
  }

  std::chrono::seconds duration(std::string_view name) {
    const auto seconds = text(name);
    long long count = 0;
    std::from_chars(seconds.data(), seconds.data() + seconds.size(), count);
    return std::chrono::seconds(count);
  }
  std::optional<std::chrono::seconds> time_to_live(std::string_view name) {
    if (text(name) == "unlimited") return std::nullopt;
    return duration(name);
  }

  void error(std::string where, std::string what, std::string fix) {
    add({severity::error, std::move(where), std::move(what), std::move(fix)});
  }
  void warning(std::string where, std::string what, std::string fix) {
    add({severity::warning, std::move(where), std::move(what), std::move(fix)});
  }
  // One cause may be met through several settings.
  void add(problem p) {
    const auto same = [&](const problem& q) { return p.where() == q.where() && p.what() == q.what(); };
    if (std::ranges::none_of(out_.found, same)) out_.found.push_back(std::move(p));
  }

  const lookup::inputs& in_;
  lookup settings_;
  settings_reading out_;
};

}  // namespace

std::string canonical_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  if (text.ends_with('.')) text.remove_suffix(1);
  return ascii::lower(text);
}

bool is_host(std::string_view text) noexcept {
  if (text.size() > 253) return false;
  if (const auto colons = std::ranges::count(text, ':'); colons != 0)  // one: cafe.de:8140
    return colons > 1 && std::ranges::all_of(text, [](char c) {
             return ascii::is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
           });
  std::size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!(ascii::is_lower(c) || ascii::is_digit(c) || c == '-' || c == '_') || ++label > 63) {
      return false;
    }
  }
  return label != 0;
}

settings_reading read_settings(const lookup::inputs& from) { return reader(from).read(); }

}  // namespace bunraku::puppet
