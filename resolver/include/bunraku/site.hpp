#pragma once
#include <bunraku/problem.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bunraku {

/// puppet.conf's certificate_revocation: which CRLs a chain is checked against. Source: Puppet setting.
enum class revocation {
  chain,  ///< a CRL for every CA up to the root must be there (Puppet's default)
  leaf,   ///< only the issuer's CRL
  none,   ///< no CRL at all
};

/// The files that make an identity and what it trusts. Model: absolute paths; empty = not used.
struct credential_files {
  std::string certificate;      ///< hostcert: the leaf, PEM
  std::string private_key;      ///< hostprivkey: PKCS#1, SEC1 or PKCS#8 PEM, perhaps encrypted; or a token_uri
  std::string passphrase_file;  ///< passfile: the whole file is the passphrase, trailing newline included; mostly there
                                ///< is no such file, since it is only needed for an encrypted key
  std::string ca;               ///< localcacert: bundle, roots and intermediates
  std::string crl;              ///< hostcrl: bundle, one per CA; empty with revocation::none
  revocation check = revocation::chain;
};

/// What puppet.conf says of how this node enrols: texts as they are there, judged by who enrols. Paths absolute.
struct enrolment_settings {
  std::string key_type, key_length, named_curve;  ///< `rsa` or `ec`; bits; an OpenSSL curve
  std::string dns_alt_names;                      ///< comma-separated, mostly empty
  std::string csr_attributes;                     ///< the YAML file, which mostly is not there
  std::string ca_fingerprint;                     ///< SHA-256 of the CA bundle's text, hexadecimal; mostly empty
  std::string certificates, private_keys, public_keys, requests, secrets;  ///< the ssldir's directories
  std::string request;                                                     ///< where the signing request is kept
  std::string lock;                                                        ///< ssl.lock
  std::string user, group;                                                 ///< who owns Puppet's files
  /// How often to ask for the certificate, and to look whether another Puppet still holds the lock; 0: not again. And
  /// for how long in all, where there is a limit.
  std::chrono::seconds wait_for_certificate{120}, wait_for_lock{0};
  std::optional<std::chrono::seconds> longest_wait_for_certificate, longest_wait_for_lock = std::chrono::seconds(60);
};

/// What puppet.conf says of this host, as `puppet agent` itself would read it (section [agent], then [main], then
/// Puppet's defaults). Ports 1 to 65535. Durations as Puppet's (`2m`, `1h`; y = 365 d), in seconds.
struct site {
  struct host_port {
    std::string host;
    std::uint16_t port = 0;
  };

  std::string config_file;  ///< the puppet.conf that was read; empty when there is none
  std::string layout;    ///< "aio", "debian", "user" or "explicit": how the directories were found (puppet/layout.hpp)
  std::string certname;  ///< lower case
  std::string confdir, vardir, ssldir;
  credential_files credentials;
  enrolment_settings enrolment;

  std::string server = "puppet";
  bool server_set = false;  ///< false: nobody configured it, and "puppet" is only Puppet's default
  std::uint16_t serverport = 8140;
  std::string ca_server;  ///< equals `server` unless set
  bool ca_server_set = false;
  std::uint16_t ca_port = 8140;
  std::string report_server;
  bool report_server_set = false;
  std::uint16_t report_port = 8140;
  std::vector<host_port> server_list;  ///< empty unless set

  bool use_srv_records = false;
  std::string srv_domain;  ///< default: the host's domain
  std::string environment = "production";

  /// A setting that puppet.conf gives the agent; of a name given several times the line that counts.
  struct given_setting {
    std::string value;  ///< as the agent has it: `$name` replaced, durations in seconds
    std::string where;  ///< file:line
  };
  std::map<std::string, given_setting, std::less<>> given;  ///< by name; Puppet's own settings alone

  std::chrono::seconds http_connect_timeout{120}, http_read_timeout{600}, runinterval{1800};
};

/// How to look for the site. Empty strings mean "find out as puppet would".
struct site_options {
  std::string config_file;  ///< --puppet-conf: use exactly this file, which must then exist
  std::string certname;     ///< overrides puppet.conf
  std::string ssldir;       ///< overrides puppet.conf
  /// Everything is looked for below this directory instead of / (tests, chroots), the host's name in its etc/hostname
  /// too. Paths in the site begin with it; a config_file or ssldir given above may or may not.
  std::string root_prefix;
};

/// The site, or why not. `value` is there exactly when `problems` holds no error.
struct site_reading {
  std::optional<site> value;
  problems found;
};

/// Reads puppet.conf and finds the ssldir. Blocking file reads, but never DNS; any thread; throws nothing but
/// std::bad_alloc.
/// Errors:  where Puppet itself would drop the whole file and run with `server=puppet`, or refuse a value, this is an
///          error with file, line and cause, never a default.
/// Warns:   what Puppet takes but cannot have been meant; no puppet.conf; an ssldir that is missing or closed to us.
///          The files in the ssldir are not looked at (a host may be enrolled later): who loads them judges them.
site_reading read_site(const site_options& options);

}  // namespace bunraku
