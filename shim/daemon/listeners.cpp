#include "daemon/listeners.hpp"

#include "daemon/setup.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <sstream>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::daemon {
namespace net = boost::asio;
using bunraku::severity;
using error_code = boost::system::error_code;
using tcp = net::ip::tcp;
using unix_protocol = net::local::stream_protocol;
using config::listen_at;

namespace {

constexpr int backlog = 128;

/// TCP listeners may change their way and keep their socket.
bool same_place(const listen_at& a, const listen_at& b) {
  const bool same_kind = (a.way == listen_at::way_in::socket) == (b.way == listen_at::way_in::socket);
  return same_kind && a.address == b.address && a.port == b.port && a.path == b.path && a.inherit == b.inherit;
}

void refuse(const listen_at& what, const std::string& why, std::string fix, bunraku::problems& found) {
  const auto where = what.where.empty() ? std::string("listen") : what.where;
  found.emplace_back(what.implied ? severity::warning : severity::error, where,
                     "Cannot listen on " + config::to_string(what) + ": " + why + ".", std::move(fix));
}

/// Other ways than terminate ask nobody who he is. The configuration sees to that where it names the address itself.
bool is_exposed(const listen_at& what, const tcp::endpoint& at, bunraku::problems& found) {
  if (what.way == listen_at::way_in::terminate || at.address().is_loopback()) return false;
  refuse(what, "it can be reached by other hosts, and nobody here would ask them who they are",
         "Let the socket unit listen on 127.0.0.1 or [::1].", found);
  return true;
}

std::string text_of(const tcp::endpoint& place) {
  std::ostringstream text;
  text << place;
  return text.str();
}

/// One of all addresses and one of a single address cannot have a port together.
bool stand_in_each_others_way(const tcp::endpoint& a, const tcp::endpoint& b) {
  return a.port() == b.port() && (a.address().is_unspecified() || b.address().is_unspecified());
}

/// A socket file that nobody listens on any more is what a killed daemon leaves behind.
bool is_left_over(const std::string& path) {
  struct stat about{};
  if (::lstat(path.c_str(), &about) != 0 || !S_ISSOCK(about.st_mode)) return false;
  net::io_context loop(1);
  unix_protocol::socket probe(loop);
  error_code error;
  probe.open(unix_protocol(), error);
  if (!error) probe.non_blocking(true, error);  // somebody may listen there who takes no callers
  if (!error) probe.connect(unix_protocol::endpoint(path), error);
  return error == net::error::connection_refused;
}

/// Where an inherited socket is bound: "127.0.0.1:8140", "[::1]:8140" or a path; empty if it cannot be told.
std::string place_of(const local::inherited_socket& one) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (one.descriptor < 0 || ::getsockname(one.descriptor, reinterpret_cast<sockaddr*>(&at), &size) != 0) return {};
  if (at.ss_family == AF_UNIX) return reinterpret_cast<const sockaddr_un*>(&at)->sun_path;
  tcp::endpoint bound;
  bound.resize(size);
  std::memcpy(bound.data(), &at, size);
  return text_of(bound);
}

std::string place_of(const listen_at& what) {
  if (what.way == listen_at::way_in::socket) return what.path;
  error_code error;
  const auto address = net::ip::make_address(what.address, error);
  return error ? std::string() : text_of({address, what.port});
}

}  // namespace

listeners::listeners(net::io_context& loop, local::listener_shared& shared,
                     std::vector<local::inherited_socket> inherited)
    : loop_(loop), shared_(shared), inherited_(std::move(inherited)) {}

