#include "daemon/daemon.hpp"

#include "admin/metrics.hpp"
#include "log_value.hpp"
#include "problem_text.hpp"

#include <bunraku/private_key.hpp>
#include <bunraku/token_uri.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <csignal>
#include <filesystem>
#include <unistd.h>

namespace shim::daemon {
namespace net = boost::asio;
using bunraku::log_level;

namespace {

bunraku::resolver_options with_log(bunraku::resolver_options options, std::shared_ptr<event_log> log) {
  options.log = std::move(log);
  return options;
}

sigset_t only_reload() noexcept {
  sigset_t one{};
  ::sigaddset(&one, SIGHUP);
  return one;
}

void take_held_reloads() noexcept {
  const auto reload = only_reload();
  ::pthread_sigmask(SIG_UNBLOCK, &reload, nullptr);
}

std::chrono::sys_seconds today() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

}  // namespace

void hold_reloads() noexcept {
  const auto reload = only_reload();
  ::pthread_sigmask(SIG_BLOCK, &reload, nullptr);
}

daemon::daemon(const places& where, const setup& setup, const leg_identities& who, std::shared_ptr<event_log> log)
    : places_(where),
      log_(std::move(log)),
      signals_(loop_),
      drain_timer_(loop_),
      textfile_timer_(loop_),
      watchdog_(loop_),
      leftovers_(loop_),
      configuration_(*setup.configuration),
      site_(*setup.site),
      resolver_(loop_.get_executor(), with_log(*setup.options, log_), who.upstream),
      limits_(loop_.get_executor()),
      pool_(loop_.get_executor(), setup.configuration->limits.upstream_idle,
            setup.configuration->limits.idle_connections),
      forwarding_{.resolver = resolver_, .pool = pool_, .limits = limits_},
      sessions_{.forwarding = forwarding_},
      shared_{.sessions = sessions_},
      listeners_(loop_, shared_, local::take_inherited_sockets()),
      control_(loop_.get_executor(), controlled()),
      loopback_(loop_.get_executor(), controlled()),
      rotation_(loop_.get_executor(), rotating()) {
  shared_.info = [this](std::string_view line) { say(log_level::info, line); };
  shared_.refused = [this](std::string_view line) { refused(line); };
  shared_.before_use = [this] {
    rotation_.before_use(today());
    leftovers_.connection_began();
  };
  shared_.warn = [this](std::string_view line) { say(log_level::warning, line); };
  shared_.tunnel_ended = [this] { renew_textfile_later(); };
  sessions_.refused = [this](std::string_view client, std::string_view what) {
    say(log_level::warning, "refused request client=" + log_value(client) + " reason=" + log_value(what));
  };
  forwarding_.warn = [this](std::string_view line) { say(log_level::warning, line); };
  pool_.when_idle(give_back_memory);
  resolver_.observe_runs([this](const bunraku::snapshot::run_view& run) {
    history_.note(run);
    // Not now: whoever told of it is in the middle of its work.
    if (!configuration_.admin.textfile.empty()) net::post(loop_, [this] { write_textfile(); });
  });
  forwarding_.record = [this](const forward::exchange_record& record) {
    history_.note(record);
    if (!configuration_.log.access && !record.unserved) return;
    const auto level = record.unserved ? log_level::warning : log_level::info;
    if (log_->level() <= level) log_->write(level, forward::to_line(record));
  };
}

/// At a forced end exchanges are still under way, and they refer to limits_ and others, which end before loop_ does.
daemon::~daemon() {
  if (plugins_) plugins_->stop();
  shared_.tunnel_ended = nullptr;
  loop_.forget();
}

admin::controlled daemon::controlled() {
  return {.resolver = resolver_,
          .limits = limits_,
          .so_far = history_,
          .facts = [this] { return facts(); },
          .reload = [this] { return reload(); },
          .refused = [this](std::string_view line) { refused(line); },
          .say = [this](log_level level, std::string_view line) { say(level, line); },
          .plugins = [this] { return plugins_; }};
}

/// Nobody sees the end of a run in tunnels, so the file follows them; an agent opens several in a row.
void daemon::renew_textfile_later() {
  constexpr std::chrono::seconds pace{5};
  if (configuration_.admin.textfile.empty() || textfile_due_) return;
  textfile_due_ = true;
  textfile_timer_.expires_after(pace);
  textfile_timer_.async_wait([this](boost::system::error_code error) {
    textfile_due_ = false;
    if (!error) write_textfile();
  });
}

/// Says once what is wrong with it: a collector's directory that is missing must not fill the log run by run.
void daemon::write_textfile() {
  const auto& path = configuration_.admin.textfile;
  if (path.empty()) return;
  const auto text = admin::metrics_text(resolver_.snapshot(), facts(), history_, std::chrono::system_clock::now());
  auto trouble = admin::write_textfile(path, text);
  if (!trouble.empty() && trouble != textfile_trouble_)
    say(log_level::warning, "no metrics for the textfile collector reason=" + log_value(trouble) +
                                " fix=\"let bunraku's unit and user write in its directory, and restart it\"");
  textfile_trouble_ = std::move(trouble);
}

void daemon::say(log_level level, std::string_view line) const {
  if (log_->level() <= level) log_->write(level, line);
}

void daemon::tell(const bunraku::problems& found) const {
  for (const auto& p : found)
    say(p.level() == bunraku::severity::error ? log_level::error : log_level::warning,
        "problem where=" + log_value(p.where()) + " what=" + log_value(problem_text(p)));
}

/// Whoever is turned away leaves one line; those who come in their thousands do not fill the disk.
void daemon::refused(std::string_view line) {
  const auto paced = refusals_.on_refusal(std::chrono::steady_clock::now());
  if (!paced.write) return;
  std::string out(line);
  if (paced.left_out != 0) out += " unlogged_before=" + std::to_string(paced.left_out);
  say(log_level::warning, out);
}

/// Puts a checked configuration into effect; exchanges under way go on with the connection they have.
void daemon::take(const setup& setup, const leg_identities& who) {
  configuration_ = *setup.configuration;
  site_ = *setup.site;
  certname_ = setup.site->certname;
  log_->set_level(configuration_.log.level);
  const auto& limits = configuration_.limits;
  auto options = with_log(*setup.options, log_);
  // The configuration does not know the ports of inherited sockets, nor those that the kernel chose.
  for (const auto& at : listeners_.addresses())
    options.never_dial.emplace_back(at.address().to_string(), at.port(), bunraku::source_kind::list);
  options.extensions = plugins_;
  options_ = std::move(options);
  pool_.set_limits(limits.upstream_idle, limits.idle_connections);

  forwarding_.heads = {limits.header_bytes, limits.header_count, limits.target_bytes};
  forwarding_.replay_bytes = limits.replay_bytes;
  forwarding_.replay_file_bytes = limits.replay_file_bytes;
  forwarding_.stall = limits.stall_timeout;
  forwarding_.deadline = limits.deadline;
  forwarding_.strip_headers = configuration_.strip_headers;

  sessions_.idle_limit = limits.idle;
  sessions_.header_limit = limits.header_timeout;
  sessions_.room.most = limits.connections;
  const auto table = std::make_shared<const config::routes>(configuration_);
  sessions_.route = [table](const http::request_head& request) {
    const auto to = table->decide(request.method, request.target, request.fields);
    return forward::destination{to.service, to.service_name, to.endpoint, to.first_byte, table};
  };
  shared_.handshake_limit = limits.handshake_timeout;
  shared_.tunnels = std::make_shared<const local::tunnel_rules>(
      local::tunnel_rules{.resolver = resolver_,
                          .names = tunnel::name_table(configuration_, site_),
                          .heads = forwarding_.heads,
                          .head_limit = limits.header_timeout,
                          .hello_limit = limits.handshake_timeout,
                          .tls_limit = configuration_.connect.tls_timeout,
                          .idle_limit = limits.tunnel_idle,
                          .log_each = configuration_.log.access});
  for (const auto& at : configuration_.listen) {
    using way_in = config::listen_at::way_in;
    if (at.way != way_in::connect && at.way != way_in::passthrough) continue;
    for (const auto& service : options_.services)
      shared_.tunnelled.expect(at.way == way_in::connect ? "connect" : "passthrough", service.name);
  }
  take(who);
  rotation_.begin(who, today());
}

/// Idle connections to masters end, and those under way end with their exchange: they were made with the old ones.
void daemon::take(const leg_identities& who) {
  pool_.clear();
  resolver_.replace(options_, who.upstream);
  shared_.tls = who.local ? std::make_shared<const bunraku::local_tls>(who.local) : nullptr;
}

/// What the sandbox keeps from us looks like a file of another user: the reason is said first.
leg_identities daemon::load_identities_again() {
  net::post(loop_, give_back_memory);  // once they are used or not: a CRL can be of megabytes
  auto who = load_identities(configuration_, site_);
  if (!has_error(who.found)) return who;
  setup now;
  now.configuration = configuration_;
  now.site = site_;
  const auto refused = sandbox::refusals(sandbox_, needs_of(now));
  who.found.insert(who.found.begin(), refused.begin(), refused.end());
  return who;
}

rotation::hooks daemon::rotating() {
  return {.files = [this] { return files_of_identities(configuration_, site_); },
          .stamp = [this] { return stamp_of_identities(configuration_, site_); },
          .load = [this] { return load_identities_again(); },
          .take = [this](const leg_identities& who) { take(who); },
          .say =
              [this](log_level level, std::string_view line) {
                say(level, line);
                // A node whose certificate is revoked has no more runs that would write it.
                net::post(loop_, [this] { write_textfile(); });
              },
          .tell = [this](const bunraku::problems& found) { tell(found); },
          // Not now: a reload begins the watch anew, which is in the middle of its work.
          .fit =
              [this] {
                if (reload_waits_) net::post(loop_, [this] { reload_that_waited(); });
              }};
}

/// Asio does not tell that the kernel refused to watch the descriptors behind its timers and signals (ENOSPC or ENOMEM
/// from epoll_ctl). A daemon without them would never time out and not hear SIGTERM.
bool daemon::loop_works() {
  bool timer_came = false, signal_came = false;
  net::signal_set signals(loop_, SIGURG);                        // which does nothing if nobody waits for it
  net::steady_timer timer(loop_, std::chrono::microseconds(1));  // that ends by its descriptor, too
  signals.async_wait([&](boost::system::error_code error, int) { signal_came = !error; });
  timer.async_wait([&](boost::system::error_code error) { timer_came = !error; });
  ::raise(SIGURG);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!(timer_came && signal_came) && loop_.run_one_until(until) != 0) {
  }
  signals.cancel();
  timer.cancel();
  loop_.poll();  // what was cancelled refers to this function
  loop_.restart();
  return timer_came && signal_came;
}

