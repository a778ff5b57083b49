#include "json_lines.hpp"

#include "openssl_handles.hpp"

#include <boost/json.hpp>

#include <chrono>
#include <cmath>
#include <fcntl.h>
#include <unistd.h>

namespace lab {

json_lines::json_lines(const std::filesystem::path& file) {
  if (file.empty()) return;
  descriptor_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw failure(file.string() + ": cannot be written");
}

json_lines::~json_lines() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void json_lines::write(boost::json::object line) {
  if (descriptor_ < 0) return;
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  line["time"] = std::round(now.count() * 1e6) / 1e6;
  auto text = boost::json::serialize(line) + "\n";
  if (::write(descriptor_, text.data(), text.size()) < 0) throw failure("the log cannot be written");
}

}  // namespace lab
