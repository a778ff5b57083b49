// bunraku-lab: a small Puppet site for tests. What it makes and serves: tests/support/README.md.
#include "commands.hpp"

#include <csignal>
#include <exception>
#include <iostream>

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("A small Puppet site for tests: certificates, files, masters with faults on demand");
  app.require_subcommand(1);
  lab::add_pki_commands(app);
  lab::add_code_command(app);
  lab::add_serve_command(app);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::cerr << "bunraku-lab: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
