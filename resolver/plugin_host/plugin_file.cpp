#include "plugin_host/plugin_file.hpp"

#include "puppet/ascii.hpp"

#include <bunraku/shown_text.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <sys/stat.h>

namespace bunraku::plugin_host {
namespace {

std::unexpected<refusal> refuse(std::string what, std::string fix) {
  return std::unexpected(refusal{std::move(what), std::move(fix)});
}

bool others_may_write(const struct stat& about) noexcept { return (about.st_mode & (S_IWGRP | S_IWOTH)) != 0; }

/// Who may change a directory's entries may change what is below it. `last` is the plugins' own.
std::optional<refusal> doubt_directory(const std::string& path, uid_t owner, bool last) {
  struct stat about{};
  if (::lstat(path.c_str(), &about) != 0)
    return refusal{"The directory " + path + " cannot be looked at: " + std::strerror(errno) + ".",
                   "Make it, for root alone to write in, or name another one as [plugins] directory."};
  if (!S_ISDIR(about.st_mode)) return refusal{path + " is no directory.", "Name one as [plugins] directory."};
  if (about.st_uid != 0 && about.st_uid != owner)
    return refusal{"The directory " + path + " belongs to user " + std::to_string(about.st_uid) + ", not to root.",
                   "chown root " + path};
  const bool sticky = !last && (about.st_mode & S_ISVTX) != 0;
  if (others_may_write(about) && !sticky)
    return refusal{"Others than root may write to the directory " + path + ".", "chmod go-w " + path};
  return std::nullopt;
}

std::optional<refusal> doubt_path(const std::string& real, uid_t owner) {
  if (auto doubt = doubt_directory(real, owner, true)) return doubt;
  for (auto end = real.rfind('/'); end != std::string::npos; end = end == 0 ? end : real.rfind('/', end - 1)) {
    if (auto doubt = doubt_directory(end == 0 ? "/" : real.substr(0, end), owner, false)) return doubt;
    if (end == 0) break;
  }
  return std::nullopt;
}

/// A table as its author's compiler knew it, as ours does: the rest is null. Nothing if it is too small to be one.
template <class Table>
std::optional<Table> taken(const Table* from, std::size_t least) {
  if (from == nullptr || from->size < least) return std::nullopt;
  Table out{};
  std::memcpy(&out, from, std::min(from->size, sizeof out));
  return out;
}

/// The members that a table had in version 1.
template <class Table, class Member>
std::size_t up_to(Member Table::* last) {
  const Table some{};
  return static_cast<std::size_t>(reinterpret_cast<const char*>(&(some.*last) + 1) -
                                  reinterpret_cast<const char*>(&some));
}

std::string shown(const char* text) {
  return text == nullptr ? "nothing" : "\"" + shown_text({text, strnlen(text, 64)}) + '"';
}

/// Each kind that the plugin names must be whole.
std::optional<refusal> take_kinds(tables& out) {
  const auto half = [](const char* kind) {
    return refusal{std::string("Its table for `") + kind + "` has not what such a plugin must have.",
                   "Build it against this version's bunraku/plugin.h, and fill in `size`."};
  };
  const auto& p = out.plugin;
  if (p.source != nullptr) {
    out.source = taken(p.source, up_to(&::bunraku_source::masters));
    if (!out.source || out.source->masters == nullptr) return half("source");
  }
  if (p.policy != nullptr) {
    out.policy = taken(p.policy, up_to(&::bunraku_policy::score));
    if (!out.policy || out.policy->score == nullptr) return half("policy");
  }
  if (p.probe != nullptr) {
    out.probe = taken(p.probe, up_to(&::bunraku_probe::judge));
    if (!out.probe || out.probe->question == nullptr || out.probe->judge == nullptr) return half("probe");
  }
  if (p.observer != nullptr) {
    out.observer = taken(p.observer, up_to(&::bunraku_observer::see));
    if (!out.observer || (out.observer->interfere == nullptr && out.observer->see == nullptr)) return half("observer");
  }
  if (!out.source && !out.policy && !out.probe && !out.observer)
    return refusal{"It is neither a source nor a policy, probe or observer.",
                   "Its table must point to at least one of these."};
  return std::nullopt;
}

}  // namespace

std::vector<std::string> tables::kinds() const {
  std::vector<std::string> out;
  if (source) out.emplace_back("source");
  if (policy) out.emplace_back("policy");
  if (probe) out.emplace_back("probe");
  if (observer) out.emplace_back("observer");
  return out;
}

bool is_plugin_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 32 &&
         std::ranges::all_of(name, [](char c) { return ascii::is_lower(c) || ascii::is_digit(c) || c == '_'; });
}

