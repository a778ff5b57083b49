#pragma once
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace bunraku {

/// What the certificate at the other end says, for people. Texts are printable ASCII and bounded.
struct peer_certificate {
  std::string subject, issuer;     ///< "CN=compile1.example.com"
  std::vector<std::string> names;  ///< dNSName and iPAddress alternative names, at most 100
  std::string serial;              ///< as Puppet prints it: "0x001F"
  std::string spki_sha256;         ///< of its public key, 64 hexadecimal digits
  std::optional<std::chrono::sys_seconds> not_before, not_after;
};

namespace io {
class stream;
}

/// Which readiness to wait for.
enum class direction { read, write };

/// A connected byte stream: TLS to a master with the agent's identity, TLS from a local client that has shown it, or a
/// plain Unix socket. Move-only.
///
/// It can be used in two ways. As an Asio AsyncStream (async_read_some, async_write_some) it works with Asio's and
/// Beast's algorithms. As a non-blocking stream (read_some, write_some, async_wait) it costs no completion for data
/// that is there already, which is what a relay wants.
///
/// Threads: distinct objects may be used in distinct threads; one object in one thread at a time: its executor's, or
///          any one if only what does not wait is used (read_some, write_some, native_wait, close).
///          At most one read-side and one write-side operation at a time.
/// Cancels: `cancel()`, `close()`, `abort()` and destruction end all waits and asynchronous operations with
///          `operation_aborted`; so does every kind of cancellation by a handler's slot, for its own operation (both,
///          for async_wait_either). The stream stays usable for reading after an aborted read. After an aborted or
///          failed write, only close it. What is over by then, and whose handler has yet to run, tells what came of it.
/// Tokens:  any completion token. Handlers run through their associated executor (the stream's by default), posted,
///          with their associated allocator. Whatever that executor is, the stream itself is touched on its own alone.
/// Errors:  `boost::asio::error::eof` for an orderly end (of a write too, once it was read);
///          `boost::asio::ssl::error::stream_truncated`'s meaning (the peer left without saying goodbye) is reported as
///          `boost::asio::error::connection_reset`.
///          `errc::refused_us` from the first read: the master's TLS did not want our certificate (TLS 1.3 says so only
///          then), and nothing that was written was looked at.
class connection {
 public:
  using executor_type = boost::asio::any_io_executor;

  /// No stream, as when it was moved from: only assignment, destruction and is_open() are allowed.
  connection() noexcept;
  explicit connection(std::unique_ptr<io::stream> native) noexcept;
  connection(connection&&) noexcept;
  connection& operator=(connection&&) noexcept;
  ~connection();

  bool is_open() const noexcept;
  executor_type get_executor() const;

  /// Reads what is there, without waiting: 1 to `size` bytes, or 0 with an error (without one for a `size` of 0:
  /// nothing is looked at). `would_block` (from boost::asio::error) means: async_wait(direction::read), then try again.
  std::size_t read_some(void* data, std::size_t size, boost::system::error_code& error) noexcept;
  /// Writes what fits, without waiting; else as read_some. After `would_block` the next write must begin with the same
  /// bytes, no fewer of them (a TLS record may be half out); they may have moved.
  std::size_t write_some(const void* data, std::size_t size, boost::system::error_code& error) noexcept;

  /// Waits until an operation that said `would_block` is worth trying again. Signature: void(error_code).
  template <class CompletionToken>
  auto async_wait(direction which, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        []<class Handler>(Handler handler, connection* self, direction d) {
          // What an any_completion_handler says of its executor costs two allocations.
          if constexpr (std::is_same_v<boost::asio::associated_executor_t<Handler, executor_type>, executor_type>) {
            auto executor = boost::asio::get_associated_executor(handler, self->get_executor());
            self->start_wait(d, std::move(executor), std::move(handler));
          } else {
            self->start_wait(d, std::move(handler));
          }
        },
        token, this, which);
  }

  /// async_wait for both directions, whichever comes first: read until `would_block` before, here too. For a writer
  /// that must notice an answer that comes before it has sent everything. Signature: void(error_code).
  template <class CompletionToken>
  auto async_wait_either(CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        [](auto handler, connection* self) { self->start_wait_either(std::move(handler)); }, token, this);
  }

  /// AsyncStream. Only the first non-empty buffer of the sequence is used: a short transfer is allowed by the concept.
  template <class MutableBufferSequence, class CompletionToken>
  auto async_read_some(const MutableBufferSequence& buffers, CompletionToken&& token) {
    boost::asio::mutable_buffer first;
    for (auto it = boost::asio::buffer_sequence_begin(buffers);
         it != boost::asio::buffer_sequence_end(buffers) && first.size() == 0; ++it)
      first = *it;
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, std::size_t)>(
        [](auto handler, connection* self, boost::asio::mutable_buffer b) { self->start_read(b, std::move(handler)); },
        token, this, first);
  }
  template <class ConstBufferSequence, class CompletionToken>
  auto async_write_some(const ConstBufferSequence& buffers, CompletionToken&& token) {
    boost::asio::const_buffer first;
    for (auto it = boost::asio::buffer_sequence_begin(buffers);
         it != boost::asio::buffer_sequence_end(buffers) && first.size() == 0; ++it)
      first = *it;
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, std::size_t)>(
        [](auto handler, connection* self, boost::asio::const_buffer b) { self->start_write(b, std::move(handler)); },
        token, this, first);
  }

  /// For whoever waits with poll(2) after `would_block`: the descriptor, and for which readiness of it.
  struct native_readiness {
    int descriptor;
    direction wants;
  };
  native_readiness native_wait(direction which) noexcept;

  /// Is an idle stream still good for another request? False when the peer closed it or sent anything unasked (other
  /// than TLS housekeeping, which is taken in). Costs one system call.
  bool idle_and_alive() noexcept;

  /// Says goodbye (TLS close_notify, as far as the socket takes it) and closes. Whatever is read or written afterwards
  /// fails with bad_descriptor; peer() and certificate() still tell. A second time it does nothing.
  void close() noexcept;
  /// Closes so that the other side cannot take what it has for all there is: without a goodbye and, over TCP, with a
  /// reset. Else as close().
  void abort() noexcept;
  /// Ends waits and asynchronous operations with operation_aborted.
  void cancel() noexcept;

  /// Who is at the other end, for log lines: "compile1.example.com:8140 (192.0.2.7)" or "uid 1000 pid 4711".
  const std::string& peer() const noexcept;
  /// Nothing without TLS.
  std::optional<peer_certificate> certificate() const;
  /// After `errc::refused_us`: that, with what the master's alert says of it ("the CA has revoked it", say). Else
  /// empty.
  std::string refusal() const;
  /// TLS session resumed instead of a full handshake?
  bool resumed() const noexcept;

 private:
  using wait_handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
  using transfer_handler = boost::asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;
  void start_wait(direction which, wait_handler handler);
  void start_wait(direction which, executor_type executor, wait_handler handler);
  void start_wait_either(wait_handler handler);
  void start_read(boost::asio::mutable_buffer buffer, transfer_handler handler);
  void start_write(boost::asio::const_buffer buffer, transfer_handler handler);

  std::shared_ptr<io::stream> native_;  // operations under way have a share: they may complete when this object is gone
};

}  // namespace bunraku
