#include "local/tunnel_session.hpp"

#include "forward/access_log.hpp"
#include "local/listener.hpp"
#include "local/patience.hpp"
#include "local/splice.hpp"
#include "log_value.hpp"
#include "tunnel/client_hello.hpp"
#include "tunnel/connect_request.hpp"

#include <bunraku/error.hpp>
#include <bunraku/service_number.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <optional>
#include <string_view>

namespace shim::local {
namespace net = boost::asio;
using net::ip::tcp;
using error_code = boost::system::error_code;
using clock = std::chrono::steady_clock;
using kind = tunnel::destination::kind;

namespace {

constexpr std::string_view established = "HTTP/1.1 200 Connection established\r\n\r\n";
constexpr std::size_t first_bytes = 4096;  // of a master, read before the tunnel stands
constexpr char handshake_record = 22, alert_record = 21;
/// Fatal alerts that we send ourselves, so that a client's TLS has a word for what happened (RFC 8446, 6.2).
constexpr unsigned char unrecognized_name = 112, internal_error = 80;

constexpr std::string_view too_many =
    "tunnels have half of limits.connections in use, or all but the node's own have three quarters";

std::string alert(unsigned char description) { return {alert_record, 3, 1, 0, 2, 2, static_cast<char>(description)}; }

class open_tunnel {
 public:
  explicit open_tunnel(tunnel_counts::traffic& of) : of_(of) { ++of_.open; }
  ~open_tunnel() { --of_.open; }
  open_tunnel(const open_tunnel&) = delete;
  open_tunnel& operator=(const open_tunnel&) = delete;

