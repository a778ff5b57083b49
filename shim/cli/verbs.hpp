#pragma once
#include "daemon/setup.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shim::cli {

/// The command line, taken apart by main.cpp.
struct invocation : daemon::places {
  bool json = false;
  bool watch = false;                 ///< status: again and again
  std::string socket;                 ///< the daemon's control socket; empty: bunraku.toml's
  std::string master, lasts;          ///< drain, undrain
  std::string plugin, order;          ///< plugin: which, and a JSON object for it
  std::string service;                ///< resolve: only this one; explain: this one
  std::uint64_t picks = 0;            ///< resolve: draws to count, 0 for none
  std::string ca_fingerprint;         ///< enroll: of the CA bundle or its root; empty: puppet.conf's
  bool trust_first_ca = false;        ///< enroll: the first CA bundle is believed
  bool apply = false, undo = false;   ///< init
  bool unattended = false;            ///< init: by a tool, with nobody to read its notes
  std::vector<std::string> fallback;  ///< init: HOST or HOST:PORT
  std::string ca_server;              ///< init
  bool once = false;                  ///< enroll: one pass, no waiting
  /// enroll: instead of puppet.conf's waitforcert, maxwaitforcert, waitforlock and maxwaitforlock, written as there
  std::string wait_for_cert, longest_wait_for_cert, wait_for_lock, longest_wait_for_lock;
  /// verify-chain: files, the name that is dialled, a time, and "chain", "leaf" or "none" if not as configured
  std::string chain, ca, crl, name, time, revocation;
  std::vector<std::string> scenarios;               ///< drill: which; empty: all
  std::string plan, html, junit;                    ///< drill: files; `lasts`: hold it for so long
  bool list = false, dry_run = false, end = false;  ///< drill
  bool agent = false;                               ///< drill: its traffic is the real agent's
  std::string file;                                 ///< drill: what files-reset downloads
  std::optional<std::uint64_t> seed;  ///< resolve: order and draws come from this instead of the node's name
};

/// Exit codes of all verbs: 0 done (perhaps with warnings), 1 done and the news is bad, 2 it could not be done:
/// configuration, puppet.conf or credentials are wrong.
inline constexpr int good = 0, bad_news = 1, not_done = 2;

/// The daemon, until SIGTERM.
int run(const invocation& with);
/// Configuration, puppet.conf and credentials: every problem, then what is in effect.
int check(const invocation& with);
/// What each source says of a service's masters, and the order in which they are tried.
int resolve(const invocation& with);
/// Everything that can be seen to be wrong, here and with the masters, and how to mend it. 0: nothing but notes; 1:
/// warnings; 2: errors.
int doctor(const invocation& with);
/// Whether a master that shows a chain of certificates would be accepted, and why not. Sends nothing.
int verify_chain(const invocation& with);
/// What would lead this host's agent through bunraku; does it, or takes it back, when told to.
int init(const invocation& with);
/// Plays failures of masters and DNS inside a daemon of its own and judges what came of requests; or holds one in the
/// running daemon. 0: all as expected; 1: not; 2: could not be played.
int drill(const invocation& with);
/// Key, signing request, CA bundle, CRLs and certificate of this node, as far as they are missing.
int enroll(const invocation& with);

// What follows asks the running daemon over its control socket; without one it cannot be done.

/// Every service's masters and how they are.
int status(const invocation& with);
/// One service: who would be asked in which order, and why.
int explain(const invocation& with);
/// No new runs on a master, for a while or until `undrain`.
int drain(const invocation& with);
int undrain(const invocation& with);
/// What a plugin says of itself, or what it says to an order.
int plugin(const invocation& with);
/// As SIGHUP, with the outcome told here.
int reload(const invocation& with);

}  // namespace shim::cli
