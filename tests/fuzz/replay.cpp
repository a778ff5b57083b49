// Replays a corpus through its fuzz target, without a fuzzer: replay TARGET DIRECTORY. A target that finds something
// prints it and aborts; the file it was given is printed before.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

// Each NAME_fuzz.cpp is compiled with its entry point called fuzz_NAME; FUZZ_TARGETS is X(NAME) for all of them.
#define X(name) extern "C" int fuzz_##name(const std::uint8_t*, std::size_t);
FUZZ_TARGETS
#undef X

namespace {

struct target {
  std::string_view name;
  int (*run)(const std::uint8_t*, std::size_t);
};
#define X(name) target{#name, fuzz_##name},
constexpr std::array targets{FUZZ_TARGETS};
#undef X

constexpr std::size_t fewest = 5;  ///< a corpus of less was not looked after

int replay(const target& through, const char* directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) files.push_back(entry.path());
  std::ranges::sort(files);
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) {
      std::cerr << "cannot read " << file << '\n';
      return 1;
    }
    std::cout << file.filename().string() << std::endl;  // flushed: the next call may end the process
    // A copy of its own size, so that a sanitizer sees who reads beyond it.
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    through.run(bytes.data(), bytes.size());
  }
  if (files.size() >= fewest) return 0;
  std::cerr << "only " << files.size() << " inputs in " << directory << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3)
    for (const auto& each : targets)
      if (each.name == argv[1]) return replay(each, argv[2]);
  std::cerr << "usage: replay TARGET DIRECTORY\n";
  return 2;
}
