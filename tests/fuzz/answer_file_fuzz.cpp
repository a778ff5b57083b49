// Any octets as the file of last good answers, as they are and with a right sum behind them (which no fuzzer would
// find). The reader must be total, and what it reads must come out the same when written and read again.
#include "policy/answer_file.hpp"
#include "policy/stable_hash.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void check(std::string_view text) {
  using namespace bunraku::policy;
  const auto read = read_answer_file(text);
  if (!read) {
    if (read.error().what.empty()) std::abort();
    return;
  }
  if (read->size() > max_stored_answers) std::abort();
  const auto written = write_answer_file(*read);
  const auto again = read_answer_file(written);
  if (!again || again->size() != read->size() || write_answer_file(*again) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check(text);
  const std::string body = "bunraku-answers 1\n" + text;
  char sum[24];
  std::snprintf(sum, sizeof sum, "sum %016llx\n", static_cast<unsigned long long>(bunraku::policy::stable_hash(body)));
  check(body + sum);
  return 0;
}
