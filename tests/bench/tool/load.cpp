// The load: a fixed number of requests over a fixed number of connections, each sent when the one before it is
// answered; or, with --rate, so many a second, each timed from the moment it was due. One thread.
//   --fresh         a new connection for each request; --resume offers TLS sessions then
//   --warm N        so many requests first that do not count
//   --sync          says READY and waits for a line on standard input before what counts, and again before it ends
//   --event-at-ms   when after the start somebody takes a master away
#include "head.hpp"
#include "results.hpp"
#include "roles.hpp"
#include "socket.hpp"
#include "stream.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bench {
namespace {

struct connection {
  stream wire;
  bool connecting = false;
  bool was_used = false;  // an answer has come over it
  bool active = false;    // a request is under way
  bool watches_writing = false;
  std::size_t sent = 0;  // of the request
  std::string head;      // of the answer
  bool in_body = false;
  bool closes = false;
  std::int64_t body_left = 0;
  std::int64_t due_ns = 0;
  int status = 0;
};

double own_cpu() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

class load {
 public:
  explicit load(const arguments& given)
      : target_(read_address(given.text("connect"))),
        total_(given.number("requests", 1000)),
        warm_(given.number("warm", 0)),
        rate_(given.number("rate", 0)),
        timeout_ns_(given.number("timeout-ms", 30'000) * 1'000'000),
        event_at_ms_(given.number("event-at-ms", -1)),
        most_connections_(static_cast<std::size_t>(given.number("connections", 1))),
        sync_(given.has("sync")),
        fresh_(given.has("fresh")),
        resume_(given.has("resume")) {
    if (!given.has("plain")) {
      context_ = tls_context(side::client, given.text("cert"), given.text("key"), given.text("ca"), 1 << 17);
      if (resume_) session_.collect_from(context_);
    }
    const auto method = given.text("method", "GET");
    may_retry_ = method == "GET";
    request_ = method + " " + given.text("path", "/puppet/v3/file_metadata/modules/profile/motd") +
               " HTTP/1.1\r\nHost: puppet:8140\r\nAccept: application/json, application/octet-stream\r\n"
               "User-Agent: Puppet/8.10.0 Ruby/3.2.5-p208 (x86_64-linux)\r\nX-Puppet-Version: 8.10.0\r\n"
               "Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\n";
    if (fresh_) request_ += "Connection: close\r\n";
    const auto body = given.number("body", 0);
    if (method != "GET")
      request_ += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body) + "\r\n";
    request_ += "\r\n";
    request_bytes_ = request_.size() + static_cast<std::size_t>(body);
    block_.assign(1 << 16, 'x');
    buffer_.resize(1 << 18);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
  }

  void run() {
    if (rate_ == 0) {
      add_connections();
      if (warm_ > 0) unpaced(warm_);
    }
    meet("READY");
    done_ = {};
    done_.all.reserve(static_cast<std::size_t>(total_));
    done_.start_ns = now_ns();
    if (event_at_ms_ >= 0) done_.event_ns = done_.start_ns + event_at_ms_ * 1'000'000;
    const double cpu_before = own_cpu();
    if (rate_ > 0) paced();
    else unpaced(total_);
    done_.end_ns = now_ns();
    done_.cpu_seconds = own_cpu() - cpu_before;
    std::puts(done_.to_json().c_str());
    std::fflush(stdout);
    meet("");  // the connections stay until the caller has looked
  }

 private:
  void meet(const char* say) const {
    if (!sync_) return;
    if (*say != '\0') {
      std::puts(say);
      std::fflush(stdout);
    }
    char c = 0;
    while (::read(STDIN_FILENO, &c, 1) > 0 && c != '\n') continue;
  }

  void add_connections() {
    while (connections_.size() < most_connections_) {
      connections_.push_back(std::make_unique<connection>());
      idle_.push_back(connections_.back().get());
    }
  }

  // ---- one request

  void open(connection* on) {
    const int fd = open_socket(target_);
    on->was_used = false;
    ++done_.connections;
    on->connecting = connect(fd, target_.raw(), target_.length) != 0;
    on->wire.attach(fd, context_, side::client);
    if (context_ != nullptr && resume_) session_.offer(on->wire.ssl);
    watch(epoll_, fd, on);
    on->watches_writing = true;
  }

  void begin(connection* on, std::int64_t due) {
    on->active = true;
    on->sent = 0;
    on->head.clear();
    on->in_body = on->closes = false;
    on->status = 0;
    on->due_ns = due;
    if (!on->wire.is_open()) open(on);
    advance(on);
  }

  void end(connection* on, int status, const char* why) {
    on->active = false;
    done_.all.push_back({on->due_ns, now_ns(), status, why});
    if (status == 0 || fresh_ || on->closes) {
      if (on->wire.ssl != nullptr && on->wire.shaken && SSL_session_reused(on->wire.ssl) == 1) ++done_.resumed;
      on->wire.close(status != 0);
    }
    idle_.push_back(on);
  }

  void fail(connection* on, const char* why) {
    if (!on->active) return on->wire.close(false);  // that the other side closes an idle connection is no failure
    // As HTTP clients do: what may be repeated is, once, when a kept connection was closed before any of the answer.
    if (may_retry_ && on->was_used && on->head.empty() && std::strcmp(why, "closed") == 0) {
      ++done_.client_retries;
      on->wire.close(false);
      on->sent = 0;
      return open(on);
    }
    end(on, 0, why);
  }

  void advance(connection* on) {
    if (!on->wire.is_open()) return;
    if (on->connecting) {
      const int state = connect_state(on->wire.fd);
      if (state < 0) return fail(on, "connect");
      if (state == 0) return;
      on->connecting = false;
    }
    const ssize_t shaken = on->wire.handshake();
    if (shaken == would_block) return;
    if (shaken == broken) return fail(on, "handshake");
    if (!on->active) {
      if (on->wire.read(buffer_.data(), buffer_.size()) != would_block) on->wire.close(false);
      return;
    }
    const auto before = on->sent;
    const bool can_send = send(on);
    // Nothing can be there to read right after the last byte of a small request: no system call for it.
    if (can_send && before == 0 && on->sent == request_.size() && request_bytes_ == request_.size()) return;
    receive(on, can_send);
  }

  bool send(connection* on) {
    while (on->sent < request_bytes_) {
      const bool in_head = on->sent < request_.size();
      const char* from = in_head ? request_.data() + on->sent : block_.data();
      const auto most = in_head ? request_.size() - on->sent : std::min(block_.size(), request_bytes_ - on->sent);
      const ssize_t count = on->wire.write(from, most);
      if (count == would_block) {
        watch_writing(on, true);
        return true;
      }
      if (count < 0) return false;  // an answer may be there all the same
      on->sent += static_cast<std::size_t>(count);
    }
    watch_writing(on, false);
    return true;
  }

  // A Unix socket tells who watches for writing of each read at its other end: the proxy would pay for waking us.
  void watch_writing(connection* on, bool yes) {
    if (std::exchange(on->watches_writing, yes) != yes) watch_again(epoll_, on->wire.fd, on, yes);
  }

  void receive(connection* on, bool can_send) {
    for (;;) {
      const ssize_t got = on->wire.read(buffer_.data(), buffer_.size());
      if (got == would_block) return can_send ? void() : fail(on, "write");
      if (got <= 0) return fail(on, on->head.empty() ? "closed" : "truncated");
      if (is_whole(on, static_cast<std::size_t>(got))) {
        on->was_used = true;
        return end(on, on->status, nullptr);
      }
    }
  }

  bool is_whole(connection* on, std::size_t count) {
    if (on->in_body) {
      done_.bytes += static_cast<std::int64_t>(count);
      on->body_left -= static_cast<std::int64_t>(count);
      return on->body_left <= 0;
    }
    on->head.append(buffer_, 0, count);
    const auto head_end = on->head.find("\r\n\r\n");
    if (head_end == std::string::npos) return false;
    const auto head = std::string_view(on->head).substr(0, head_end + 2);
    on->status = static_cast<int>(to_number(head.substr(std::min<std::size_t>(9, head.size()), 3), 0));
    on->closes = same_word(field(head, "Connection"), "close");
    on->in_body = true;
    // The masters always say a length, and so has everybody between to.
    const auto here = static_cast<std::int64_t>(on->head.size() - head_end - 4);
    on->body_left = to_number(field(head, "Content-Length"), 0) - here;
    done_.bytes += here;
    return on->body_left <= 0;
  }

  // ---- many

  // `ticker`: a timer that goes on once it is read.
  void wait(int most_ms, int ticker = -1) {
    std::vector<epoll_event> events(256);
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), most_ms);
    for (int i = 0; i < count; ++i) {
      void* what = events[static_cast<std::size_t>(i)].data.ptr;
      std::uint64_t ticks = 0;
      if (what != nullptr) advance(static_cast<connection*>(what));
      else if (::read(ticker, &ticks, sizeof ticks) < 0) continue;
    }
    if (now_ns() < next_look_) return;
    next_look_ = now_ns() + 50'000'000;
    for (auto& one : connections_)
      if (one->active && now_ns() - one->due_ns > timeout_ns_) end(one.get(), 0, "timeout");
  }

