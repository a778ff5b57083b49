#pragma once
#include <bunraku/plugin.h>

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace bunraku::plugin_host {

/// Why a plugin is not loaded: one sentence each.
struct refusal {
  std::string what, fix;
};

/// A plugin's tables as this host knows them: what its author's compiler did not know is null.
struct tables {
  bunraku_plugin plugin{};
  std::optional<::bunraku_source> source;
  std::optional<::bunraku_policy> policy;
  std::optional<::bunraku_probe> probe;
  std::optional<::bunraku_observer> observer;

  std::vector<std::string> kinds() const;
};

/// 1 to 32 of a-z, 0-9 and _: it becomes part of a path.
bool is_plugin_name(std::string_view name) noexcept;

/// The file of a plugin, if nobody but `owner` can have put it there: the directory and everything that leads to it
/// belongs to root or `owner` and is writable for nobody else (above it, a sticky directory will do), and the file is a
/// regular one of `owner`'s, writable for nobody else, and no symbolic link.
std::expected<std::string, refusal> find_file(const std::string& directory, const std::string& name, uid_t owner = 0);

/// Loads it for good and looks at its tables: version, sizes, what must be there. `name` is the file's without ".so".
std::expected<tables, refusal> open_file(const std::string& path, const std::string& name);

}  // namespace bunraku::plugin_host
