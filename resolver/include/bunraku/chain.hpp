#pragma once
#include <bunraku/demands.hpp>
#include <bunraku/error.hpp>
#include <bunraku/problem.hpp>
#include <bunraku/service.hpp>
#include <bunraku/site.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bunraku {

/// Would a master that shows this chain be accepted? Asked without a network, of files.
struct chain_question {
  std::string chain;       ///< PEM file as the master sends it: its own certificate first, then any CAs between
  credential_files trust;  ///< `ca`, `crl` and `check`; nothing is read of the others
  /// Name or IP literal (no brackets) that was dialled, as SRV gave it; empty: any name will do.
  std::string host;
  master_demands demands;                      ///< as resolver_options::demands
  std::string service = "catalog";             ///< for the words of a refusal by pin
  std::vector<std::string> pins;               ///< as service_options::pins
  std::optional<std::chrono::sys_seconds> at;  ///< years 1970 to 9999; nothing: the clock's time
};

/// A certificate of the chain, for people. Text is printable and bounded, whatever the certificate holds.
struct chain_certificate {
  std::string subject, issuer, serial;
  std::vector<std::string> names;  ///< dNSNames and addresses
  std::string spki_sha256;         ///< the key's pin: 64 hexadecimal digits; empty if it cannot be read
  std::optional<std::chrono::sys_seconds> not_before, not_after;
};

/// The answer. With errors in `found` (a file that cannot be read, a host that is none) nothing was judged: then
/// `reason` is empty and `error` is errc::credentials_invalid.
struct chain_verdict {
  boost::system::error_code
      error;           ///< no error: the master would be accepted; else what the connection would fail with
  std::string reason;  ///< why not: one sentence without a full stop
  std::vector<chain_certificate> shown;
  problems found;
};

/// Judges by the very code that verifies a master in its handshake: chain, time, revocation, purpose, name, then what
/// is demanded of masters. What only a handshake can show, that the master has the certificate's key, is not asked.
/// Blocking file reads; any thread; throws nothing but std::bad_alloc.
chain_verdict verify_chain(const chain_question& question);

}  // namespace bunraku
