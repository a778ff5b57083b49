#include "forward/access_log.hpp"

#include "http/target.hpp"
#include "log_value.hpp"

#include <cstdio>

namespace shim::forward {

std::string join(const std::vector<bunraku::attempt>& attempts) {
  std::string out;
  for (const auto& a : attempts) {
    if (!out.empty()) out += "; ";
    out += a.to_string();
  }
  return out;
}

std::string to_line(const exchange_record& r) {
  std::string line = "exchange service=";
  line.reserve(256);
  line += r.service;
  line += " method=";
  line += r.method;
  line += " path=";
  http::append_loggable_path(line, r.target);
  line += " status=" + std::to_string(r.status);
  line += " master=";
  if (r.own_answer || r.master.empty()) line += "-";
  else line += r.master;
  line += " attempts=" + std::to_string(r.attempts);
  line += " up=" + std::to_string(r.bytes_up) + " down=" + std::to_string(r.bytes_down);
  char times[64];
  std::snprintf(times, sizeof times, " first_byte_ms=%.1f ms=%.1f", static_cast<double>(r.first_byte.count()) / 1e3,
                static_cast<double>(r.total.count()) / 1e3);
  line += times;
  line += " client=\"";
  line += r.client;
  line += '"';
  if (r.waited.count() != 0)
    line += " waited_ms=" + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(r.waited).count());
  if (r.cut) line += " cut=yes";
  if (!r.continued.empty()) line += " continued=" + log_value(r.continued);
  if (!r.not_kept.empty()) line += " not_kept=" + log_value(r.not_kept);
  if (!r.injected.empty()) line += " injected=" + log_value(r.injected);
  if (!r.why.empty()) line += " failed=" + log_value(r.why);
  return line;
}

}  // namespace shim::forward