std::expected<std::string, refusal> find_file(const std::string& directory, const std::string& name, uid_t owner) {
  if (!is_plugin_name(name))
    return refuse("`" + name.substr(0, 64) + "` is no plugin's name.", "Use 1 to 32 of a-z, 0-9 and _.");
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(directory.c_str(), nullptr), &std::free);
  if (!real)
    return refuse("The directory " + directory + " cannot be looked at: " + std::strerror(errno) + ".",
                  "Make it, for root alone to write in, or name another one as [plugins] directory.");
  if (auto doubt = doubt_path(real.get(), owner)) return std::unexpected(std::move(*doubt));
  auto path = std::string(real.get()) + "/" + name + ".so";
  struct stat about{};
  if (::lstat(path.c_str(), &about) != 0)
    return refuse(path + (errno == ENOENT ? " is not there."
                                          : std::string(" cannot be looked at: ") + std::strerror(errno) + "."),
                  "Install the plugin there, or take its table out of the configuration.");
  if (S_ISLNK(about.st_mode))
    return refuse(path + " is a symbolic link.", "Put the file itself there: what a link leads to is not checked.");
  if (!S_ISREG(about.st_mode)) return refuse(path + " is no regular file.", "Install the plugin there.");
  if (about.st_uid != owner)
    return refuse(path + " belongs to user " + std::to_string(about.st_uid) + ", not to root.", "chown root " + path);
  if (others_may_write(about)) return refuse("Others than root may write to " + path + ".", "chmod go-w " + path);
  return path;
}

std::expected<tables, refusal> open_file(const std::string& path, const std::string& name) {
  // Never closed: threads and handlers of the plugin's may go on.
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* const why = ::dlerror();
    return refuse("It cannot be loaded: " + std::string(why == nullptr ? "no reason is known" : why) + ".",
                  "Build it for this host and this system.");
  }
  const auto entry = reinterpret_cast<decltype(&bunraku_plugin_entry)>(::dlsym(handle, "bunraku_plugin_entry"));
  if (entry == nullptr)
    return refuse("It has no function bunraku_plugin_entry.", "Export it, as bunraku/plugin.h declares it.");
  const bunraku_plugin* const given = entry(BUNRAKU_PLUGIN_ABI);
  if (given == nullptr)
    return refuse(
        "It does not work with plugin interface " + std::to_string(BUNRAKU_PLUGIN_ABI) + ", which is this bunraku's.",
        "Install the plugin's version for this bunraku.");
  if (given->size < up_to(&bunraku_plugin::abi))
    return refuse("Its table has the size " + std::to_string(given->size) + ", which none can have.",
                  "Fill in `size` as bunraku/plugin.h says, with sizeof of the table.");
  if (given->abi != BUNRAKU_PLUGIN_ABI)
    return refuse("It was built for plugin interface " + std::to_string(given->abi) + "; this bunraku's is " +
                      std::to_string(BUNRAKU_PLUGIN_ABI) + ".",
                  "Install the plugin's version for this bunraku.");
  tables out;
  const auto whole = taken(given, up_to(&bunraku_plugin::observer));
  if (!whole || whole->create == nullptr || whole->destroy == nullptr)
    return refuse("Its table has no create() or no destroy().", "Fill in the table as bunraku/plugin.h says.");
  out.plugin = *whole;
  if (out.plugin.name == nullptr || name != std::string_view(out.plugin.name, strnlen(out.plugin.name, 64)))
    return refuse("It calls itself " + shown(out.plugin.name) + ".", "A plugin's file has the plugin's own name.");
  if (auto half = take_kinds(out)) return std::unexpected(std::move(*half));
  return out;
}

}  // namespace bunraku::plugin_host
