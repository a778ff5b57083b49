// `bunraku-lab code`: the content of the code directory.
#include "body_source.hpp"
#include "code_directory.hpp"
#include "commands.hpp"
#include "openssl_handles.hpp"

#include <memory>

namespace lab {
namespace {

namespace fs = std::filesystem;

// Incompressible bytes, different for each seed.
std::string noise(std::uint64_t seed, std::uint64_t bytes) {
  std::string all;
  all.reserve(bytes + 8);
  for (std::uint64_t i = 0; all.size() < bytes; ++i) {
    const auto word = generated_word((seed << 40U) + i);
    all.append(reinterpret_cast<const char*>(&word), 8);
  }
  all.resize(bytes);
  return all;
}

std::string text_noise(std::uint64_t seed, std::uint64_t bytes) {
  std::string all;
  std::size_t column = 0;
  for (const char byte : noise(seed, bytes)) {
    all += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"[static_cast<unsigned char>(byte) & 31U];
    if (++column % 76 == 0) all += '\n';
  }
  return all + "\n";
}

constexpr const char* manifest =
    R"(# What the masters' catalog holds, for readers: the masters make it without a compiler.
class lab {
  $target = $facts['lab_target']
  file { [$target, "${target}/tree"]: ensure => directory }
  Integer[1, 8].each |$i| { file { "${target}/small${i}": source => "puppet:///modules/lab/small${i}" } }
  file { "${target}/medium": source => 'puppet:///modules/lab/medium' }
  file { "${target}/big": source => 'puppet:///modules/lab/big' }
  file { "${target}/tree": ensure => directory, recurse => true, purge => true, source => 'puppet:///modules/lab/tree' }
  file { "${target}/identity": content => "certname=${trusted['certname']} environment=${environment}\n" }
}
)";

}  // namespace

void make_code(const fs::path& root, std::uint64_t big) {
  const auto module = root / "environments" / "production" / "modules" / "lab";
  if (fs::exists(module / "manifests" / "init.pp")) return;
  write_file(module / "lib" / "facter" / "lab_synced.rb", "Facter.add(:lab_synced) { setcode { 'plugin' } }\n",
             mode_public);
  write_file(module / "facts.d" / "lab_external.txt", "lab_external=yes\n", mode_public);
  const auto files = module / "files";
  for (std::uint64_t i = 1; i <= 8; ++i) {
    write_file(files / ("small" + std::to_string(i)), "small file " + std::to_string(i) + "\n" + text_noise(i, i * 300),
               mode_public);
  }
  write_file(files / "medium", noise(100, 200 * 1024), mode_public);
  write_file(files / "big", noise(101, big), mode_public);
  for (std::uint64_t i = 0; i < 10; ++i) {
    for (std::uint64_t j = 0; j < 10; ++j) {
      write_file(files / "tree" / ("d" + std::to_string(i)) / ("f" + std::to_string(j)),
                 text_noise(200 + i * 10 + j, 100 + 397 * j), mode_public);
    }
  }
  write_file(module / "manifests" / "init.pp", manifest, mode_public);
}

void add_code_command(CLI::App& app) {
  struct options {
    fs::path directory;
    std::uint64_t big = 2 * 1024 * 1024;
  };
  auto chosen = std::make_shared<options>();
  auto* code = app.add_subcommand("code", "make a code directory with files of several sizes");
  code->add_option("DIR", chosen->directory)->required();
  code->add_option("--big", chosen->big, "bytes of the big file")->check(CLI::Range(0, 1 << 30));
  code->callback([chosen] { make_code(chosen->directory, chosen->big); });
}

}  // namespace lab
