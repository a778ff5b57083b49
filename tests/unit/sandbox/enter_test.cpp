#include "sandbox/build.hpp"
#include "sandbox/capabilities.hpp"
#include "sandbox/sandbox.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

// What the kernel really refuses, and really still allows, in a process that has entered the sandbox: a child, since
// there is no way back.

namespace {

using namespace shim;
using ::testing::HasSubstr;

/// 0 if `done` says that a call succeeded, else its errno.
int error_unless(bool done) { return done ? 0 : errno; }

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "sandbox-XXXXXX";
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    for (const char* name : {"/read", "/write", "/other"}) ASSERT_EQ(::mkdir((root_ + name).c_str(), 0700), 0);
    for (const char* name : {"/read/file", "/write/file", "/other/file"}) std::ofstream(root_ + name) << "text\n";
    what_.read = {"/etc", "/usr", "/proc", root_ + "/read"};
    what_.write = {root_ + "/write"};
  }
  void TearDown() override {
    for (const char* name : {"/read/file", "/write/file", "/other/file"}) ::unlink((root_ + name).c_str());
    for (const char* name : {"/read", "/write", "/other", ""}) ::rmdir((root_ + name).c_str());
  }

  /// What `tried` returned in a child that is in the sandbox; 200 if it could not be entered in whole; minus the signal
  /// that ended it.
  int within(const std::function<int()>& tried) {
    const pid_t child = ::fork();
    if (child == 0) {
      bunraku::problems found;
      const auto now = sandbox::enter(what_, found);
      for (const auto& p : found) std::fprintf(stderr, "%s\n", p.what().c_str());
      ::_exit(now.caps && now.files && now.calls && found.empty() ? tried() : 200);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return 201;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int opening(const std::string& path, int how) {
    return within([path, how] { return error_unless(::open(path.c_str(), how, 0600) >= 0); });
  }

  std::string root_;
  sandbox::needs what_;
};

TEST_F(Sandbox, EveryPartIsThereOnThisKernel) {
  bunraku::problems found;
  const pid_t child = ::fork();
  if (child == 0)
    ::_exit(sandbox::enter(what_, found).description == "capabilities no-new-privileges landlock seccomp" ? 0 : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Sandbox, StartsNoProgram) {
  EXPECT_EQ(within([] { return error_unless(::execl("/usr/bin/true", "true", nullptr) == 0); }), EPERM);
}

TEST_F(Sandbox, StartsNoProcessAndNoThread) {
  if (sandbox::sanitized) return;  // their leak check is one
  EXPECT_EQ(within([] { return error_unless(::fork() >= 0); }), EPERM);
  EXPECT_EQ(within([] {
              pthread_t made;
              return ::pthread_create(&made, nullptr, [](void*) -> void* { return nullptr; }, nullptr);
            }),
            EPERM);
}

TEST_F(Sandbox, AModuleOfATokenMayHaveThreadsButNoProcesses) {
  what_.token = true;
  EXPECT_EQ(within([] {
              pthread_t made;
              const int error = ::pthread_create(&made, nullptr, [](void*) -> void* { return nullptr; }, nullptr);
              return error != 0 ? error : ::pthread_join(made, nullptr);
            }),
            0);
  if (!sandbox::sanitized) EXPECT_EQ(within([] { return error_unless(::fork() >= 0); }), EPERM);
}

TEST_F(Sandbox, PluginsAreTriedInAProcessThatCanBeEndedAndStartsNoProgram) {
  what_.plugins = true;
  EXPECT_EQ(within([] {
              const pid_t child = ::fork();
              if (child < 0) return errno;
              if (child == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                ::poll(nullptr, 0, -1);
                ::_exit(0);
              }
              int status = 0;
              if (::kill(child, SIGKILL) != 0 || ::waitpid(child, &status, 0) != child) return errno;
              return WIFSIGNALED(status) ? 0 : 1;
            }),
            0);
  EXPECT_EQ(within([] { return error_unless(::execl("/usr/bin/true", "true", nullptr) == 0); }), EPERM);
  EXPECT_EQ(within([] { return error_unless(::unshare(CLONE_NEWUSER) == 0); }), EPERM);
}

TEST_F(Sandbox, TouchesNoOtherProcess) {
  if (sandbox::sanitized) return;
  EXPECT_EQ(within([] { return error_unless(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr) == 0); }), EPERM);
  EXPECT_EQ(within([] { return error_unless(::kill(::getppid(), 0) == 0); }), EPERM);
  EXPECT_EQ(within([] { return error_unless(::tgkill(::getppid(), ::getppid(), 0) == 0); }), EPERM);
  EXPECT_EQ(
      within([] { return error_unless(::syscall(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0) == 0); }),
      EPERM);
}

TEST_F(Sandbox, MayAbortWhoeverElseIsInTheProcess) {
  for (const auto& [token, plugins] : {std::pair{false, false}, {true, false}, {false, true}}) {
    what_.token = token;
    what_.plugins = plugins;
    EXPECT_EQ(within([] { return error_unless(::tgkill(::getpid(), ::gettid(), 0) == 0); }), 0);
  }
}

TEST_F(Sandbox, SpeaksIpAndUnixSocketsAlone) {
  for (const int domain : {AF_INET, AF_INET6, AF_UNIX})
    EXPECT_EQ(within([domain] { return error_unless(::socket(domain, SOCK_STREAM, 0) >= 0); }), 0) << domain;
  for (const int domain : {AF_PACKET, AF_ALG, AF_VSOCK, AF_BLUETOOTH})
    EXPECT_EQ(within([domain] { return error_unless(::socket(domain, SOCK_DGRAM, 0) >= 0); }), EPERM) << domain;
}

TEST_F(Sandbox, ChangesNothingOfTheHost) {
  EXPECT_EQ(within([] { return error_unless(::mount("none", "/mnt", "tmpfs", 0, nullptr) == 0); }), EPERM);
  EXPECT_EQ(within([] { return error_unless(::unshare(CLONE_NEWUSER) == 0); }), EPERM);
  EXPECT_EQ(within([] { return error_unless(::sethostname("x", 1) == 0); }), EPERM);
  EXPECT_EQ(within([] { return error_unless(::setuid(65534) == 0); }), EPERM);
  EXPECT_EQ(within([] { return error_unless(::syscall(SYS_bpf, 0, nullptr, 0) >= 0); }), EPERM);
}

TEST_F(Sandbox, MakesNoCode) {
  if (sandbox::sanitized) return;
  EXPECT_EQ(within([] {
              return error_unless(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                                         -1, 0) != MAP_FAILED);
            }),
            EPERM);
  EXPECT_EQ(within([] {
              void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return error_unless(at != MAP_FAILED && ::mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0);
            }),
            EPERM);
}

