// A fake master: one thread, keep-alive, client certificate demanded.
//   GET  /status/v1/...                     running, at once
//   GET  /puppet/v3/file_metadata...        300 bytes of JSON
//   GET  /puppet/v3/file_content/bytes/N    N bytes
//   POST /puppet/v3/catalog/...             reads the body, answers 300 kB
//   anything else                           reads the body, answers a line
// --delay-us holds back all answers but those to /status.
#include "head.hpp"
#include "roles.hpp"
#include "socket.hpp"
#include "stream.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <string>
#include <sys/epoll.h>
#include <utility>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t chunk = 1 << 16;
constexpr std::int64_t catalog_bytes = 300'000;

constexpr std::string_view metadata =
    R"({"path":"/etc/puppetlabs/code/environments/production/modules/profile/files/motd",)"
    R"("relative_path":null,"links":"follow","owner":0,"group":0,"mode":420,"checksum":{"type":"sha256",)"
    R"("value":"{sha256}9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},)"
    R"("type":"file","destination":null})";

struct client {
  stream wire;
  std::string in;              // of a head not yet whole
  std::int64_t body_left = 0;  // of the request
  bool in_body = false;
  bool closes = false;  // after this answer
  bool answering = false;
  bool held_back = false;
  bool gone = false;  // its timer frees it
  std::string path;
  std::string out;
  std::size_t sent = 0;        // of `out`
  std::int64_t fill_left = 0;  // of a made-up body behind `out`
};

class master {
 public:
  explicit master(const arguments& given)
      : name_(given.text("name", "master")),
        delay_ns_(given.number("delay-us", 0) * 1000),
        fill_(chunk, 'a'),
        buffer_(chunk, '\0') {
    context_ = tls_context(side::server, given.text("cert"), given.text("key"), given.text("ca"), chunk);
    listener_ = listen_on(given.text("listen"));
    std::uint32_t state = 12345;  // not compressible, in case somebody tries
    for (auto& c : fill_) {
      state = state * 1664525U + 1013904223U;
      c = static_cast<char>('a' + (state >> 24U) % 26);
    }
  }

  [[noreturn]] void run() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event listening{};
    listening.events = EPOLLIN;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &listening);
    std::vector<epoll_event> events(256);
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms());
      for (int i = 0; i < count; ++i) {
        auto* who = static_cast<client*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (who == nullptr) accept_all();
        else serve(who);
      }
      release_due();
    }
  }

 private:
  int wait_ms() const {
    if (due_.empty()) return -1;
    return static_cast<int>(std::max<std::int64_t>(0, (due_.top().first - now_ns() + 999'999) / 1'000'000));
  }

  void release_due() {
    while (!due_.empty() && due_.top().first <= now_ns()) {
      client* who = due_.top().second;
      due_.pop();
      who->held_back = false;
      if (who->gone) delete who;
      else serve(who);
    }
  }

  void accept_all() {
    for (int fd = accept_from(listener_); fd >= 0; fd = accept_from(listener_)) {
      auto* fresh = new client;
      fresh->wire.attach(fd, context_, side::server);
      watch(epoll_, fd, fresh);
    }
  }

  void drop(client* who) {
    who->wire.close();
    if (who->held_back) who->gone = true;
    else delete who;
  }

  void serve(client* who) {
    if (who->gone || who->held_back) return;
    const ssize_t shaken = who->wire.handshake();
    if (shaken == would_block) return;
    if (shaken == broken) return drop(who);
    for (;;) {
      if (who->answering) {
        const ssize_t all_out = send(who);
        if (all_out == would_block) return;
        if (all_out == broken) return drop(who);
        who->answering = false;
        if (who->closes) return drop(who);
      }
      if (!who->in_body && take_head(who)) continue;
      if (who->held_back) return;
      const ssize_t got = who->wire.read(buffer_.data(), buffer_.size());
      if (got == would_block) return;
      if (got <= 0) return drop(who);
      take(who, static_cast<std::size_t>(got));
      if (who->held_back) return;
    }
  }

  void take(client* who, std::size_t count) {
    if (!who->in_body) {
      who->in.append(buffer_, 0, count);
      return;
    }
    const auto of_body = std::min(count, static_cast<std::size_t>(who->body_left));
    who->in.append(buffer_, of_body, count - of_body);
    who->body_left -= static_cast<std::int64_t>(of_body);
    if (who->body_left == 0) answer(who);
  }

  // True when an answer is ready to be sent.
  bool take_head(client* who) {
    const auto end = who->in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string head = who->in.substr(0, end + 2);
    const auto first = head.find(' ');
    who->path = head.substr(first + 1, head.find(' ', first + 1) - first - 1);
    who->closes = same_word(field(head, "Connection"), "close");
    who->body_left = to_number(field(head, "Content-Length"), 0);
    const auto here = std::min(static_cast<std::size_t>(who->body_left), who->in.size() - end - 4);
    who->in.erase(0, end + 4 + here);
    who->body_left -= static_cast<std::int64_t>(here);
    who->in_body = true;
    if (who->body_left > 0) return false;
    answer(who);
    return !who->held_back;
  }

  void answer(client* who) {
    std::string_view type = "application/json", body = R"(["ok"])";
    std::int64_t fill = 0;
    constexpr std::string_view content = "/puppet/v3/file_content/bytes/";
    if (who->path.starts_with(content)) {
      type = "application/octet-stream";
      fill = to_number(std::string_view(who->path).substr(content.size()), 0);
    } else if (who->path.starts_with("/puppet/v3/catalog/")) {
      fill = catalog_bytes;
    } else if (who->path.starts_with("/puppet/v3/file_metadata")) {
      body = metadata;
    } else if (who->path.starts_with("/status/v1/")) {
      type = "text/plain";
      body = "running";
    }
    if (fill > 0) body = {};
    who->out = "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nX-Puppet-Version: 8.0.0\r\nContent-Type: ";
    who->out.append(type).append("\r\nX-Bench-Master: ").append(name_).append("\r\nContent-Length: ");
    who->out.append(std::to_string(static_cast<std::int64_t>(body.size()) + fill)).append("\r\n");
    who->out.append(who->closes ? "Connection: close\r\n\r\n" : "\r\n").append(body);
    // The first stretch of a made-up body rides along with the head.
    const auto along = std::min<std::int64_t>(fill, 16'000);
    who->out.append(fill_, 0, static_cast<std::size_t>(along));
    who->fill_left = fill - along;
    who->sent = 0;
    who->in_body = false;
    who->answering = true;
    if (delay_ns_ > 0 && !who->path.starts_with("/status/")) {
      who->held_back = true;
      due_.emplace(now_ns() + delay_ns_, who);
    }
  }

  ssize_t send(client* who) {
    while (who->sent < who->out.size()) {
      const ssize_t count = who->wire.write(who->out.data() + who->sent, who->out.size() - who->sent);
      if (count < 0) return count;
      who->sent += static_cast<std::size_t>(count);
    }
    while (who->fill_left > 0) {
      const auto most = std::min<std::int64_t>(who->fill_left, static_cast<std::int64_t>(chunk));
      const ssize_t count = who->wire.write(fill_.data(), static_cast<std::size_t>(most));
      if (count < 0) return count;
      who->fill_left -= count;
    }
    return 1;
  }

  using timer = std::pair<std::int64_t, client*>;
  std::string name_;
  std::int64_t delay_ns_;
  std::string fill_, buffer_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  int epoll_ = -1;
  std::priority_queue<timer, std::vector<timer>, std::greater<>> due_;
};

}  // namespace

int be_master(const arguments& given) { master(given).run(); }

}  // namespace bench
