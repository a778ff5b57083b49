#pragma once
#include "io/ares_sockets.hpp"
#include "io/resolv_conf.hpp"

#include <ares.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace bunraku::io {

/// One query with its own c-ares channel, on Asio: sockets are watched through stream descriptors, c-ares' timeouts
/// through a timer.
///
/// c-ares may call back inside nearly every call made to it, so callbacks only note what happened. They never cancel or
/// destroy; `stop` does, and must not be called from a callback. c-ares owns its descriptors: they are released, not
/// closed. Descriptor numbers are reused at once, so a handler keeps its own entry and asks whether that is current.
class ares_lookup : public std::enable_shared_from_this<ares_lookup> {
 public:
  enum class status : std::uint8_t { under_way, replied, failed, cancelled };

  explicit ares_lookup(const boost::asio::any_io_executor& executor);
  ~ares_lookup();
  ares_lookup(const ares_lookup&) = delete;
  ares_lookup& operator=(const ares_lookup&) = delete;

  /// May be over when it returns. `try_timeout` is for the first round over all servers; c-ares doubles it per round.
  void start(const std::string& name, int type, std::span<const name_server> servers,
             std::chrono::milliseconds try_timeout);
  /// Ends the query for good; nothing is watched or armed afterwards.
  void stop() noexcept;
  /// As `stop`, and wakes who waits on `over()`.
  void cancel();

  /// Waits for the deadline; it is cancelled as soon as the query is over. Ask `result()` whichever way it ends.
  boost::asio::steady_timer& over() noexcept { return over_; }

  status result() const noexcept { return result_; }
  int ares_status() const noexcept { return ares_status_; }
  const std::vector<std::uint8_t>& wire() const noexcept { return wire_; }
  const last_heard& heard() const noexcept { return heard_; }

 private:
  struct watched;
  using channel_ptr = std::unique_ptr<std::remove_pointer_t<::ares_channel>, decltype(&ares_destroy)>;

  bool open(std::span<const name_server> servers, std::chrono::milliseconds try_timeout);
  void on_socket(ares_socket_t fd, bool read, bool write);
  void on_answer(int status, const unsigned char* data, int size);
  void finish(status result);
  void watch(const std::shared_ptr<watched>& socket);
  void ready(const std::shared_ptr<watched>& socket, bool read);
  void process(ares_socket_t read, ares_socket_t write);
  void arm_timer();

  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer over_, tick_;
  std::map<ares_socket_t, std::shared_ptr<watched>> sockets_;
  status result_ = status::under_way;
  int ares_status_ = ARES_SUCCESS;
  std::vector<std::uint8_t> wire_;
  last_heard heard_;
  channel_ptr channel_{nullptr, &ares_destroy};  // last: its destruction calls back into the rest
};

}  // namespace bunraku::io
