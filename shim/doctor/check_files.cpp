#include "doctor/finding.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace shim::doctor {
namespace {

// That its group may read a key is Puppet's own doing.
constexpr unsigned others_write = 0002, group_write = 0020, others_any = 0007, sticky = 01000;
/// Less is no room: a catalog alone may have as much.
constexpr std::uint64_t least_bytes = 1U << 20, least_files = 16;

finding from_problem(const bunraku::problem& p, check_name check, const char* error_why, const char* warning_why) {
  const bool grave = p.level() == bunraku::severity::error;
  return {.level = grave ? gravity::error : gravity::warning,
          .check = check,
          .where = p.where(),
          .what = p.what(),
          .why = grave ? error_why : warning_why,
          .fix = p.fix()};
}

void check_modes(const facts& of, std::vector<finding>& found) {
  for (const auto& f : of.files) {
    // In a sticky directory nobody replaces what is another's.
    if (f.is_directory && (f.mode & sticky) != 0) continue;
    if ((f.mode & others_write) != 0 || ((f.mode & group_write) != 0 && f.is_key))
      found.push_back(
          {.level = gravity::error,
           .check = "file-writable",
           .where = f.path,
           .what = fmt::format("The {} can be changed by others than its owner (mode {:04o}).", f.role, f.mode & 07777),
           .why = "Whoever changes it decides whom this node trusts, and who it is.",
           .fix = "chmod o-w,g-w " + f.path});
    else if (f.is_key && (f.mode & others_any) != 0)
      found.push_back(
          {.level = gravity::error,
           .check = "key-open",
           .where = f.path,
           .what = fmt::format("The {} can be read by every user (mode {:04o}).", f.role, f.mode & 07777),
           .why = "Every user of this host can be this node towards all masters.",
           .fix = "chmod 0600 " + f.path + "   # and have the CA revoke the certificate if it was so for long"});
  }
}

void check_owners(const facts& of, std::vector<finding>& found) {
  for (const auto& f : of.files) {
    constexpr std::array known{"root", "puppet", "pe-puppet", "_puppet", "bunraku"};
    if (f.owner == of.own_user || std::ranges::find(known, f.owner) != known.end()) continue;
    found.push_back({.level = gravity::error,
                     .check = "file-owner",
                     .where = f.path,
                     .what = fmt::format("The {} belongs to the user {}.", f.role, f.owner),
                     .why = "Its owner can change it, and so decides whom this node trusts, or who it is.",
                     .fix = "chown root: " + f.path});
  }
}

void check_space(const facts& of, std::vector<finding>& found) {
  for (const auto& one : of.space) {
    if (one.bytes >= least_bytes && one.files >= least_files) continue;
    found.push_back({.level = gravity::error,
                     .check = "disk-full",
                     .where = one.path,
                     .what = one.bytes < least_bytes
                                 ? fmt::format("{} kB are left where {} is.", one.bytes / 1024, one.what)
                                 : fmt::format("{} more files can be made where {} is.", one.files, one.what),
                     .why = "Runs fail in the middle, reports are lost, and answers of DNS are not kept.",
                     .fix = fmt::format("df -h {0}; df -i {0}; du -xh {0} | sort -h | tail", one.path)});
  }
}

bool is_about_open_key(const facts& of, const bunraku::problem& p) {
  for (const auto& f : of.files)
    if (f.is_key && f.path == p.where() && (f.mode & others_any) != 0 && p.level() == bunraku::severity::warning)
      return true;
  return false;
}

}  // namespace

void check_files(const facts& of, std::vector<finding>& found) {
  for (const auto& p : of.configuration)
    found.push_back(from_problem(p, "configuration",
                                 "bunraku does not start with it, and where it is puppet.conf, the agent takes "
                                 "Puppet's defaults instead of the whole file.",
                                 "It is taken, and does something else than whoever wrote it must have meant."));
  for (const auto& p : of.credentials)
    if (!is_about_open_key(of, p))
      found.push_back(from_problem(p, "credentials", "Without this no master can be spoken with, by the agent neither.",
                                   "It works today, and runs will stop when it does not any more."));
  check_modes(of, found);
  check_owners(of, found);
  check_space(of, found);
}

}  // namespace shim::doctor
