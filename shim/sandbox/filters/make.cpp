#include "sandbox/build.hpp"
#include "sandbox/filters.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>
#include <vector>

// A program of the build: it has libseccomp translate the lists below and prints filters.cpp. A daemon that did so at
// each start would keep the library in memory beside the host's key (contrib/adr/0010).

namespace shim::sandbox {
namespace {

// Names that an architecture does not have are passed over by libseccomp.
constexpr std::array files{"open",
                           "openat",
                           "close",
                           "close_range",
                           "read",
                           "readv",
                           "pread64",
                           "preadv",
                           "write",
                           "writev",
                           "pwrite64",
                           "pwritev",
                           "lseek",
                           "_llseek",
                           "stat",
                           "stat64",
                           "lstat",
                           "lstat64",
                           "fstat",
                           "fstat64",
                           "newfstatat",
                           "fstatat64",
                           "statx",
                           "statfs",
                           "statfs64",
                           "fstatfs",
                           "fstatfs64",
                           "access",
                           "faccessat",
                           "faccessat2",
                           "readlink",
                           "readlinkat",
                           "getdents",
                           "getdents64",
                           "getcwd",
                           "fcntl",
                           "fcntl64",
                           "flock",
                           "dup",
                           "dup2",
                           "dup3",
                           "fsync",
                           "fdatasync",
                           "ftruncate",
                           "ftruncate64",
                           "fadvise64",
                           "fallocate",
                           "unlink",
                           "unlinkat",
                           "rename",
                           "renameat",
                           "renameat2",
                           "mkdir",
                           "mkdirat",
                           "chmod",
                           "fchmod",
                           "fchmodat",
                           "umask",
                           "memfd_create",
                           "inotify_init1",
                           "inotify_add_watch",
                           "inotify_rm_watch"};
constexpr std::array sockets{"socketcall", "socketpair", "bind",     "listen",      "accept",
                             "accept4",    "connect",    "shutdown", "getsockname", "getpeername",
                             "getsockopt", "setsockopt", "send",     "sendto",      "sendmsg",
                             "sendmmsg",   "recv",       "recvfrom", "recvmsg",     "recvmmsg"};
constexpr std::array waiting{"epoll_create",
                             "epoll_create1",
                             "epoll_ctl",
                             "epoll_wait",
                             "epoll_pwait",
                             "epoll_pwait2",
                             "poll",
                             "ppoll",
                             "ppoll_time64",
                             "select",
                             "_newselect",
                             "pselect6",
                             "pselect6_time64",
                             "eventfd",
                             "eventfd2",
                             "pipe",
                             "pipe2",
                             "timerfd_create",
                             "timerfd_settime",
                             "timerfd_settime64",
                             "timerfd_gettime",
                             "timerfd_gettime64",
                             "signalfd4",
                             "nanosleep",
                             "clock_nanosleep",
                             "clock_nanosleep_time64",
                             "futex",
                             "futex_time64",
                             "sched_yield"};
constexpr std::array itself{"brk",
                            "munmap",
                            "mremap",
                            "madvise",
                            "mlock",
                            "mlock2",
                            "munlock",
                            "msync",
                            "membarrier",
                            "rseq",
                            "set_robust_list",
                            "get_robust_list",
                            "set_tid_address",
                            "getpid",
                            "gettid",
                            "getppid",
                            "getpgrp",
                            "getuid",
                            "getuid32",
                            "geteuid",
                            "geteuid32",
                            "getgid",
                            "getgid32",
                            "getegid",
                            "getegid32",
                            "getresuid",
                            "getresuid32",
                            "getresgid",
                            "getresgid32",
                            "getgroups",
                            "getgroups32",
                            "capget",
                            "getrandom",
                            "getrlimit",
                            "ugetrlimit",
                            "getrusage",
                            "times",
                            "time",
                            "gettimeofday",
                            "clock_gettime",
                            "clock_gettime64",
                            "clock_getres",
                            "clock_getres_time64",
                            "uname",
                            "sysinfo",
                            "getcpu",
                            "sched_getaffinity",
                            "rt_sigaction",
                            "rt_sigprocmask",
                            "rt_sigpending",
                            "rt_sigtimedwait",
                            "rt_sigreturn",
                            "sigreturn",
                            "sigaltstack",
                            "restart_syscall",
                            "exit",
                            "exit_group"};
// SoftHSM, OpenSC, tpm2-pkcs11 and the network clients of larger ones: locks, shared memory, devices, threads' manners.
constexpr std::array foreign{"ioctl",
                             "fchown",
                             "fchown32",
                             "fchownat",
                             "utimensat",
                             "link",
                             "linkat",
                             "symlink",
                             "symlinkat",
                             "rmdir",
                             "truncate",
                             "shmget",
                             "shmat",
                             "shmdt",
                             "shmctl",
                             "semget",
                             "semop",
                             "semtimedop",
                             "semctl",
                             "mlockall",
                             "sched_getparam",
                             "sched_getscheduler",
                             "sched_setaffinity",
                             "sched_get_priority_max",
                             "sched_get_priority_min",
                             "setpriority",
                             "getpriority",
                             "mincore",
                             "timer_create",
                             "timer_settime",
                             "timer_delete"};
// The leak check of sanitizers: a process that shares our memory attaches to us.
constexpr std::array sanitizer{"clone",     "ptrace",          "wait4",      "waitpid",    "kill",
                               "tkill",     "tgkill",          "prctl",      "mmap",       "mprotect",
                               "prlimit64", "set_thread_area", "arch_prctl", "personality"};

/// Numbers are the same on all architectures since 5.x; these came after 6.4 (451: cachestat), as far as may be yet.
constexpr int first_newer = 451, last_newer = 511;

/// Stands for the daemon's own process number; none is that high (PID_MAX_LIMIT is 4,194,304).
constexpr std::uint32_t own_pid = 0x7fff'fff1;

class rule_set {
 public:
  rule_set() : rules_(::seccomp_init(SCMP_ACT_ERRNO(EPERM)), &::seccomp_release) {
    if (!rules_) throw std::runtime_error("libseccomp makes no filter");
    set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree, not a list
    set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  }

