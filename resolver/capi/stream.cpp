// The streams of bunraku.h: used on the caller's thread, and waited for with poll(2).
#include "capi/handles.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/error.hpp>

#include <cerrno>
#include <poll.h>
#include <unistd.h>

using namespace bunraku;
using boost::system::error_code;
using capi::checked;
using capi::failure;
using capi::guarded;
using capi::inside;
using capi::usable;
using clock_type = std::chrono::steady_clock;

namespace {

/// Until when a call may wait.
class patience {
 public:
  explicit patience(std::int32_t timeout_ms)
      : for_ever_(timeout_ms < 0), until_(clock_type::now() + std::chrono::milliseconds(timeout_ms)) {}

  /// As poll(2) counts, rounded up.
  int left() const noexcept {
    if (for_ever_) return -1;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(until_ - clock_type::now()).count();
    return ms < 0 ? 0 : static_cast<int>(ms);
  }

 private:
  bool for_ever_;
  clock_type::time_point until_;
};

/// Throws failure when the time is over.
void wait(capi::stream_handle& stream, direction which, const patience& until) {
  const auto native = stream.to.stream().native_wait(which);
  stream.events = native.wants == direction::read ? POLLIN : POLLOUT;
  for (;;) {
    pollfd ready{native.descriptor, stream.events, 0};
    const int left = until.left();
    const int found = ::poll(&ready, 1, left);
    if (found > 0) return;
    if (found < 0 && errno != EINTR) throw capi::failure_of(error_code(errno, boost::system::system_category()));
    if (left == 0) throw failure{BUNRAKU_E_TIMEOUT, {}};
  }
}

}  // namespace

namespace bunraku::capi {

std::unique_ptr<stream_handle> stream_of(const std::shared_ptr<core>& of, pending& from) {
  if (from.failed) throw *from.failed;
  if (!from.made) throw failure{BUNRAKU_E_ARGUMENT, "the stream of this request was taken"};
  const int descriptor = from.made->stream().native_wait(direction::read).descriptor;
  auto tried = joined(from.made->tried(), "\n");
  auto out = std::make_unique<stream_handle>(
      stream_handle{of, std::move(*from.made), from.of, descriptor, POLLIN, std::move(tried)});
  from.made.reset();
  return out;
}

}  // namespace bunraku::capi

void bunraku_stream_free(bunraku_stream* stream) {
  auto* handle = inside(stream);
  if (handle == nullptr) return;
  if (!handle->core->is_ours()) {
    // A goodbye would end the parent's connection, and so would a change of the epoll set that both have.
    ::close(handle->descriptor);
    return;
  }
  if (!handle->reported) bunraku_stream_report(stream, BUNRAKU_GIVEN_UP, 0, nullptr);
  delete handle;
}

const char* bunraku_stream_host(const bunraku_stream* stream) {
  return stream == nullptr ? nullptr : inside(stream)->to.who().host().c_str();
}
uint16_t bunraku_stream_port(const bunraku_stream* stream) {
  return stream == nullptr ? std::uint16_t{0} : inside(stream)->to.who().port();
}
const char* bunraku_stream_tried(const bunraku_stream* stream) {
  return stream == nullptr ? nullptr : inside(stream)->tried.c_str();
}
int bunraku_stream_fd(const bunraku_stream* stream) { return stream == nullptr ? -1 : inside(stream)->descriptor; }
int bunraku_stream_events(const bunraku_stream* stream) { return stream == nullptr ? 0 : inside(stream)->events; }

int bunraku_stream_read(bunraku_stream* stream, void* data, size_t size, int32_t timeout_ms, size_t* got) {
  return guarded([&] {
    checked(got) = 0;
    if (size == 0) throw failure{BUNRAKU_E_ARGUMENT, "a read of nothing"};
    auto& handle = usable(stream);
    auto& from = handle.to.stream();
    const patience until(timeout_ms);
    for (;;) {
      error_code error;
      *got = from.read_some(&checked(static_cast<char*>(data)), size, error);
      if (!error || error == boost::asio::error::eof) return BUNRAKU_OK;
      if (error == errc::refused_us) throw failure{capi::code_of(error), from.refusal()};
      if (error != boost::asio::error::would_block) throw capi::failure_of(error);
      wait(handle, direction::read, until);
    }
  });
}

int bunraku_stream_write(bunraku_stream* stream, const void* data, size_t size, int32_t timeout_ms, size_t* put) {
  return guarded([&] {
    checked(put) = 0;
    auto& handle = usable(stream);
    auto& to = handle.to.stream();
    const auto* bytes = static_cast<const char*>(data);
    const patience until(timeout_ms);
    while (*put < size) {
      error_code error;
      *put += to.write_some(&checked(bytes) + *put, size - *put, error);
      if (error == boost::asio::error::eof) error = boost::asio::error::broken_pipe;  // the master's goodbye
      if (error && error != boost::asio::error::would_block) throw capi::failure_of(error);
      if (error) wait(handle, direction::write, until);
    }
    return BUNRAKU_OK;
  });
}

int bunraku_stream_report(bunraku_stream* stream, int outcome, uint32_t retry_after_s, const char* reason) {
  return guarded([&] {
    auto& handle = usable(stream);
    auto what = capi::outcome_of(outcome, retry_after_s, reason);
    handle.reported = true;
    if (!handle.core->is_over()) handle.core->report(handle.of, handle.to.who(), std::move(what));
    return BUNRAKU_OK;
  });
}
