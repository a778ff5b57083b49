#include "rehearsal/request.hpp"

#include "http/chunked.hpp"
#include "http/head.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::rehearsal {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::size_t largest_head = std::size_t{64} << 10;
constexpr std::chrono::milliseconds slice{250};

answer failed(std::string why) {
  answer out;
  out.why = std::move(why);
  return out;
}

/// An answer that arrives piece by piece, and what is known of it so far.
class arriving {
 public:
  arriving() : sum_(EVP_MD_CTX_new(), EVP_MD_CTX_free) { EVP_DigestInit_ex(sum_.get(), EVP_sha256(), nullptr); }

  /// False: it is no proper HTTP, and the reason is in `said`.
  bool take(std::string_view piece) {
    if (status_ != 0) return take_body(piece);
    head_.append(piece);
    const auto end = head_.find("\r\n\r\n");
    if (end == head_.npos) return head_.size() <= largest_head || refuse();
    const std::string rest = head_.substr(end + 4);
    head_.resize(end + 4);
    const auto head = http::parse_response(head_, {}, "GET");
    if (!head) return refuse();
    status_ = head->status;
    framing_ = head->body.kind;
    length_ = head->body.length;
    said.head_bytes = head_.size();
    return take_body(rest);
  }

  answer end(bool ended) && {
    if (!said.why.empty()) return std::move(said);
    if (status_ == 0) return failed(ended ? "the connection ended without an answer" : "no answer in time");
    const bool whole = framing_ == http::body_kind::length    ? said.body_bytes == length_
                       : framing_ == http::body_kind::chunked ? chunks_.done()
                                                              : true;
    if (!ended || !whole) return failed("the answer broke off after " + std::to_string(said.body_bytes) + " bytes");
    said.status = status_;
    if (said.body_bytes > kept_bytes) said.body.clear();
    std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
    unsigned size = 0;
    EVP_DigestFinal_ex(sum_.get(), sum.data(), &size);
    for (unsigned i = 0; i < size; ++i)
      for (const int digit : {sum[i] >> 4, sum[i] & 15}) said.sha256 += "0123456789abcdef"[digit];
    return std::move(said);
  }

 private:
  bool refuse() {
    said.why = "the answer is no proper HTTP";
    return false;
  }

  bool take_body(std::string_view in) {
    if (framing_ != http::body_kind::chunked) {
      keep(in);
      return true;
    }
    while (!in.empty() && !chunks_.done()) {
      const auto step = chunks_.next_data(in);
      if (!step) return refuse();
      keep(step->bytes);
      in.remove_prefix(step->consumed);
    }
    return true;
  }

  void keep(std::string_view content) {
    said.body_bytes += content.size();
    EVP_DigestUpdate(sum_.get(), content.data(), content.size());
    if (said.body_bytes <= kept_bytes) said.body.append(content);
  }

  answer said;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> sum_;
  std::string head_;
  int status_ = 0;
  http::body_kind framing_{};
  std::uint64_t length_ = 0;
  http::chunked_decoder chunks_;
};

/// Up to the end of the connection. False: it was not over in time, or broke, or nobody wants it any more.
bool read_all(int fd, clock::time_point until, const std::function<bool()>& interrupted, arriving& into) {
  std::array<char, 65536> piece{};
  while (!interrupted()) {
    // In slices: a signal that comes just before poll() would not end it.
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
    if (left.count() <= 0) return false;
    pollfd waits{fd, POLLIN, 0};
    if (::poll(&waits, 1, static_cast<int>(std::min(left, slice).count())) <= 0) continue;
    const auto got = ::recv(fd, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    if (!into.take({piece.data(), static_cast<std::size_t>(got)})) return false;
  }
  return false;
}

}  // namespace

int connect_to(const std::string& socket) {
  sockaddr_un at{};
  if (socket.size() >= sizeof at.sun_path) return -1;
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, socket.data(), socket.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

answer get(const std::string& socket, const std::string& target, std::chrono::milliseconds limit,
           const std::function<bool()>& interrupted) {
  const auto until = clock::now() + limit;
  const int fd = connect_to(socket);
  if (fd < 0) return failed(std::string("no connection to the drill's own daemon: ") + std::strerror(errno));
  const std::string request = "GET " + target +
                              " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/plain, */*\r\n"
                              "User-Agent: bunraku-drill\r\nX-Puppet-Version: 8.0.0\r\nConnection: close\r\n\r\n";
  arriving got;
  const bool sent = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
  const bool ended = sent && read_all(fd, until, interrupted, got);
  ::close(fd);
  return std::move(got).end(ended);
}

std::string encoded_path(const std::string& path) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  std::string out;
  for (const char c : path) {
    if (plain.contains(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', "0123456789ABCDEF"[byte >> 4U], "0123456789ABCDEF"[byte & 15U]};
  }
  return out;
}

}  // namespace shim::rehearsal