  void allow(std::span<const char* const> names) {
    for (const char* name : names) add(SCMP_ACT_ALLOW, name, {});
  }
  void allow(const char* name, std::initializer_list<scmp_arg_cmp> when) { add(SCMP_ACT_ALLOW, name, when); }
  void pretend_absent(const char* name) { add(SCMP_ACT_ERRNO(ENOSYS), name, {}); }
  void pretend_absent(int first, int last) {
    for (int number = first; number <= last; ++number) add(SCMP_ACT_ERRNO(ENOSYS), number, {});
  }

  std::vector<sock_filter> translated() const {
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::tmpfile(), &std::fclose);
    if (!file) throw std::runtime_error(std::string("no temporary file: ") + std::strerror(errno));
    worked(::seccomp_export_bpf(rules_.get(), ::fileno(file.get())), "a filter is not translated");
    const off_t size = ::lseek(::fileno(file.get()), 0, SEEK_END);
    std::vector<sock_filter> out(static_cast<std::size_t>(size) / sizeof(sock_filter));
    if (::pread(::fileno(file.get()), out.data(), static_cast<std::size_t>(size), 0) != size)
      throw std::runtime_error("the translated filter cannot be read");
    return out;
  }

 private:
  static void worked(int result, const std::string& else_what) {
    if (result != 0) throw std::runtime_error("libseccomp: " + else_what + ": " + std::strerror(-result));
  }
  void set(scmp_filter_attr what, std::uint32_t value) {
    worked(::seccomp_attr_set(rules_.get(), what, value), "an attribute is not taken");
  }
  void add(std::uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> when) {
    if (const int number = ::seccomp_syscall_resolve_name(name); number != __NR_SCMP_ERROR) add(action, number, when);
  }
  void add(std::uint32_t action, int number, std::initializer_list<scmp_arg_cmp> when) {
    worked(::seccomp_rule_add_array(rules_.get(), action, number, static_cast<unsigned>(when.size()), when.begin()),
           "no rule for system call " + std::to_string(number));
  }

