// A file of JSON objects, one a line, each line one write(2): readers never see half a line of a live file.
#pragma once

#include <boost/json/fwd.hpp>

#include <filesystem>

namespace lab {

class json_lines {
 public:
  // Appends. An empty path keeps nothing. Throws lab::failure.
  explicit json_lines(const std::filesystem::path& file);
  ~json_lines();
  json_lines(const json_lines&) = delete;
  json_lines& operator=(const json_lines&) = delete;

  bool is_kept() const { return descriptor_ >= 0; }
  // Adds "time" (seconds since the epoch) in front.
  void write(boost::json::object line);

 private:
  int descriptor_ = -1;
};

}  // namespace lab