bunraku::problems daemon::start(const setup& setup, const leg_identities& who) {
  if (!loop_works())
    return {{bunraku::severity::error, "epoll", "The kernel does not watch descriptors for this process.",
             "Raise fs.epoll.max_user_watches (sysctl), or give the host memory."}};
  auto found = listeners_.open(setup.configuration->listen);
  if (has_error(found)) return found;
  take(setup, who);
  const auto control = open_control();
  found.insert(found.end(), control.begin(), control.end());
  sandbox_wanted_ = configuration_.sandbox.use;
  if (sandbox_wanted_) sandbox_ = sandbox::enter(needs_of(setup), found);
  try_tokens(who, found);
  // After that, so that their threads have given up the same.
  const auto loaded = load_plugins(setup);
  found.insert(found.end(), loaded.found.begin(), loaded.found.end());
  plugins_ = loaded.value;
  if (!configuration_.plugins.empty()) take(setup, who);
  return found;
}

bunraku::plugins_reading daemon::load_plugins(const setup& setup) const {
  auto wanted = plugins_of(*setup.configuration);
  wanted.log = log_;
  auto loaded = bunraku::load_plugins(wanted, plugins_);
  const auto misplaced = misplaced_plugins(*setup.configuration, loaded.value->facts());
  loaded.found.insert(loaded.found.end(), misplaced.begin(), misplaced.end());
  return loaded;
}

