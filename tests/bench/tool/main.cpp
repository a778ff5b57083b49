// bunraku-bench ROLE --name value ...: the load and the masters of the side-by-side benchmark.
#include "roles.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view role = argc > 1 ? argv[1] : "";
  try {
    const bench::arguments given(argc > 2 ? argc - 2 : 0, argv + 2);
    if (role == "load") return bench::be_load(given);
    if (role == "ready") return bench::be_ready(given);
    if (role == "master") return bench::be_master(given);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bunraku-bench %s: %s\n", argv[1], error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: bunraku-bench load|ready|master --name value ...\n");
  return 2;
}
