// The verbs of bunraku-lab. Each registers its options and does its work; errors are exceptions with a sentence.
#pragma once

#include <CLI/CLI.hpp>

namespace lab {

void add_pki_commands(CLI::App& app);  // pki, revoke, sign
void add_code_command(CLI::App& app);
void add_serve_command(CLI::App& app);

}  // namespace lab
