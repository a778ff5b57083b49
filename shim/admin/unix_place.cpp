#include "admin/unix_place.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/error.hpp>

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace shim::admin {
namespace net = boost::asio;
using error_code = boost::system::error_code;
using unix_protocol = net::local::stream_protocol;

namespace {

constexpr int backlog = 16;
constexpr mode_t for_us_alone = 0600, directory_mode = 0755;

/// Who is there already: nobody (the file is no obstacle any more), or why the place is taken.
std::string taken_by(const net::any_io_executor& executor, const std::string& path) {
  struct stat about{};
  if (::lstat(path.c_str(), &about) != 0) return {};
  if (!S_ISSOCK(about.st_mode)) return "a file that is no socket is there; remove it, or choose another path";
  unix_protocol::socket probe(executor);
  error_code error;
  probe.open(unix_protocol(), error);
  if (!error) probe.non_blocking(true, error);
  if (!error) probe.connect(unix_protocol::endpoint(path), error);
  if (error == net::error::connection_refused) {
    ::unlink(path.c_str());  // what a killed daemon left behind
    return {};
  }
  if (error && error != net::error::would_block) return error.message();
  error_code unknown;
  const auto other = bunraku::credentials_of(probe, unknown);
  return "another process" + (unknown || other.pid == 0 ? std::string() : " (pid " + std::to_string(other.pid) + ")") +
         " listens there; is it another bunraku? Give each its own [admin] socket";
}

void make_directory(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  ::mkdir(path.substr(0, slash).c_str(), directory_mode);
}

}  // namespace

unix_place::unix_place(acceptor_type acceptor, std::string path)
    : acceptor_(std::move(acceptor)), path_(std::move(path)) {
  struct stat about{};
  if (::lstat(path_.c_str(), &about) != 0) return;
  device_ = about.st_dev;
  inode_ = about.st_ino;
}

std::optional<unix_place> unix_place::claim(const net::any_io_executor& executor, const std::string& path,
                                            std::string& why) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    why = "the path is too long for a Unix socket; choose one of at most 107 bytes";
    return std::nullopt;
  }
  make_directory(path);
  why = taken_by(executor, path);
  if (!why.empty()) return std::nullopt;
  error_code error;
  acceptor_type acceptor(executor);
  const auto before = ::umask(~for_us_alone & 0777);
  acceptor.open(unix_protocol(), error);
  if (!error) acceptor.bind(unix_protocol::endpoint(path), error);
  ::umask(before);
  if (!error) acceptor.listen(backlog, error);
  if (!error) return unix_place(std::move(acceptor), path);
  why = error.message() + "; its directory must exist, and this user must be allowed to write there";
  return std::nullopt;
}

bool unix_place::stands() const noexcept {
  struct stat about{};
  return !path_.empty() && ::lstat(path_.c_str(), &about) == 0 && about.st_dev == device_ && about.st_ino == inode_;
}

void unix_place::leave() noexcept {
  error_code ignored;
  acceptor_.close(ignored);
  if (stands()) ::unlink(path_.c_str());
  path_.clear();
}

}  // namespace shim::admin