 private:
  tunnel_counts::traffic& of_;
};

class session {
 public:
  session(listener_shared& shared, tcp::socket client, std::string_view way)
      : shared_(shared),
        rules_(shared.tunnels),
        place_(shared.sessions.room),
        client_(std::move(client)),
        patience_(std::make_shared<patience>(client_.get_executor())),
        way_(way) {
    error_code ignored;
    client_.non_blocking(true, ignored);
    client_.set_option(tcp::no_delay(true), ignored);
    const auto from = client_.remote_endpoint(ignored);
    peer_ = from.address().to_string() + ":" + std::to_string(from.port());
    make_way();
  }
  ~session() {
    if (is_tunnel_) shared_.tunnelled.note({std::string(way_), service_, served_by_, end_});
    if (stood_ && shared_.tunnel_ended) shared_.tunnel_ended();
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  net::awaitable<void> connect();
  net::awaitable<void> passthrough(const config::listen_at& listener);

 private:
  /// Until its place is settled, another caller may have it.
  void make_way() {
    place_.wait([this] {
      error_code gone;
      client_.cancel(gone);
    });
  }
  using outcome = bunraku::outcome::kind;
  net::awaitable<void> connect_to_own_node();
  net::awaitable<void> hand_to_terminate();
  net::awaitable<std::size_t> read_head();
  net::awaitable<bool> read_hello(tunnel::hello_reader& hello);
  net::awaitable<error_code> dial_first(const tunnel::destination& where);
  net::awaitable<error_code> dial();
  bunraku::service service_number();
  net::awaitable<bool> greet();
  void give_up_master(error_code error, std::string reason, outcome what = outcome::no_tls);
  void leave_master();
  net::awaitable<void> relay();
  net::awaitable<void> refuse(int status, const std::string& why, const std::string& more = {});
  net::awaitable<void> refuse_tls(unsigned char description, const std::string& why);
  net::awaitable<void> say_goodbye(std::string last_words);
  int status_of(error_code error) const;
  std::string failure_text(error_code error) const;
  void note_refusal(std::string_view why);
  void note_end(const splice::result& how);

  listener_shared& shared_;
  std::shared_ptr<const tunnel_rules> rules_;
  places::place place_;
  tcp::socket client_;
  std::shared_ptr<patience> patience_;
  std::string_view way_;
  std::string peer_, asked_, service_;
  std::string in_;  // what the client has sent and no master has taken for good
  bunraku::plan plan_;
  std::optional<bunraku::dialled> master_;
  clock::time_point began_ = clock::now(), attempt_began_;
  std::string first_, last_alert_;  // a master's first bytes
  std::string served_by_;
  tunnel_end end_ = tunnel_end::left;
  bool is_tunnel_ = true;  // not if this node itself was asked for
  bool stood_ = false;
};

net::awaitable<void> session::connect() {
  const auto length = co_await read_head();
  if (length == 0) co_return;
  place_.settle();
  const auto wish = tunnel::parse_connect(std::string_view(in_).substr(0, length), rules_->heads);
  in_.erase(0, length);
  if (!wish) {
    co_await refuse(wish.error().status, std::string(wish.error().text));
    co_return;
  }
  asked_ = bunraku::master(wish->host, wish->port, bunraku::source_kind::list).to_string();
  auto where = rules_->names.find(wish->host, wish->port);
  if (where.what == kind::refused) {
    co_await refuse(403, where.why, ". Known here: " + rules_->names.known());
    co_return;
  }
  if (where.what == kind::own_node) {
    co_await connect_to_own_node();
    co_return;
  }
  if (!place_.belongs_to(places::tunnels)) {
    co_await refuse(503, std::string(too_many));
    co_return;
  }
  const auto error = co_await dial_first(where);
  if (error) {
    end_ = tunnel_end::unserved;
    co_await refuse(status_of(error), failure_text(error));
    co_return;
  }
  // Only now does the client begin its TLS.
  const auto failed = co_await patience_->write_all(client_, established, clock::now() + rules_->head_limit);
  if (failed) {
    leave_master();
    co_return;
  }
  tunnel::hello_reader hello;
  const bool whole = co_await read_hello(hello);
  if (whole) co_await relay();
  else leave_master();
}

net::awaitable<void> session::connect_to_own_node() {
  if (shared_.before_use) shared_.before_use();
  if (!shared_.tls) {
    co_await refuse(503, asked_ +
                             " is this node, which has no certificate yet: for its first run, set ca_server in "
                             "puppet.conf to the CA's own name");
    co_return;
  }
  const auto failed = co_await patience_->write_all(client_, established, clock::now() + rules_->head_limit);
  if (!failed) co_await hand_to_terminate();
}

net::awaitable<void> session::passthrough(const config::listen_at& listener) {
  tunnel::hello_reader hello;
  const bool whole = co_await read_hello(hello);
  if (!whole) co_return;
  place_.settle();
  error_code ignored;
  const auto& name = hello.server_name();
  asked_ = name.empty() ? "-" : name;
  auto where = name.empty() ? rules_->names.find_unnamed(listener)
                            : rules_->names.find_server(name, client_.local_endpoint(ignored).port());
  if (where.what == kind::refused) {
    co_await refuse_tls(unrecognized_name, where.why);
    co_return;
  }
  if (where.what == kind::own_node) {
    co_await hand_to_terminate();
    co_return;
  }
  if (!place_.belongs_to(places::tunnels)) {
    co_await refuse_tls(internal_error, std::string(too_many));
    co_return;
  }
  const auto error = co_await dial_first(where);
  if (error) {
    end_ = tunnel_end::unserved;
    co_await refuse_tls(internal_error, failure_text(error));
  } else {
    co_await relay();
  }
}

net::awaitable<void> session::hand_to_terminate() {
  place_.release();  // terminate() takes one again
  is_tunnel_ = false;
  co_await terminate(shared_, std::move(client_), std::move(in_));
}

/// Length of the CONNECT head at the front of in_, or 0 when all has been said.
net::awaitable<std::size_t> session::read_head() {
  http::head_scanner scanner(rules_->heads);
  const auto until = clock::now() + rules_->head_limit;
  for (;;) {
    const auto length = scanner.scan(in_);
    if (!length) {
      co_await refuse(http::status_of(length.error()), std::string(http::text_of(length.error())));
      co_return 0;
    }
    if (*length != 0) co_return *length;
    const auto error = co_await patience_->read_some(client_, in_, rules_->heads.head_bytes, until);
    if (error == net::error::timed_out && !in_.empty())
      co_await refuse(408, "the request's head was not complete in time");
    if (place_.lost()) note_refusal(gave_way);
    if (error) co_return 0;
  }
}

/// in_ then begins with a whole ClientHello. False when all has been said.
net::awaitable<bool> session::read_hello(tunnel::hello_reader& hello) {
  const auto until = clock::now() + rules_->hello_limit;
  for (;;) {
    const auto whole = hello.read(in_);
    if (!whole) {
      note_refusal(text_of(whole.error()));
      co_return false;
    }
    if (*whole) co_return true;
    const auto error = co_await patience_->read_some(client_, in_, tunnel::hello_reader::usual_limit, until);
    if (error == net::error::timed_out) note_refusal("its ClientHello was not complete in time");
    if (place_.lost()) note_refusal(gave_way);
    if (error) co_return false;
  }
}

net::awaitable<error_code> session::dial_first(const tunnel::destination& where) {
  service_ = where.service_name;
  plan_.follow(where.service);
  auto [error, plan] = co_await rules_->resolver.async_plan(service_number(), net::as_tuple(net::use_awaitable));
  plan_ = std::move(plan);
  if (error) co_return error;
  error = co_await dial();
  co_return error;
}

/// A reload may have come since its rules were made.
bunraku::service session::service_number() {
  plan_.follow(bunraku::number_of(service_, rules_->resolver.options(), plan_.service()));
  return plan_.service();
}

net::awaitable<error_code> session::dial() {
  master_.reset();
  attempt_began_ = clock::now();
  service_number();
  auto [error, dialled] = co_await rules_->resolver.async_dial(plan_, net::as_tuple(net::use_awaitable));
  if (!error) master_ = std::move(dialled);
  co_return error;
}

/// Sends the client's first bytes to the master and waits for its first. Until they are there nothing has happened that
/// another master could not do as well; so what a master without TLS got is sent to the next one.
net::awaitable<bool> session::greet() {
  const auto until = clock::now() + rules_->tls_limit;
  first_.clear();
  auto error = co_await patience_->write_all(master_->socket(), in_, until);
  if (!error) error = co_await patience_->read_some(master_->socket(), first_, first_bytes, until);
  if (error == net::error::timed_out) {
    give_up_master(bunraku::errc::tls_timeout, "connected, but it did not answer the ClientHello in time");
  } else if (error == net::error::eof) {
    give_up_master(bunraku::errc::tls_failed, "it closed the connection before its TLS began");
  } else if (error) {
    give_up_master(error, error.message() + " before its TLS began");
  } else if (first_.front() == alert_record) {
    // It may be the client that no master can please: nothing is held against this one, and its own word is kept.
    last_alert_ = std::move(first_);
    give_up_master(bunraku::errc::tls_failed, "it answered the ClientHello with an alert", outcome::cancelled);
  } else if (first_.front() != handshake_record) {
    give_up_master(bunraku::errc::tls_failed, "what it answered is not TLS");
  } else {
    rules_->resolver.report(master_->who(), service_number(), bunraku::outcome(outcome::spoke_tls));
    co_return true;
  }
  co_return false;
}

void session::give_up_master(error_code error, std::string reason, outcome what) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - attempt_began_);
  rules_->resolver.report(master_->who(), service_number(), bunraku::outcome(what, reason));
  plan_.add(bunraku::attempt(master_->who(), bunraku::stage::tls, error, std::move(reason), took));
  shared_.info("attempt failed " + plan_.attempts().back().to_string());
}

/// The client went away before its master could show anything.
void session::leave_master() {
  if (master_) rules_->resolver.report(master_->who(), service_number(), bunraku::outcome(outcome::cancelled));
}

net::awaitable<void> session::relay() {
  for (;;) {
    const bool speaks_tls = co_await greet();
    if (speaks_tls) break;
    const auto error = co_await dial();
    if (!error) continue;
    end_ = tunnel_end::unserved;
    note_refusal(failure_text(error));
    co_await say_goodbye(last_alert_.empty() ? alert(internal_error) : std::move(last_alert_));
    co_return;
  }
  auto& totals = shared_.tunnelled.at(way_, service_);
  const open_tunnel stands(totals);
  const auto greeted = in_.size();  // greet() has sent them
  totals.up += greeted;
  totals.failovers += !plan_.attempts().empty();
  served_by_ = master_->who().to_string();
  stood_ = true;
  in_ = {};
  const auto both = std::make_shared<splice>(std::move(client_), std::move(master_->socket()), std::move(first_),
                                             shared_.scratch, totals);
  auto how = co_await splice::run(both, rules_->idle_limit);
  how.up += greeted;
  end_ = how.how;
  note_end(how);
}

net::awaitable<void> session::refuse(int status, const std::string& why, const std::string& more) {
  note_refusal(why);
  std::string answer;
  tunnel::write_refusal(answer, status, why, more);
  co_await say_goodbye(std::move(answer));
}

net::awaitable<void> session::refuse_tls(unsigned char description, const std::string& why) {
  note_refusal(why);
  co_await say_goodbye(alert(description));
}

/// Reading what still comes keeps the last words from being lost to a reset; bounded, then the connection ends.
net::awaitable<void> session::say_goodbye(std::string last_words) {
  make_way();
  const auto until = clock::now() + std::chrono::seconds(2);
  const auto failed = co_await patience_->write_all(client_, last_words, until);
  if (failed) co_return;
  error_code ignored;
  client_.shutdown(tcp::socket::shutdown_send, ignored);
  for (int i = 0; i < 64; ++i) {
    in_.clear();
    const auto error = co_await patience_->read_some(client_, in_, 4096, until);
    if (error) break;
  }
}

int session::status_of(error_code error) const {
  if (error != bunraku::errc::all_tried) return 503;
  const auto slow = [](const bunraku::attempt& a) { return a.error() == bunraku::errc::connect_timeout; };
  return std::ranges::any_of(plan_.attempts(), slow) ? 504 : 502;
}

std::string session::failure_text(error_code error) const {
  if (error == bunraku::errc::all_tried && !plan_.attempts().empty())
    return "no master of service " + service_ + " answered: " + forward::join(plan_.attempts());
  return "service " + service_ + ": " + error.message() + ". 'bunraku resolve " + service_ + "' shows what was asked";
}

void session::note_refusal(std::string_view why) {
  if (end_ != tunnel_end::unserved) end_ = tunnel_end::refused;
  std::string line = "refused way=";
  line += way_;
  line += " client=\"" + peer_ + "\" for=\"" + asked_ + "\" reason=" + log_value(why);
  shared_.refused(line);
}

void session::note_end(const splice::result& how) {
  if (!rules_->log_each) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began_).count();
  const auto& failed = plan_.attempts();
  std::string line = "tunnel way=";
  line += way_;
  line += " service=" + service_ + " for=\"" + asked_ + "\" master=" + master_->who().to_string() +
          " attempts=" + std::to_string(failed.size() + 1) + " up=" + std::to_string(how.up) +
          " down=" + std::to_string(how.down) + " ms=" + std::to_string(ms) + " client=\"" + peer_ + '"';
  if (!how.why.empty()) line += " cut=" + log_value(how.why);
  if (!failed.empty()) line += " failed=" + log_value(forward::join(failed));
  shared_.info(line);
}

}  // namespace

net::awaitable<void> serve_connect(listener_shared& shared, tcp::socket client) {
  session one(shared, std::move(client), "connect");
  co_await one.connect();
}

net::awaitable<void> serve_passthrough(listener_shared& shared, config::listen_at listener, tcp::socket client) {
  session one(shared, std::move(client), "passthrough");
  co_await one.passthrough(listener);
}

}  // namespace shim::local
