#include "forward/access_log.hpp"

#include "http/target.hpp"
#include "log_value.hpp"

namespace shim::forward {
namespace {

/// Milliseconds with one digit behind the point.
std::string milliseconds(std::chrono::microseconds time) {
  const auto tenths = (time.count() + 50) / 100;
  auto text = std::to_string(tenths / 10);
  text += '.';
  text += static_cast<char>('0' + tenths % 10);
  return text;
}

}  // namespace

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
  line.reserve(384);
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
  line += " first_byte_ms=" + milliseconds(r.first_byte) + " ms=" + milliseconds(r.total);
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
