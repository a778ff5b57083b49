#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::puppet {

/// Where an installation of Puppet keeps its things. Model: absolute paths; in the table `~` stands for the home
/// directory. `name` is what `site::layout` says.
struct layout {
  std::string name;
  std::string confdir, ssldir, vardir, codedir, publicdir, rundir, logdir;
};

/// The known layouts, in the order in which they are looked for. Those of ordinary users begin with `~`.
std::span<const layout> known_layouts() noexcept;

struct layout_choice {
  layout chosen;           ///< `~` replaced
  std::string also_there;  ///< the puppet.conf of another layout that is there too, but not chosen; mostly empty
};

/// Which layout this host has. Root looks at the system's. Others look at their own first, as Puppet does, and then at
/// the system's, because a daemon is often given access to those. The one that has a puppet.conf wins, then the one
/// that has an ssldir, then the first.
layout_choice choose_layout(bool root, std::string_view home, const std::function<bool(const std::string&)>& exists);

/// The layout for a puppet.conf that was named explicitly: the known one whose confdir it lies in, else one named
/// "explicit" with the file's directory as confdir (as with `puppet agent --confdir`), its `ssl` as ssldir if that is
/// there, and the rest from the layout this host has.
layout layout_of_file(const std::string& file, const layout& installed, std::string_view home,
                      const std::function<bool(const std::string&)>& exists);

/// `path` absolute and without ".", ".." and double slashes, `~` replaced by `home`: Ruby's File.expand_path, except
/// that a relative path stays relative (there is no directory it could be meant from).
std::string expand_path(std::string_view path, std::string_view home);

/// A host's name and domain as Facter finds them, without asking DNS.
struct host_name {
  std::string host, domain;
  std::string certname() const;  ///< Puppet's default certname: both, lower case, no dot at the end
};

/// Source: Facter's Linux hostname resolver: a dot in the host's name parts host from domain; else the canonical name
/// of its own entry in /etc/hosts, if it begins with the host's name; else `domain` of resolv.conf; else the first name
/// of its `search`. (Facter asks DNS before resolv.conf; we do not, so as never to block.)
host_name derive_host_name(std::string_view hostname, std::string_view hosts, std::string_view resolv_conf);

/// The certname to use when puppet.conf names none: `derived`, unless `keys` (the files of private_keys/, "name.pem")
/// hold no such name but exactly one other, which then is this node's for sure.
std::string choose_certname(const std::string& derived, const std::vector<std::string>& keys);

}  // namespace bunraku::puppet