  std::unique_ptr<void, decltype(&::seccomp_release)> rules_;
};

scmp_arg_cmp equals(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

/// Memory is never writable and executable, at once or one after the other; libraries may still be loaded.
void allow_memory(rule_set& rules) {
  for (const char* name : {"mmap", "mmap2"}) {
    rules.allow(name, {masked(2, PROT_EXEC, 0)});
    rules.allow(name, {masked(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)});
  }
  rules.allow("mprotect", {masked(2, PROT_EXEC, 0)});
}

void allow_by_arguments(rule_set& rules) {
  for (const int domain : {AF_UNIX, AF_INET, AF_INET6})
    rules.allow("socket", {equals(0, static_cast<unsigned>(domain))});
  rules.allow("socket", {equals(0, AF_NETLINK), equals(2, 0)});  // NETLINK_ROUTE: which addresses this host has
  for (const unsigned long request :
       {static_cast<unsigned long>(FIONBIO), static_cast<unsigned long>(FIONREAD), static_cast<unsigned long>(FIOCLEX),
        static_cast<unsigned long>(TCGETS), static_cast<unsigned long>(TIOCGWINSZ),
        static_cast<unsigned long>(SIOCGIFINDEX)})  // "fe80::53%eth0"
    rules.allow("ioctl", {equals(1, request)});
  for (const int option : {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_CAPBSET_READ})
    rules.allow("prctl", {equals(0, static_cast<unsigned>(option))});
  rules.allow("prlimit64", {equals(0, 0), equals(2, 0)});  // asking for one's own limits
  rules.allow("tgkill", {equals(0, own_pid)});             // abort()
}

/// fork(), and ending the child if it does not by itself. It has the same filter.
void allow_trials(rule_set& rules) {
  constexpr std::uint64_t of_fork = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CSIGNAL;
  rules.allow("clone", {masked(0, ~of_fork, 0)});
  rules.allow("fork", {});
  rules.allow("wait4", {});
  rules.allow("kill", {equals(1, SIGKILL)});
  rules.allow("prctl", {equals(0, PR_SET_PDEATHSIG)});
  rules.allow("prlimit64", {equals(0, 0)});
  rules.allow("setrlimit", {});
}

rule_set made_for(company with) {
  rule_set rules;
  for (const std::span<const char* const> group : {std::span<const char* const>(files), {sockets}, {waiting}, {itself}})
    rules.allow(group);
  allow_by_arguments(rules);
  if (sanitized) rules.allow(sanitizer);
  else allow_memory(rules);
  if (with != company::none) {
    rules.allow(foreign);
    rules.allow("clone", {masked(0, CLONE_THREAD, CLONE_THREAD)});
  }
  if (with == company::plugins) allow_trials(rules);
  for (const char* name : {"clone3", "openat2", "futex_waitv"}) rules.pretend_absent(name);
  rules.pretend_absent(first_newer, last_newer);
  return rules;
}

/// Where the daemon's process number belongs. It is compared in one place, once; not at all where sanitizers may
/// signal.
std::string place_of_pid(std::span<const sock_filter> program) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < program.size(); ++i)
    if (program[i].k == own_pid) found.push_back(i);
  if (sanitized && found.empty()) return "std::nullopt";
  if (found.size() != 1 || program[found.front()].code != (BPF_JMP | BPF_JEQ | BPF_K))
    throw std::runtime_error("the comparison with the process number is not where it was in libseccomp 2.5");
  return std::to_string(found.front());
}

void print(const char* name, std::span<const sock_filter> program) {
  std::printf("constexpr std::array<sock_filter, %zu> %s{\n", program.size(), name);
  for (const auto& [code, if_true, if_false, k] : program)
    std::printf("    sock_filter{0x%02x, %u, %u, 0x%08x},\n", code, if_true, if_false, k);
  std::printf("};\n\n");
}

void print_all() {
  std::printf(
      "// Made by shim/sandbox/filters/make.cpp.\n"
      "#include \"sandbox/filters.hpp\"\n\n#include <array>\n#include <optional>\n#include <utility>\n\n"
      "namespace shim::sandbox {\nnamespace {\n\n");
  std::string cases;
  for (const auto& [with, name] :
       {std::pair{company::none, "none"}, {company::token, "token"}, {company::plugins, "plugins"}}) {
    const auto program = made_for(with).translated();
    print(name, program);
    cases += std::string("    case company::") + name + ": return {" + name + ", " + place_of_pid(program) + "};\n";
  }
  std::printf(
      "}  // namespace\n\nfilter filter_for(company with) {\n  switch (with) {\n%s  }\n"
      "  std::unreachable();\n}\n\n}  // namespace shim::sandbox\n",
      cases.c_str());
}

}  // namespace
}  // namespace shim::sandbox

int main() {
  try {
    shim::sandbox::print_all();
    return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return EXIT_FAILURE;
  }
}
