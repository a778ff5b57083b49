#pragma once
#include <bunraku/problem.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace shim::enroll {

/// Whom Puppet's files belong to. Source: Puppet's settings (owner and group "service"): the user and the group that
/// puppet.conf names, each as far as it is there; only root gives files away.
struct ownership {
  std::optional<uid_t> user;
  std::optional<gid_t> group;
};
/// Asks the user database, which may block.
ownership puppets_ownership(const std::string& user, const std::string& group);

/// What went wrong, or nothing.
using failure = std::optional<bunraku::problem>;

/// Makes the directory if it is not there; its parent must be. One that is there is left as it is.
failure make_directory(const std::string& path, mode_t mode, const ownership& whose);

enum class existing { keep, replace };
/// The file is there whole, with its mode and owner and on the disk, or not at all: written beside its place, synced,
/// then moved there. With `keep`, one that is there already is an error and stays as it is, whoever made it and when.
failure write_file(const std::string& path, std::string_view content, mode_t mode, const ownership& whose,
                   existing old);
/// What an interrupted write_file may have left beside `path`.
void remove_remains(const std::string& path) noexcept;

failure remove_file(const std::string& path);
bool is_there(const std::string& path) noexcept;
/// At most 32 MiB of a regular file. Neither a text nor a failure: it is not there.
struct file_reading {
  std::optional<std::string> text;
  failure wrong;
};
file_reading read_file(const std::string& path, std::string_view what_it_is);

}  // namespace shim::enroll
