// What bunraku-bench can be; each role returns its exit code.
#pragma once

#include "arguments.hpp"

namespace bench {

int be_load(const arguments& given);    // a generator of requests; prints one JSON line
int be_ready(const arguments& given);   // asks until somebody answers; prints how long it took
int be_master(const arguments& given);  // a fake master, until it is ended

}  // namespace bench
