#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace shim::daemon {

/// Tells when files may have changed: written, replaced by a rename, created, removed, made readable, or one of the
/// directories above them made anew. The kernel says so (inotify): nothing wakes up while nothing happens.
/// Model:   watched are a file's directory and the two above it, or the nearest one that exists; and the same for what
///          each of them leads to that is a symbolic link. Events about other names in them are dropped. One change may
///          be told several times; what has changed is for the caller to see. A file that another host changes (NFS) is
///          not noticed.
/// Threads: the executor's only.
class file_watch {
 public:
  file_watch(const boost::asio::any_io_executor& executor, std::function<void()> changed);
  ~file_watch();
  file_watch(const file_watch&) = delete;
  file_watch& operator=(const file_watch&) = delete;

  /// From now on these absolute paths and no others. To be called again after each change, before looking at the files:
  /// directories may have come. Empty: it works; else why it does not, and then nothing is told.
  std::string follow(const std::vector<std::string>& files);
  void stop() noexcept;
  bool works() const noexcept { return descriptor_.is_open(); }

 private:
  using names = std::set<std::string, std::less<>>;
  void wait();
  bool read_events();
  /// `is_its_own`: the file itself, not a directory above it.
  std::string add(const std::string& file, bool is_its_own, int links_left, std::map<int, names>& into);
  std::string add_target(const std::filesystem::path& link, bool is_its_own, int links_left,
                         std::map<int, names>& into);
  std::string add_directory(const std::string& directory, const std::string& name, bool is_its_own,
                            std::map<int, names>& into, bool& is_there);
  std::string give_up(const std::string& what, int error);

  boost::asio::posix::stream_descriptor descriptor_;
  std::function<void()> changed_;
  std::map<int, names> watched_;  // watch descriptor -> the names in that directory that matter
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace shim::daemon
