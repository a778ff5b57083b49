#include "sandbox/system_calls.hpp"

#include "sandbox/filters.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace shim::sandbox {
namespace {

company company_of(const needs& what) {
  if (what.plugins) return company::plugins;
  return what.token ? company::token : company::none;
}

/// 0 or an errno. For all threads or for none.
int load(const sock_fprog& program, unsigned flags) {
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (result > 0) return ESRCH;  // the thread that has a filter of its own
  return result == 0 ? 0 : errno;
}

}  // namespace

std::string filter_system_calls(const needs& what) {
  const auto [instructions, own_pid] = filter_for(company_of(what));
  std::vector<sock_filter> own(instructions.begin(), instructions.end());
  if (own_pid) own[*own_pid].k = static_cast<std::uint32_t>(::getpid());
  const sock_fprog program{static_cast<unsigned short>(own.size()), own.data()};
  // Refusals are told to the kernel's audit log, if there is one. Linux before 4.14 cannot: no reason to go without.
  int error = load(program, SECCOMP_FILTER_FLAG_LOG);
  if (error == EINVAL) error = load(program, 0);
  return error == 0 ? std::string() : std::string("system calls cannot be filtered: ") + std::strerror(error);
}

}  // namespace shim::sandbox