TEST_F(Sandbox, ANewerSystemCallIsAnsweredAsByAnOlderKernel) {
  for (const long number : {451L, 462L, 500L, static_cast<long>(SYS_clone3), static_cast<long>(SYS_openat2)})
    EXPECT_EQ(within([number] { return error_unless(::syscall(number, nullptr, 0, 0, 0, 0) >= 0); }), ENOSYS) << number;
}

TEST_F(Sandbox, ReadsWhatItNeedsAndNothingElse) {
  EXPECT_EQ(opening(root_ + "/read/file", O_RDONLY), 0);
  EXPECT_EQ(opening(root_ + "/write/file", O_RDONLY), 0);
  EXPECT_EQ(opening(root_ + "/other/file", O_RDONLY), EACCES);
  EXPECT_EQ(opening("/proc/1/environ", O_RDONLY), EACCES);
  EXPECT_EQ(opening("/proc/self/status", O_RDONLY), 0);
  EXPECT_EQ(opening("/etc/resolv.conf", O_RDONLY), 0);
}

TEST_F(Sandbox, WritesWhereItMustAndNowhereElse) {
  for (const char* path : {"/read/file", "/other/file"}) EXPECT_EQ(opening(root_ + path, O_WRONLY), EACCES) << path;
  for (const char* path : {"/read/new", "/other/new"})
    EXPECT_EQ(opening(root_ + path, O_WRONLY | O_CREAT), EACCES) << path;
  EXPECT_EQ(within([this] { return error_unless(::unlink((root_ + "/read/file").c_str()) == 0); }), EACCES);
  EXPECT_EQ(opening(root_ + "/write/file", O_WRONLY | O_TRUNC), 0);
  EXPECT_EQ(opening(root_ + "/write", O_RDWR | O_TMPFILE), 0);
  EXPECT_EQ(within([this] {
              const auto made = root_ + "/write/new", file = root_ + "/write/file";
              return error_unless(::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600) >= 0 &&
                                  ::rename(made.c_str(), file.c_str()) == 0);
            }),
            0);
  EXPECT_EQ(within([this] {
              return error_unless(::link((root_ + "/write/file").c_str(), (root_ + "/read/new").c_str()) == 0);
            }),
            EPERM);
}