/// A token's module that misses what was given up would fail each run's first handshake: better here and now.
void daemon::try_tokens(const leg_identities& who, bunraku::problems& found) {
  for (const auto& leg : {who.upstream, who.local}) {
    if (!leg || !bunraku::is_token_uri(leg->files().private_key)) continue;
    const auto why = bunraku::try_signing(*leg);
    if (why.empty()) continue;
    found.emplace_back(bunraku::severity::error, bunraku::parse_token_uri(leg->files().private_key).value.key,
                       "The token does not sign: " + why + ".",
                       "Give its module the files it uses in [sandbox] files, or try [sandbox] use = \"off\".");
    return;
  }
}

sandbox::needs daemon::needs_of(const setup& with) const {
  return sandbox::needs_of(
      *with.configuration, with.site ? *with.site : site_,
      {.config_file = places_.config_file.empty() ? "" : std::filesystem::absolute(places_.config_file).string(),
       .store_file = with.options ? with.options->dns.store_file : std::string(),
       .admin_socket = admin::socket_path(with.configuration->admin.socket),
       .replay_directory = forwarding_.replay_directory,
       .plugin_directory = plugins_of(*with.configuration).directory});
}

bunraku::problems daemon::open_control() {
  const auto& where = configuration_.admin;
  auto found = control_.open(admin::socket_path(where.socket), where.where.empty() ? "[admin] socket" : where.where);
  const auto before = loopback_.place();
  const auto more = loopback_.open(where.address, where.port, where.address_where);
  found.insert(found.end(), more.begin(), more.end());
  if (const auto place = loopback_.place(); !place.empty() && place != before)
    say(log_level::info, "status page url=http://" + place + "/");
  write_textfile();
  return found;
}

