#pragma once
#include "io/credentials.hpp"

#include <string>

namespace bunraku::io {

/// What of these is another than in `before`, for a log line: serial numbers, counts and dates. Empty: nothing is, the
/// files may have been written again all the same.
std::string differences(const credentials& before, const credentials& now);

}  // namespace bunraku::io
