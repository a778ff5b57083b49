#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>

namespace shim::admin {

/// A listening Unix socket of mode 0600 and its file, which goes when this does, unless it is somebody else's by then.
class unix_place {
 public:
  using acceptor_type = boost::asio::local::stream_protocol::acceptor;

  /// Nothing when it cannot be had; `why` then says the reason. A socket file that nobody listens on is replaced; a
  /// missing last directory is made, for root alone to write.
  static std::optional<unix_place> claim(const boost::asio::any_io_executor& executor, const std::string& path,
                                         std::string& why);
  unix_place(unix_place&& other) noexcept
      : acceptor_(std::move(other.acceptor_)),
        path_(std::exchange(other.path_, {})),
        device_(other.device_),
        inode_(other.inode_) {}
  unix_place& operator=(unix_place&&) = delete;
  ~unix_place() { leave(); }

  acceptor_type& acceptor() noexcept { return acceptor_; }
  const std::string& path() const noexcept { return path_; }
  /// Is the file there, and this socket's? Else nobody finds it.
  bool stands() const noexcept;
  /// Stops listening and removes the file.
  void leave() noexcept;

 private:
  unix_place(acceptor_type acceptor, std::string path);

  acceptor_type acceptor_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace shim::admin