admin::daemon_facts daemon::facts() const {
  using end = std::optional<std::chrono::system_clock::time_point>;
  const auto& own = rotation_.in_use().upstream;
  return {.version = BUNRAKU_VERSION,
          .pid = ::getpid(),
          .config_file = configuration_.file,
          .listen = listeners_.description(),
          .sandbox = sandbox_.description,
          .certname = certname_,
          .started = started_,
          .connections = sessions_.room.taken(),
          .stopping = sessions_.draining,
          .reload_failed = reload_failed_,
          .certificate_ends = own ? end(own->certificate_not_after()) : end(),
          .ca_ends = own ? end(own->ca_not_after()) : end(),
          .crl_ends = own ? end(own->crl_next_update()) : end(),
          .credentials = credentials(),
          .credentials_refused = rotation_.refused(),
          .credentials_watched = rotation_.watches(),
          .tunnels = &shared_.tunnelled};
}

std::vector<admin::credentials_facts> daemon::credentials() const {
  const auto& [local, upstream, found, revoked, stamp] = rotation_.in_use();
  const auto facts_of = [&](std::string leg, const bunraku::identity& own) {
    admin::credentials_facts f{.leg = std::move(leg),
                               .certificate_file = own.files().certificate,
                               .ca_file = own.files().ca,
                               .crl_file = own.files().crl,
                               .serial = own.certificate_serial(),
                               .not_before = own.certificate_not_before(),
                               .not_after = own.certificate_not_after(),
                               .ca_not_after = own.ca_not_after(),
                               .crl_next_update = own.crl_next_update(),
                               .warnings = own.check(today())};
    return f;
  };
  std::vector<admin::credentials_facts> all;
  if (upstream) all.push_back(facts_of(upstream == local ? "both" : "upstream", *upstream));
  if (local && local != upstream) all.push_back(facts_of("local", *local));
  return all;
}

int daemon::run() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
  await_signal();
  take_held_reloads();
  say(log_level::info, "ready listen=\"" + listeners_.description() + "\" sandbox=\"" + sandbox_.description + '"');
  tell_supervisor("READY=1\nSTATUS=listening on " + listeners_.description());
  watchdog_.start();
  keep_memory_at_hand();
  give_back_memory();
  loop_.run();
  say(log_level::info, "stopped");
  return 0;
}

void daemon::await_signal() {
  signals_.async_wait([this](boost::system::error_code error, int number) {
    if (error) return;
    if (number == SIGHUP) {
      reload();
    } else if (sessions_.draining) {
      say(log_level::info, "asked again to stop: not waiting any longer");
      loop_.stop();
      return;
    } else {
      drain();
    }
    await_signal();
  });
}