bunraku::problems listeners::open(const std::vector<listen_at>& wanted) {
  bunraku::problems found;
  std::vector<one> opened;
  std::size_t standing = 0;
  for (const auto& w : wanted) {
    const auto before = std::ranges::find_if(open_, [&](const one& o) { return same_place(o.what, w); });
    if (before == open_.end()) {
      standing += add(w, opened, found) ? 1U : 0U;
    } else if (!before->tcp || !is_exposed(w, before->tcp->address(), found)) {
      ++standing;
    }
  }
  if (standing == 0 && !wanted.empty() && !has_error(found))
    found.emplace_back(severity::error, "listen", "None of the default addresses can be listened on.",
                       "See which process uses them (ss -ltnp), or choose another with [[listen]].");
  if (has_error(found)) {
    for (auto& o : opened)
      if (o.unix_socket) o.unix_socket->stop();
    return found;
  }
  std::erase_if(open_, [&](one& o) {
    if (std::ranges::any_of(wanted, [&](const listen_at& w) { return same_place(o.what, w); })) return false;
    if (o.tcp) o.tcp->stop();
    if (o.unix_socket) o.unix_socket->stop();
    return true;
  });
  for (auto& o : open_)
    adopt(o, *std::ranges::find_if(wanted, [&](const listen_at& w) { return same_place(o.what, w); }), found);
  for (auto& o : opened) {
    if (o.tcp) o.tcp->start();
    if (o.unix_socket) o.unix_socket->start();
    open_.push_back(std::move(o));
  }
  tell_unused(found);
  return found;
}

void listeners::close() {
  for (auto& o : open_) {
    if (o.tcp) o.tcp->stop();
    if (o.unix_socket) o.unix_socket->stop();
  }
  open_.clear();
  for (auto& i : inherited_)
    if (i.descriptor >= 0) ::close(i.descriptor);
  inherited_.clear();
}

/// The same place with other rules: its clients and its file stay.
void listeners::adopt(one& open, const listen_at& wanted, bunraku::problems& found) {
  open.what = wanted;
  if (open.tcp) open.tcp->adopt(wanted);
  if (!open.unix_socket) return;
  bunraku::problems told_when_the_configuration_was_read;
  open.unix_socket->allow(allowed_uids(wanted, told_when_the_configuration_was_read));
  if (open.unix_socket->set_mode(wanted.mode)) return;
  found.emplace_back(severity::warning, wanted.where,
                     "The file " + wanted.path + " is not bunraku's socket any more, so that nobody finds it there.",
                     "See who may write in its directory; a restart makes it anew.");
}

std::vector<tcp::endpoint> listeners::addresses() const {
  std::vector<tcp::endpoint> found;
  for (const auto& o : open_)
    if (o.tcp) found.push_back(o.tcp->address());
  return found;
}

std::string listeners::description() const {
  std::string out;
  for (const auto& o : open_) {
    auto shown = o.what;
    if (o.tcp) {
      const auto at = o.tcp->address();
      shown.inherit.clear();
      shown.address = at.address().to_string();
      shown.port = at.port();
    }
    if (!out.empty()) out += ", ";
    out += config::to_string(shown);
  }
  return out;
}

bool listeners::add(const listen_at& what, std::vector<one>& into, bunraku::problems& found) {
  int descriptor = -1;
  if (!what.inherit.empty()) {
    descriptor = inherited_descriptor(what, found);
    if (descriptor < 0) return false;
  } else {
    descriptor = inherited_at(what);
  }
  return what.way == listen_at::way_in::socket ? add_unix(what, descriptor, into, found)
                                               : add_tcp(what, descriptor, into, found);
}

/// A duplicate: the original stays ours, so that a reload can take the same socket again.
int listeners::inherited_descriptor(const listen_at& what, bunraku::problems& found) {
  std::size_t number = inherited_.size();
  std::from_chars(what.inherit.data(), what.inherit.data() + what.inherit.size(), number);
  const bool unix_wanted = what.way == listen_at::way_in::socket;
  for (std::size_t i = 0; i != inherited_.size(); ++i) {
    if (inherited_[i].name != what.inherit && i != number) continue;
    if (unix_wanted ? !inherited_[i].is_unix : !inherited_[i].is_tcp) {
      refuse(what,
             unix_wanted ? "the inherited socket is not a listening Unix socket"
                         : "the inherited socket is not a listening TCP socket",
             "Compare ListenStream= of the socket unit with `way`; it must be without Accept=.", found);
      return -1;
    }
    return ::dup(inherited_[i].descriptor);
  }
  refuse(what, "no such socket was inherited (LISTEN_FDS brought " + std::to_string(inherited_.size()) + ")",
         "Start bunraku by its socket unit, and compare FileDescriptorName= with `inherit`.", found);
  return -1;
}

