#pragma once
#include "enroll/ca_client.hpp"
#include "enroll/decisions.hpp"
#include "enroll/puppet_files.hpp"

#include <bunraku/enrolment.hpp>
#include <bunraku/site.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <string>

namespace shim::enroll {

/// How far one pass came.
enum class outcome {
  enrolled,
  later,        ///< not yet, and asking again may help: not signed, nobody answers
  locked,       ///< another Puppet holds the lock: nothing was looked at
  refused,      ///< the CA's answer is bad news that no waiting mends
  cannot_here,  ///< something on this host is in the way
};

/// What the command line adds to puppet.conf.
struct trust_choice {
  std::string fingerprint;    ///< upper case with colons; empty: none was given
  bool any_first_ca = false;  ///< believe the first CA bundle that comes
};

/// Enrols the node: a pass looks at what is there and does what is missing, one step after another, under ssl.lock.
/// Every step leaves its file whole or not at all, so a pass may end anywhere and the next one goes on from there.
class enrolment {
 public:
  using tell_problems = std::function<void(const bunraku::problems&)>;
  using tell_progress = std::function<void(const std::string&)>;

  enrolment(const bunraku::site& site, trust_choice trusted, ca_client& ca, tell_problems problem,
            tell_progress progress);

  boost::asio::awaitable<outcome> pass();

 private:
  /// Nothing: the step is done.
  using stop = std::optional<outcome>;

  boost::asio::awaitable<outcome> pass_under_lock();
  boost::asio::awaitable<stop> take(step next);
  boost::asio::awaitable<stop> fetch_ca();
  boost::asio::awaitable<stop> fetch_crls();
  boost::asio::awaitable<stop> submit();
  boost::asio::awaitable<stop> fetch_certificate();

  stop make_directories();
  stop look();
  stop look_at_ca();
  stop look_at_crls();
  stop look_at_certificate();
  stop prepare_request();
  stop make_key();
  stop judge_certificate(const std::string& pem, const std::string& where, outcome if_bad);
  std::string trust_bundle(const answer& said, std::optional<bunraku::ca_trust>& into);

  stop write(const std::string& path, std::string_view content, mode_t mode, existing old = existing::keep);
  stop end(outcome how, bunraku::problem why);
  stop end(outcome how, const bunraku::problems& why);
  stop nobody(const std::string& what, const ca_reply& reply);

  const bunraku::site& site_;
  trust_choice trusted_;
  ca_client& ca_;
  tell_problems problem_;
  tell_progress progress_;
  ownership whose_;

  progress have_;
  std::optional<bunraku::ca_trust> trust_;
  std::optional<bunraku::node_key> key_;
  std::optional<bunraku::node_certificate> certificate_;
  bunraku::request_contents contents_;
  bool saw_other_ca_ = false;  // a CA bundle with another fingerprint came: no waiting mends that
  bool already_ = false;       // the certificate was there when the pass began
};

}  // namespace shim::enroll
