// What became of the requests of a load.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct result {
  std::int64_t due_ns = 0;  // when it was due (paced) or begun
  std::int64_t end_ns = 0;
  int status = 0;             // of HTTP; 0: none came
  const char* why = nullptr;  // with status 0
  bool is_good() const { return status >= 200 && status < 300; }
};

struct results {
  std::vector<result> all;
  std::int64_t start_ns = 0, end_ns = 0;
  std::int64_t event_ns = -1;       // when a master was lost; -1: none was
  std::int64_t bytes = 0;           // of answers' bodies
  std::int64_t connections = 0;     // opened
  std::int64_t resumed = 0;         // of them, by TLS session
  std::int64_t client_retries = 0;  // requests sent again on another connection
  double cpu_seconds = 0;           // of the load itself

  std::string to_json() const;
};

// A request is slow from here on.
inline constexpr std::int64_t slow_ns = 100'000'000;

}  // namespace bench