  void unpaced(std::int64_t total) {
    done_.all.clear();
    std::int64_t begun = 0;
    while (std::ssize(done_.all) < total) {
      while (!idle_.empty() && begun < total) {
        connection* on = idle_.front();
        idle_.pop_front();
        ++begun;
        begin(on, now_ns());
      }
      if (std::ssize(done_.all) < total) wait(1000);
    }
  }

  void paced() {
    const int ticker = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    itimerspec each_ms{};
    each_ms.it_interval.tv_nsec = each_ms.it_value.tv_nsec = 1'000'000;
    timerfd_settime(ticker, 0, &each_ms, nullptr);
    epoll_event ticks{};
    ticks.events = EPOLLIN;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, ticker, &ticks);
    std::int64_t begun = 0;
    while (std::ssize(done_.all) < total_) {
      wait(1000, ticker);
      while (begun < total_ && begin_due(done_.start_ns + begun * 1'000'000'000 / rate_)) ++begun;
    }
    ::close(ticker);
  }

  // False while it is not due, or has to wait for a connection with its clock running.
  bool begin_due(std::int64_t due) {
    const auto now = now_ns();
    if (due > now) return false;
    if (idle_.empty() && connections_.size() < most_connections_) {
      connections_.push_back(std::make_unique<connection>());
      idle_.push_back(connections_.back().get());
    }
    if (idle_.empty()) {
      if (now - due <= timeout_ns_) return false;
      done_.all.push_back({due, now, 0, "overdue"});
      return true;
    }
    connection* on = idle_.back();  // the most recently used, as a client's pool has it
    idle_.pop_back();
    begin(on, due);
    return true;
  }

  address target_;
  std::int64_t total_, warm_, rate_, timeout_ns_, event_at_ms_;
  std::size_t most_connections_;
  bool sync_, fresh_, resume_, may_retry_ = true;
  SSL_CTX* context_ = nullptr;
  kept_session session_;
  std::string request_, block_, buffer_;
  std::size_t request_bytes_ = 0;
  std::vector<std::unique_ptr<connection>> connections_;
  std::deque<connection*> idle_;
  std::int64_t next_look_ = 0;
  results done_;
  int epoll_ = -1;
};

}  // namespace

int be_load(const arguments& given) {
  load(given).run();
  return 0;
}

}  // namespace bench
