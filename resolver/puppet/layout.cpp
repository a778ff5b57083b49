#include "puppet/layout.hpp"

#include "puppet/ascii.hpp"
#include "puppet/lines.hpp"

#include <algorithm>
#include <array>
#include <ranges>

namespace bunraku::puppet {
namespace {

// Sources: util/run_mode.rb of puppet-agent and openvox-agent packages (aio), and of Debian's puppet-agent 7.23
// package.
const std::array<layout, 4> table = {{
    {"user", "~/.puppetlabs/etc/puppet", "~/.puppetlabs/etc/puppet/ssl", "~/.puppetlabs/opt/puppet/cache",
     "~/.puppetlabs/etc/code", "~/.puppetlabs/opt/puppet/public", "~/.puppetlabs/var/run", "~/.puppetlabs/var/log"},
    {"user", "~/.puppet/etc", "~/.puppet/etc/ssl", "~/.puppet/cache", "~/.puppet/code", "~/.puppet/cache/public",
     "~/.puppet/var/run", "~/.puppet/var/log"},
    {"aio", "/etc/puppetlabs/puppet", "/etc/puppetlabs/puppet/ssl", "/opt/puppetlabs/puppet/cache",
     "/etc/puppetlabs/code", "/opt/puppetlabs/puppet/public", "/var/run/puppetlabs", "/var/log/puppetlabs/puppet"},
    {"debian", "/etc/puppet", "/var/lib/puppet/ssl", "/var/cache/puppet", "/etc/puppet/code",
     "/var/cache/puppet/public", "/run/puppet", "/var/log/puppet"},
}};

bool of_users(const layout& l) noexcept { return l.name == "user"; }

layout at_home(layout l, std::string_view home) {
  for (auto* path : {&l.confdir, &l.ssldir, &l.vardir, &l.codedir, &l.publicdir, &l.rundir, &l.logdir})
    *path = expand_path(*path, home);
  return l;
}

std::string domain_from_hosts(std::string_view hostname, std::string_view hosts) {
  for (const auto line : std::views::split(hosts, '\n')) {
    const auto words = words_of(std::string_view(line), "#");
    if (words.size() < 2 || std::ranges::find(words.begin() + 1, words.end(), hostname) == words.end()) continue;
    const auto canonical = words[1];
    const bool ours = canonical.starts_with(hostname) && canonical.substr(hostname.size()).starts_with('.');
    return ours ? std::string(canonical.substr(hostname.size() + 1)) : std::string{};
  }
  return {};
}

std::string domain_from_resolv_conf(std::string_view text) {
  std::string search;
  for (const auto line : std::views::split(text, '\n')) {
    const auto words = words_of(std::string_view(line), "#;");
    if (words.size() < 2) continue;
    if (words[0] == "domain") return std::string(words[1]);
    if (words[0] == "search" && search.empty()) search = words[1];
  }
  return search;
}

}  // namespace

std::span<const layout> known_layouts() noexcept { return table; }

layout_choice choose_layout(bool root, std::string_view home, const std::function<bool(const std::string&)>& exists) {
  std::vector<layout> candidates;
  for (const auto& l : table)
    if (!(of_users(l) && (root || home.empty()))) candidates.push_back(at_home(l, home));
  const auto has_conf = [&](const layout& l) { return exists(l.confdir + "/puppet.conf"); };
  auto chosen = std::ranges::find_if(candidates, has_conf);
  if (chosen == candidates.end()) chosen = std::ranges::find_if(candidates, [&](auto& l) { return exists(l.ssldir); });
  if (chosen == candidates.end() && !root)
    chosen = std::ranges::find_if(candidates, [&](auto& l) { return !of_users(l) && exists(l.confdir); });
  if (chosen == candidates.end()) chosen = candidates.begin();

  layout_choice out{*chosen, {}};
  // A user's own configuration beside the system's is usual; two of the same sort are a leftover of a migration.
  const auto other = std::find_if(chosen + 1, candidates.end(),
                                  [&](auto& l) { return of_users(l) == of_users(*chosen) && has_conf(l); });
  if (other != candidates.end() && has_conf(*chosen)) out.also_there = other->confdir + "/puppet.conf";
  return out;
}

layout layout_of_file(const std::string& file, const layout& installed, std::string_view home,
                      const std::function<bool(const std::string&)>& exists) {
  const auto slash = file.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
  for (const auto& l : table) {
    auto known = at_home(l, home);
    if (known.confdir == folder) return known;
  }
  layout out = installed;
  out.name = "explicit";
  out.confdir = folder;
  if (exists(folder + "/ssl")) out.ssldir = folder + "/ssl";
  return out;
}

std::string expand_path(std::string_view path, std::string_view home) {
  std::string whole(path);
  if (path == "~" || path.starts_with("~/")) whole = std::string(home) + std::string(path.substr(1));
  std::vector<std::string_view> parts;
  const bool absolute = whole.starts_with('/');
  for (const auto piece : std::views::split(std::string_view(whole), '/')) {
    const std::string_view part(piece);
    if (part.empty() || part == ".") continue;
    if (part == ".." && absolute) {
      if (!parts.empty()) parts.pop_back();
    } else {
      parts.push_back(part);
    }
  }
  std::string out;
  for (const auto part : parts) {
    if (absolute || !out.empty()) out += '/';
    out += part;
  }
  return out.empty() && absolute ? "/" : out;
}

std::string host_name::certname() const {
  std::string full = domain.empty() ? host : host + "." + domain;
  if (full.ends_with('.')) full.pop_back();
  return ascii::lower(full);
}

host_name derive_host_name(std::string_view hostname, std::string_view hosts, std::string_view resolv_conf) {
  if (const auto dot = hostname.find('.'); dot != hostname.npos && dot + 1 < hostname.size())
    return {std::string(hostname.substr(0, dot)), std::string(hostname.substr(dot + 1))};
  std::string domain = hostname.empty() ? std::string{} : domain_from_hosts(hostname, hosts);
  if (domain.empty()) domain = domain_from_resolv_conf(resolv_conf);
  return {std::string(hostname), domain};
}

std::string choose_certname(const std::string& derived, const std::vector<std::string>& keys) {
  constexpr std::string_view suffix = ".pem";
  std::string only;
  std::size_t count = 0;
  for (const std::string_view key : keys) {
    if (!key.ends_with(suffix) || key.size() == suffix.size()) continue;
    only = key.substr(0, key.size() - suffix.size());
    ++count;
  }
  return count == 1 ? only : derived;
}

}  // namespace bunraku::puppet
