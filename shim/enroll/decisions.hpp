#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Every decision of an enrolment, from values alone.
namespace shim::enroll {

/// What of an enrolment is there, at any moment and after any interruption.
struct progress {
  bool ca = false;
  bool wants_crls = true;  ///< certificate_revocation is not false
  bool crls = false;
  bool key = false;
  bool submitted = false;    ///< since this process began to look: a request may be gone at the CA
  bool certificate = false;  ///< this node's, checked
  bool request = false;      ///< the copy in certificate_requests/, of no more use once there is a certificate
};

enum class step {
  fetch_ca,
  fetch_crls,
  make_key,
  submit_request,
  fetch_certificate,
  remove_request,
  done,
  /// A certificate without its key: a new key would never fit, and making one would hide that the old one is lost.
  key_is_lost,
};
/// In Puppet's own order. Whatever is there is never made again.
step next_step(const progress& have) noexcept;

/// What a CA's answer to a signing request means.
enum class submission {
  accepted,
  requested,        ///< it has one already: this one, or another one under our name
  signed_already,   ///< it has a certificate already
  revoked_already,  ///< it has revoked one of this name, and takes no new request until that is cleaned
  no_ca,            ///< this master is no CA, or not one that takes requests
  busy,             ///< worth asking again later
  refused,          ///< it does not want this request, and says why
};
submission judge_submission(int status, std::string_view body) noexcept;

/// A fingerprint as people write it: "SHA256:" or nothing in front, colons or none, any case. Upper case with colons,
/// or nothing if it is no SHA-256.
std::optional<std::string> read_fingerprint(std::string_view text);

/// How one of the two waits goes, for the certificate or for the lock.
struct wait_rule {
  std::chrono::seconds between{0};              ///< 0: no waiting
  std::optional<std::chrono::seconds> longest;  ///< in all; nothing: for ever
};
/// How long to wait before the next try, after waiting `waited` already: `between` and up to a quarter more or less, so
/// that hosts that began together do not ask together; the last try is when `longest` is over. Nothing: not at all, or
/// no longer. `chance` is any random number.
std::optional<std::chrono::milliseconds> pause_before_next(const wait_rule& rule, std::chrono::milliseconds waited,
                                                           std::uint64_t chance) noexcept;

/// A duration as puppet.conf has it: a number, and y, d, h, m or s, or nothing, which is seconds. At most 100 years.
std::optional<std::chrono::seconds> read_duration(std::string_view text) noexcept;

/// Would Puppet take a process of this name and command line for a Puppet that holds ssl.lock? Source: Puppet's
/// util/pidlock.rb.
bool holds_lock_for_puppet(std::string_view name, std::string_view command_line) noexcept;

/// The first words of an answer that was not what was asked for, printable and short, for a message.
std::string beginning_of(std::string_view body);

}  // namespace shim::enroll