admin::reload_result daemon::reload(bool again) {
  if (sessions_.draining) {
    say(log_level::warning, "reload refused: stopping already");
    return {false, {{bunraku::severity::error, "daemon", "It is stopping already.", "Start it again."}}};
  }
  tell_supervisor("RELOADING=1");
  auto setup = load_setup(places_);
  auto found = setup.found;
  if (setup.configuration) {
    const auto refused = sandbox::refusals(sandbox_, needs_of(setup));
    found.insert(found.end(), refused.begin(), refused.end());
  }
  leg_identities who;
  bool waits = false;
  if (!has_error(found)) {
    net::post(loop_, give_back_memory);
    who = load_identities(*setup.configuration, *setup.site);
    found.insert(found.end(), who.found.begin(), who.found.end());
    const auto renamed = other_names(rotation_.in_use(), who);
    found.insert(found.end(), renamed.begin(), renamed.end());
    if (rotation_.in_use().local && !who.local && !has_error(who.found))
      found.emplace_back(bunraku::severity::error, site_.credentials.certificate,
                         "The certificate that is in use is not there any more.",
                         "Put it back, or restart bunraku to do without one.");
    // A renewal may be half written. Other files than those in use are not watched.
    waits = !again && has_error(found) &&
            files_of_identities(*setup.configuration, *setup.site) == files_of_identities(configuration_, site_);
  }
  std::shared_ptr<bunraku::plugins> loaded;
  if (!has_error(found)) {
    auto reading = load_plugins(setup);
    found.insert(found.end(), reading.found.begin(), reading.found.end());
    loaded = std::move(reading.value);
  }
  // Last: what they close, or give other rules, is not put back.
  if (!has_error(found)) {
    const auto opened = listeners_.open(setup.configuration->listen);
    found.insert(found.end(), opened.begin(), opened.end());
  }
  const bool good = !has_error(found);
  if (good) tell_what_stays(*setup.configuration, found);
  reload_failed_ = !good;
  reload_waits_ = waits;
  if (good) {
    plugins_ = std::move(loaded);
    take(setup, who);
    const auto control = open_control();
    found.insert(found.end(), control.begin(), control.end());
  }
  tell(found);
  if (!good) {
    say(log_level::error, waits ? "reload refused: going on as before, and reloading once the credentials can be used"
                                : "reload refused: going on as before");
    if (waits) rotation_.look_again();
    write_textfile();
  } else {
    say(log_level::info, "reloaded listen=\"" + listeners_.description() + '"');
  }
  tell_supervisor("READY=1\nSTATUS=listening on " + listeners_.description());
  return {good, std::move(found)};
}

/// Once for each that was asked for: what a new configuration wants of the same files may be more than the watch does.
void daemon::reload_that_waited() {
  if (!reload_waits_ || sessions_.draining) return;
  say(log_level::info, "reloading: the credentials can be used now");
  reload(true);
}

/// What was settled at the start, and no reload changes.
void daemon::tell_what_stays(const config::configuration& wanted, bunraku::problems& found) const {
  const auto tell_one = [&](const char* what) {
    found.emplace_back(bunraku::severity::warning, wanted.file, what, "Restart bunraku.");
  };
  if (!log_->goes_to(wanted.log.to)) tell_one("[log] to is another place, and the log goes on where it went.");
  if (wanted.sandbox.use != sandbox_wanted_)
    tell_one(sandbox_wanted_ ? "[sandbox] use is \"off\", and what was given up at the start stays so."
                             : "[sandbox] use is \"auto\", and nothing was given up at the start.");
}

void daemon::drain() {
  say(log_level::info, "draining connections=" + std::to_string(sessions_.room.taken()));
  const auto patience = configuration_.limits.drain_timeout + std::chrono::seconds(10);
  tell_supervisor("STOPPING=1\nSTATUS=letting exchanges end\nEXTEND_TIMEOUT_USEC=" +
                  std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(patience).count()));
  listeners_.close();
  control_.close();
  loopback_.close();
  rotation_.stop();
  sessions_.drain();
  drain_until_ = std::chrono::steady_clock::now() + configuration_.limits.drain_timeout;
  end_when_drained();
}

void daemon::end_when_drained() {
  if (sessions_.room.taken() == 0 || std::chrono::steady_clock::now() >= drain_until_) {
    if (sessions_.room.taken() != 0)
      say(log_level::warning,
          "limits.drain_timeout is over: cutting connections=" + std::to_string(sessions_.room.taken()));
    loop_.stop();
    return;
  }
  drain_timer_.expires_after(std::chrono::milliseconds(50));
  drain_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) end_when_drained();
  });
}

}  // namespace shim::daemon
