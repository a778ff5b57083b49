#pragma once
#include "engine/observers.hpp"

#include <bunraku/log.hpp>
#include <bunraku/options.hpp>
#include <bunraku/resolution.hpp>
#include <bunraku/service.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace bunraku::engine {

/// Who the masters of a service are, and at which addresses.
/// Model:   a service's sources are numbered as in service_options. Lists are always known. What DNS says is kept, and
///          asked for again, as policy::answer_book decides; it serves on while DNS is silent, also from disk. A
///          name is asked for once at a time, however many wait for it. Which of several owner names decides: see
///          policy::srv_source_answer; for `ca` a failure is final.
/// Threads: the executor's one thread only. Idle, it holds no timer and no descriptor.
/// Owns:    coroutines under way may outlive it; they end soon, with errc::cancelled. Its end writes dns_options::
///          store_file if there is news for it.
class discovery {
 public:
  discovery(boost::asio::any_io_executor executor, std::vector<service_options> services, dns_options dns,
            std::shared_ptr<log_sink> log);
  ~discovery();
  /// Every lookup under way, and each that is begun from now on, ends with `cancelled`; no more questions.
  void stop() noexcept;
  discovery(const discovery&) = delete;
  discovery& operator=(const discovery&) = delete;

  /// What source number `index` of service `s` says now. Never throws; a source that does not exist is `empty`.
  /// Errors:  dns_timeout, dns_failed, dns_malformed, cancelled, in a `failed` answer.
  /// Cancels: terminal; what others wait for goes on.
  boost::asio::awaitable<source_answer> async_source(service s, std::size_t index);

  /// The same if nothing has to be waited for, else null. Valid until the next call or suspension. For the hot path: a
  /// stat of no file as long as DNS works.
  const source_answer* cached_source(service s, std::size_t index) const;

  /// A master of `s` could not be reached. What led there, its SRV record and addresses, is asked for anew before its
  /// TTL is over: the next time it is needed, but not more often than policy::answer_rules::doubt_interval allows.
  void connect_failed(service s, const master& who);

  /// No master of `s` could be reached. Records that DNS called gone, and that were served a while longer, are gone.
  /// Its sources may know other masters now.
  void all_failed(service s);

  /// The last that was known, for onlookers: with a ttl_left of 0 when the next request would ask anew; null if it was
  /// never asked. Valid as above. Nothing is asked for.
  const source_answer* last_source(service s, std::size_t index) const;

  /// `error` is set exactly when `addresses` is empty.
  struct address_answer {
    std::vector<boost::asio::ip::address> addresses;
    boost::system::error_code error;
    std::string note;
    bool own_fault = false;  ///< this host could not ask
  };

  /// Where a master is: an IP literal itself; else what the hosts file says; else A and AAAA records, asked for at the
  /// same time. Families alternate, IPv6 first if there is any (RFC 8305, 4). When one family has answered, the other
  /// is waited for only a moment longer (RFC 8305, 3): some relays never answer AAAA; nor is AAAA when A
  /// says that there is no such name. Never throws. Errors: no_address,
  /// or as `async_source`.
  ///
  /// A host without a dot that a person wrote (`from` is not srv; "server = puppet") is a relative name, as it is for
  /// the agent: DNS is asked for it in each domain of resolv.conf's search list, then for itself, and the first name
  /// with an address is the answer; the note of a failure says which names were asked. The search list counts also
  /// where dns_options::nameservers replaces resolv.conf's servers. SRV owner names, SRV targets (RFC 2782: full names)
  /// and hosts with a dot are never searched for, so that they do not leak. The names share one lookup_deadline: when
  /// it has passed, no further name is asked, and what was silent counts as failed for negative_ttl, so that the next
  /// lookup comes to the names behind it. `host` remains the name that TLS verifies.
  boost::asio::awaitable<address_answer> async_addresses(std::string host, source_kind from);

  /// Asks for the addresses of a master that may be needed soon, unless they are known; nobody waits. DNS may be gone
  /// by the time that the one before it is lost, and a master without an address is no master. Not for relative names.
  void prepare_addresses(const master& who);

  /// Other services and options from now on (a reload). Answers that are still asked for are kept; failures are not.
  /// A plugin is asked anew the next time, and what it said before goes on if it says nothing.
  void replace(std::vector<service_options> services, dns_options dns);

  /// Whoever may interfere with the questions to DNS; null: nobody.
  void set_observers(std::shared_ptr<const observers> who);

  /// Who knows the masters of sources of the kind `plugin`; null: nobody.
  void set_extensions(std::shared_ptr<extensions> who);

  /// 0 for a service that does not exist.
  std::size_t source_count(service s) const;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace bunraku::engine
