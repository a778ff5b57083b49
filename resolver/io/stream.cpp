#include "io/stream.hpp"

#include "io/tls_context.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/error.hpp>
#include <climits>
#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

namespace bunraku::io {
namespace net = boost::asio;

namespace {

/// With TLS 1.3 a master refuses our certificate only after the handshake is over for us: the alert comes with the
/// first read. Whatever was written before it was never looked at.
/// Its number; 0 for any other error.
int certificate_alert(unsigned long error) noexcept {
  const int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
  return ERR_GET_LIB(error) == ERR_LIB_SSL && is_about_our_certificate(alert) ? alert : 0;
}

/// SSL_get_error believes whatever it finds in the queue, so that must be empty before each operation. It nearly always
/// is, and looking costs a tenth of clearing: that frees the data of all 16 places.
void forget_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

/// The BIO between OpenSSL and the socket.
struct socket_bio {
  static int read(BIO* bio, char* data, size_t size, size_t* got) {
    auto& self = *static_cast<stream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (!self.put_back_.empty()) {
      *got = self.take_put_back(data, size);
      return 1;
    }
    if (self.drained_) {
      BIO_set_retry_read(bio);
      return 0;
    }
    ssize_t n;
    do n = ::recv(self.fd_, data, size, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
      self.drained_ = static_cast<size_t>(n) < size;
      *got = static_cast<size_t>(n);
      return 1;
    }
    if (n == 0) {
      self.bio_errno_ = 0;
      BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
      return 0;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      self.drained_ = true;
      BIO_set_retry_read(bio);
    } else {
      self.bio_errno_ = errno;
    }
    return 0;
  }

  static int write(BIO* bio, const char* data, size_t size, size_t* put) {
    auto& self = *static_cast<stream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *put = 0;
    if (self.gathered_.open()) {
      if (!self.gathered_.add(data, size)) {
        BIO_set_retry_write(bio);
        return 0;
      }
      *put = size;
      return 1;
    }
    const ssize_t n = self.send_gathered() ? self.send(data, size) : -1;
    if (n >= 0) {
      *put = static_cast<size_t>(n);
      return 1;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_write(bio);
    else self.bio_errno_ = errno;
    return 0;
  }

  static long control(BIO* bio, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH: return 1;
      case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
      default: return 0;
    }
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "bunraku socket");
      BIO_meth_set_read_ex(m, &socket_bio::read);
      BIO_meth_set_write_ex(m, &socket_bio::write);
      BIO_meth_set_ctrl(m, &socket_bio::control);
      return m;
    }();
    return made;
  }
};

stream::stream(socket_type socket, ssl_ptr ssl, std::string peer)
    : socket_(std::move(socket)),
      fd_(socket_.native_handle()),
      peer_(std::move(peer)),
      gathered_(boost::asio::use_service<spare_records>(
          boost::asio::query(socket_.get_executor(), boost::asio::execution::context))),
      ssl_(std::move(ssl)) {
  error_code ignored;
  socket_.native_non_blocking(true, ignored);
  if (!ssl_) return;
  BIO* bio = BIO_new(socket_bio::method());
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

stream::~stream() = default;

std::size_t stream::take_put_back(char* data, std::size_t size) noexcept {
  const std::size_t n = std::min(size, put_back_.size() - put_back_used_);
  std::memcpy(data, put_back_.data() + put_back_used_, n);
  put_back_used_ += n;
  if (put_back_used_ == put_back_.size()) put_back_ = {};
  return n;
}

std::size_t stream::fail(int result, direction natural, direction& wants, error_code& error) noexcept {
  wants = natural;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      wants = direction::read;
      error = net::error::would_block;
      return 0;
    case SSL_ERROR_WANT_WRITE:
      wants = direction::write;
      error = net::error::would_block;
      return 0;
    case SSL_ERROR_ZERO_RETURN: error = net::error::eof; return 0;
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      error = bio_errno_ != 0 ? error_code(bio_errno_, boost::system::system_category())
                              : error_code(net::error::connection_reset);
      return 0;
    default:
      broken_ = true;
      // In TLS 1.3 a master judges our certificate when the handshake is over for us. OpenSSL takes a fatal alert for
      // the beginning of another one, so SSL_is_init_finished does not tell.
      if (SSL_is_server(ssl_.get()) == 0) refusal_ = certificate_alert(ERR_peek_error());
      // OpenSSL 3 reports a peer that left without close_notify as a protocol error.
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) error = net::error::connection_reset;
      else if (refusal_ != 0) error = errc::refused_us;
      else error = error_code(EPROTO, boost::system::generic_category());
      return 0;
  }
}

bool stream::handshake(error_code& error) noexcept {
  error = {};
  forget_errors();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return true;
  fail(result, direction::read, wants_, error);
  return false;
}

/// Neither we nor OpenSSL hold anything that could be read without the socket. A handshake under way, a farewell that
/// came and an error must be found by OpenSSL.
bool stream::holds_nothing() const noexcept {
  if (!put_back_.empty() || broken_ || read_wants_ != direction::read) return false;
  return !ssl_ || (SSL_is_init_finished(ssl_.get()) == 1 && SSL_has_pending(ssl_.get()) == 0 &&
                   (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) == 0);
}

