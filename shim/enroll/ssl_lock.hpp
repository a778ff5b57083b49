#pragma once
#include "enroll/puppet_files.hpp"

#include <string>

namespace shim::enroll {

/// Puppet's ssl.lock: a file that holds the pid of whoever changes the ssldir. As Puppet does, a lock whose process is
/// gone, or is no Puppet, counts for nothing and is taken away; so while we hold it, our process has a name that Puppet
/// takes for one of its own (/proc/PID/comm is "bunraku-puppet").
class ssl_lock {
 public:
  explicit ssl_lock(std::string path) : path_(std::move(path)) {}
  ~ssl_lock() { release(); }
  ssl_lock(const ssl_lock&) = delete;
  ssl_lock& operator=(const ssl_lock&) = delete;

  /// A failure names who holds it, if that is what it is.
  failure take();
  /// Did take() fail because another Puppet holds it?
  bool is_anothers() const noexcept { return anothers_; }
  void release() noexcept;

 private:
  std::string path_;
  bool held_ = false, anothers_ = false;
};

}  // namespace shim::enroll