TEST_F(Sandbox, MakesAndRemovesItsSockets) {
  EXPECT_EQ(within([this] {
              sockaddr_un at{};
              at.sun_family = AF_UNIX;
              const auto path = root_ + "/write/socket";
              path.copy(at.sun_path, sizeof at.sun_path - 1);
              const int made = ::socket(AF_UNIX, SOCK_STREAM, 0);
              return error_unless(::bind(made, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
                                  ::unlink(path.c_str()) == 0);
            }),
            0);
}

TEST_F(Sandbox, AsksTheUserDatabaseAndAborts) {
  EXPECT_EQ(within([] { return ::getpwnam("nobody") != nullptr ? 0 : 1; }), 0);
  EXPECT_EQ(within([]() -> int {
              ::signal(SIGABRT, SIG_DFL);  // sanitizers have a handler
              std::abort();
            }),
            -SIGABRT);
}

/// The masks of /proc/self/status.
unsigned long long mask(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":\t")) return std::stoull(line.substr(name.size() + 2), nullptr, 16);
  return ~0ULL;
}

TEST_F(Sandbox, RootKeepsTheCapabilityToReadFilesAlone) {
  ASSERT_EQ(::geteuid(), 0u) << "run it as root";
  const auto check = [this](bool low_ports, unsigned long long wanted) {
    what_.low_ports = low_ports;
    EXPECT_EQ(
        within([wanted] {
          if (mask("CapEff") != wanted || mask("CapPrm") != wanted || mask("CapBnd") != wanted) return 1;
          return mask("CapInh") == 0 && mask("CapAmb") == 0 && mask("NoNewPrivs") == 1 && mask("Seccomp") == 2 ? 0 : 2;
        }),
        0);
  };
  check(false, 1ULL << 2);              // CAP_DAC_READ_SEARCH
  check(true, 1ULL << 2 | 1ULL << 10);  // and CAP_NET_BIND_SERVICE
}

TEST_F(Sandbox, RootGivesFilesToNobody) {
  ASSERT_EQ(::geteuid(), 0u) << "run it as root";
  EXPECT_EQ(within([this] { return error_unless(::chown((root_ + "/write/file").c_str(), 65534, 65534) == 0); }),
            EPERM);
}

TEST_F(Sandbox, AnotherUserHasNothingToGiveUpAndIsConfinedAllTheSame) {
  ASSERT_EQ(::geteuid(), 0u) << "run it as root";
  ASSERT_EQ(::chmod(root_.c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
    bunraku::problems found;
    const auto now = sandbox::enter(what_, found);
    if (!found.empty() || mask("CapEff") != 0) ::_exit(2);
    if (::execl("/usr/bin/true", "true", nullptr) == 0 || errno != EPERM) ::_exit(3);
    ::_exit(now.description == "capabilities no-new-privileges landlock seccomp" ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

/// From here on the kernel refuses this process all that a sandbox is made of, as some containers' does.
bool refuse_sandboxes() {
  std::array program{sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                     sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 4, 0),
                     sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 3, 0),
                     sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 2, 0),
                     sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 1, 0),
                     sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                     sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST_F(Sandbox, WhatTheKernelRefusesIsOneWarning) {
  const pid_t child = ::fork();
  if (child == 0) {
    bunraku::problems found;
    if (!refuse_sandboxes()) ::_exit(2);
    const auto now = sandbox::enter(what_, found);
    const bool told = found.size() == 1 && found.front().level() == bunraku::severity::warning;
    ::_exit(told && !now.calls && now.description == "none" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(HiddenMemory, HoldsForTheProcess) {
  const pid_t child = ::fork();
  if (child == 0) {
    sandbox::hide_memory();
    ::_exit(::prctl(PR_GET_DUMPABLE) == (sandbox::sanitized ? 1 : 0) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(SandboxRefusals, NameWhatARestartWouldGive) {
  sandbox::confinement now;
  now.granted.read = {"/etc"};
  now.files = now.caps = now.calls = true;
  sandbox::needs wanted;
  wanted.read = {"/etc", "/opt/ssl"};
  wanted.low_ports = true;
  const auto found = sandbox::refusals(now, wanted);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found.front().what(), HasSubstr("reading below /opt/ssl, listening on a port below 1024"));
  EXPECT_THAT(found.front().fix(), HasSubstr("Restart"));
}

TEST(SandboxRefusals, NothingIsRefusedThatWasNotGivenUp) {
  sandbox::needs wanted;
  wanted.read = {"/opt/ssl"};
  wanted.low_ports = wanted.token = true;
  EXPECT_TRUE(sandbox::refusals({}, wanted).empty());
}

}  // namespace