std::size_t stream::read_some(void* data, std::size_t size, error_code& error) noexcept {
  error = {};
  if (size == 0) return 0;
  if (fd_ < 0) return refuse_closed(error);
  if (drained_ && holds_nothing()) {
    error = net::error::would_block;
    return 0;
  }
  if (ssl_) {
    std::size_t got = 0;
    forget_errors();
    const int result = SSL_read_ex(ssl_.get(), data, size, &got);
    if (result == 1 && settled_) {
      // Opening a large record takes about as long as its sender needs for the next one.
      if (got >= SSL3_RT_MAX_PLAIN_LENGTH / 2) drained_ = false;
      return got;
    }
    settled_ = result == 1;
    if (result != 1) {
      fail(result, direction::read, read_wants_, error);
      if (error != net::error::would_block) ERR_clear_error();
    }
    // For a ticket OpenSSL makes both of its buffers, 16 KiB each, and keeps them until there is data for each. It does
    // keep one that holds a part of a record.
    if (drained_) SSL_free_buffers(ssl_.get());
    return got;
  }
  ssize_t n;
  do n = ::recv(fd_, data, size, 0);
  while (n < 0 && errno == EINTR);
  if (n > 0) {
    drained_ = static_cast<std::size_t>(n) < size;
    return static_cast<std::size_t>(n);
  }
  if (n == 0) error = net::error::eof;
  else if (errno == EAGAIN || errno == EWOULDBLOCK) error = net::error::would_block;
  else error = error_code(errno, boost::system::system_category());
  return 0;
}

ssize_t stream::send(const char* data, std::size_t size) const noexcept {
  ssize_t n;
  do n = ::send(fd_, data, size, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n;
}

/// False, with errno, unless the socket took all of it.
bool stream::send_gathered() noexcept {
  while (!gathered_.empty()) {
    const auto n = send(gathered_.view().data(), gathered_.view().size());
    if (n < 0) return false;
    gathered_.sent(static_cast<std::size_t>(n));
  }
  return true;
}

std::size_t stream::write_some(const void* data, std::size_t size, error_code& error) noexcept {
  error = {};
  if (size == 0) return 0;
  if (fd_ < 0) return refuse_closed(error);
  if (ssl_) return write_records(static_cast<const char*>(data), size, error);
  const auto n = send(static_cast<const char*>(data), size);
  if (n >= 0) return static_cast<std::size_t>(n);
  error = errno == EAGAIN || errno == EWOULDBLOCK ? error_code(net::error::would_block)
                                                  : error_code(errno, boost::system::system_category());
  return 0;
}

/// One record is sent as it is. Of more the last one counts as written only when all have left: the caller, who is told
/// `would_block` and waits, then comes again with its bytes.
std::size_t stream::write_records(const char* data, std::size_t size, error_code& error) noexcept {
  if (!send_gathered()) return refuse_write(error);
  if (owed_ != 0) {  // never more than the caller has come with
    const auto told = std::min(owed_, size);
    owed_ -= told;
    return told;
  }
  std::size_t put = 0;
  std::size_t last = 0;
  const bool gathers = size > SSL3_RT_MAX_PLAIN_LENGTH && gathered_.begin();
  forget_errors();
  do {
    const int result =
        SSL_write_ex(ssl_.get(), data + put, std::min(size - put, gathered_records::most_payload), &last);
    if (result != 1) {
      if (put == 0) fail(result, direction::write, write_wants_, error);
      if (error != net::error::would_block) ERR_clear_error();
      break;
    }
    put += last;
  } while (gathers && put < std::min(size, gathered_records::most_payload));
  if (!gathers) return put;
  const bool sent = send_gathered();
  const auto why = errno;
  gathered_.end();
  if (sent || put == 0) return put;
  errno = why;
  owed_ = last;
  if (put == owed_) return refuse_write(error);
  return put - owed_;
}

std::size_t stream::refuse_write(error_code& error) noexcept {
  write_wants_ = direction::write;
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    error = net::error::would_block;
  } else {
    broken_ = true;
    error = error_code(errno, boost::system::system_category());
  }
  return 0;
}

std::size_t stream::refuse_closed(error_code& error) noexcept {
  error = net::error::bad_descriptor;
  return 0;
}

bool stream::idle_and_alive() noexcept {
  if (!socket_.is_open() || broken_) return false;
  char byte;
  if (holds_nothing() && ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
      (errno == EAGAIN || errno == EWOULDBLOCK))
    return true;
  if (!ssl_) return false;
  // It may be for TLS alone, a session's ticket.
  drained_ = false;
  error_code error;
  return read_some(&byte, 1, error) == 0 && error == net::error::would_block;
}

void stream::close() noexcept {
  if (!socket_.is_open()) return;
  if (ssl_ && !broken_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  shut();
}

void stream::abort() noexcept {
  if (!socket_.is_open()) return;
  error_code ignored;
  socket_.set_option(net::socket_base::linger(true, 0), ignored);
  shut();
}

/// The number of its descriptor may be another's from now on.
void stream::shut() noexcept {
  error_code ignored;
  socket_.close(ignored);
  fd_ = -1;
  broken_ = true;
}

void stream::cancel() noexcept {
  error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace bunraku::io