/// The same place is bound already, for us: the socket unit of a configuration that needs not know of it.
int listeners::inherited_at(const listen_at& what) const {
  const auto wanted = place_of(what);
  for (const auto& one : inherited_) {
    const bool same_kind = what.way == listen_at::way_in::socket ? one.is_unix : one.is_tcp;
    if (same_kind && !wanted.empty() && place_of(one) == wanted) return ::dup(one.descriptor);
  }
  return -1;
}

/// Who opened them goes on listening there whatever we do, so whoever connects would wait for nobody.
void listeners::tell_unused(bunraku::problems& found) const {
  for (const auto& one : inherited_) {
    const auto place = place_of(one);
    const bool used = std::ranges::any_of(open_, [&](const auto& o) {
      auto mine = o.what;
      if (o.tcp) {
        const auto at = o.tcp->address();
        mine.address = at.address().to_string();
        mine.port = at.port();
      }
      return mine.inherit == one.name || place_of(mine) == place;
    });
    if (used || place.empty()) continue;
    found.emplace_back(
        severity::warning, "listen",
        "No [[listen]] takes " + place + ", which was opened for bunraku: who connects there waits in vain.",
        "Give a [[listen]] that address, or take it out of bunraku.socket: systemctl edit bunraku.socket.");
  }
}

/// Where one of ours is open that keeps this one from being opened; empty if none is.
std::string listeners::own_in_the_way(const listen_at& what) const {
  const tcp::endpoint wanted(net::ip::make_address(what.address), what.port);
  for (const auto& o : open_)
    if (o.tcp && stand_in_each_others_way(o.tcp->address(), wanted)) return text_of(o.tcp->address());
  return {};
}

bool listeners::add_tcp(const listen_at& what, int descriptor, std::vector<one>& into, bunraku::problems& found) {
  error_code error;
  tcp::acceptor acceptor(loop_);
  if (descriptor >= 0) {
    sockaddr_storage at{};
    socklen_t size = sizeof at;
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at), &size);
    acceptor.assign(at.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, error);
  } else {
    const tcp::endpoint at(net::ip::make_address(what.address), what.port);
    acceptor.open(at.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(at, error);
    if (!error) acceptor.listen(backlog, error);
  }
  if (error) {
    const auto own = error == net::error::address_in_use ? own_in_the_way(what) : std::string();
    if (!own.empty()) {
      refuse(what, "bunraku itself is at " + own + ", and cannot be at both",
             "Restart bunraku to go from that one to this one.", found);
      return false;
    }
    refuse(what, error.message(),
           error == net::error::address_in_use ? "See which process uses it: ss -ltnp 'sport = :" +
                                                     std::to_string(what.port) + "'. Is another bunraku running?"
                                               : "Choose an address of this host and a port this user may use.",
           found);
    return false;
  }
  if (is_exposed(what, acceptor.local_endpoint(error), found)) return false;
  into.push_back({what, std::make_shared<local::tcp_listener>(std::move(acceptor), what, shared_), nullptr});
  return true;
}

bool listeners::add_unix(const listen_at& what, int descriptor, std::vector<one>& into, bunraku::problems& found) {
  const auto allowed = allowed_uids(what, found);
  error_code error;
  unix_protocol::acceptor acceptor(loop_);
  if (descriptor >= 0) {
    acceptor.assign(unix_protocol(), descriptor, error);
  } else {
    if (is_left_over(what.path)) ::unlink(what.path.c_str());
    const auto before = ::umask(static_cast<mode_t>(~what.mode) & 0777);
    acceptor.open(unix_protocol(), error);
    if (!error) acceptor.bind(unix_protocol::endpoint(what.path), error);
    ::umask(before);
    if (!error) acceptor.listen(backlog, error);
  }
  if (error) {
    refuse(what, error.message(),
           error == net::error::address_in_use
               ? "Another process listens there, or the file is no socket: see ls -l and ss -lxp."
               : "Its directory must exist and this user must be allowed to write there.",
           found);
    return false;
  }
  auto made = std::make_shared<local::unix_listener>(std::move(acceptor), allowed, what.path, shared_);
  if (descriptor >= 0) made->leave_file();
  into.push_back({what, nullptr, std::move(made)});
  return true;
}

}  // namespace shim::daemon
