#pragma once
#include "config/configuration.hpp"

#include <bunraku/problem.hpp>
#include <bunraku/site.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shim::doctor {

/// Everything that `bunraku doctor` judges by, as it was found. Plain values: who gathers does not judge, and who
/// judges asks nobody.

struct http_fact {
  int status = 0;     ///< 0: no whole answer
  std::string error;  ///< then why, one sentence
};

/// How far a master could be spoken with, with this node's identity.
struct master_facts {
  enum class trouble : std::uint8_t {
    none,
    no_address,
    refused,        ///< an error from the network before a connection stood: refused, unreachable
    silent,         ///< no TCP connection in time
    no_tls,         ///< TCP, and no TLS in time or none that is any
    untrusted,      ///< its certificate is of another CA
    expired,        ///< its certificate, or a CA above it
    revoked,        ///< its certificate
    wrong_name,     ///< not the one that was dialled
    wrong_purpose,  ///< not for servers
    no_master,      ///< none of [identity] master_names, not pinned, or outside of `within`
    crl,            ///< no CRL in use covers its CA now
    refused_us,     ///< it does not take this node's certificate
    ourselves,      ///< its name leads to this daemon
    broken,         ///< a connection that stood was broken off
  };
  std::string name, host;  ///< "compile1.example.com:8140", "compile1.example.com"
  std::vector<std::string> services;
  trouble what = trouble::none;
  std::string error;  ///< of `what`, one sentence
  std::optional<std::chrono::sys_seconds> certificate_ends;
  std::optional<http_fact> status;       ///< GET /status/v1/simple/server
  std::optional<http_fact> environment;  ///< what an agent asks first, as this node; only of catalog and file masters
  std::optional<http_fact> ca;           ///< GET /puppet-ca/v1/certificate/ca; only of the CA service's masters
  std::optional<std::chrono::seconds> clock_ahead;  ///< its clock against ours
  std::string puppet_version;                       ///< X-Puppet-Version
};

struct source_fact {
  enum class state : std::uint8_t { answered, empty, absent, failed };
  bool srv = false;
  std::string asked;  ///< the record's name, or where the list is
  state what = state::answered;
  std::string error;
  std::vector<std::string> masters;
};
struct service_facts {
  std::string name;
  std::vector<source_fact> sources;
};

/// What getaddrinfo, as the agent uses it, says of a name.
struct lookup_fact {
  std::vector<std::string> addresses;
  std::string error;
};

struct file_fact {
  std::string path, role;  ///< "private key", "CA bundle", ...
  unsigned mode = 0;
  std::string owner;  ///< its name, or the number of one without
  bool is_key = false;
  bool is_directory = false;
};

/// A line of a file that gives processes their environment: /etc/environment, /etc/default/puppet.
struct variable_fact {
  std::string name, value, where;
};

/// Of the file system that something is kept in.
struct space_fact {
  std::string path, what;              ///< "what the agent keeps"
  std::uint64_t bytes = 0, files = 0;  ///< that may still be written there
};

/// What one of several name servers says of a record, the masters in order.
struct name_server_fact {
  std::string server;  ///< "192.0.2.53:53"
  bool silent = false;
  std::map<std::string, std::vector<std::string>> masters;  ///< by record
};

/// A file of the cached catalog that comes from a host of its own, or a bucket that is at one.
struct explicit_source {
  std::string title, url, host, where;  ///< `where`: the manifest's file:line, perhaps empty
  bool is_bucket = false;               ///< then `url` is empty
};

/// A master that the daemon was told to leave alone.
struct drained_fact {
  std::string master;
  std::string until;  ///< UTC; empty: until undrained
};

struct daemon_fact {
  enum class state : std::uint8_t {
    absent,  ///< nobody listens there
    denied,  ///< this user may not ask
    silent,  ///< somebody listens, and does not answer as a daemon does
    running,
  };
  state is = state::absent;
  std::string error;  ///< why it could not be asked
  std::string config_file, certname, version;
  bool reload_failed = false;
  std::vector<drained_fact> drained;
};

struct facts {
  std::chrono::sys_seconds now;
  bunraku::problems configuration, credentials;
  std::optional<config::configuration> configured;
  std::optional<bunraku::site> site;
  std::vector<std::string> certificate_names;  ///< of this node's own certificate
  std::optional<std::chrono::sys_seconds> certificate_ends;
  std::map<std::string, lookup_fact, std::less<>> lookups;  ///< certname, `server`
  std::vector<file_fact> files;
  std::string own_user;  ///< who asks
  std::vector<variable_fact> environment;
  std::vector<space_fact> space;
  std::string disabled_file, disabled_why;  ///< `puppet agent --disable`; empty: it was not
  std::string program_version;
  std::string agent_version, agent_version_file;  ///< "8.11.0"; empty: no agent was found
  std::string catalog_file;                       ///< the cached catalog; empty: there is none
  std::vector<explicit_source> explicit_sources;
  std::vector<service_facts> services;         ///< empty: they could not be asked
  std::vector<name_server_fact> name_servers;  ///< if there are several
  std::vector<master_facts> masters;
  std::optional<daemon_fact> daemon;
};

}  // namespace shim::doctor
