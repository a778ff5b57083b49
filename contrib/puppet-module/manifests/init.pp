# @summary Puts bunraku on this host, configures it, and leads the host's agent through it.
#
# The run that brings it goes to its master as before; the next one goes through bunraku. Needs systemd.
#
# @param ensure
#   `absent` takes everything back: this run, which may go through bunraku, schedules `bunraku init --undo` for when it is over, and
#   the next one removes package and files.
# @param package_ensure
#   `installed`, `latest`, a version, or `none`: the package is there by other means.
# @param package_name
#   What the package is called.
# @param config
#   The tables of bunraku.toml: `{ dns => { srv => true }, service => { catalog => { masters => [...] } } }`.
# @param lead
#   Whether `bunraku init` changes puppet.conf (and /etc/hosts where needed), so that the agent goes through bunraku. `false` takes
#   that back.
# @param fallback
#   Masters, `HOST` or `HOST:PORT`, that serve all of Puppet: the agent goes there when bunraku does not answer. Empty: those that
#   puppet.conf names. Without any, nothing is changed and the run says so.
# @param ca_server
#   The CA's real name, if puppet.conf does not say it and the first fallback is not the CA.
class bunraku (
  Enum['present', 'absent'] $ensure,
  Bunraku::PackageEnsure $package_ensure,
  String[1] $package_name,
  Bunraku::Config $config,
  Boolean $lead,
  Array[Bunraku::Master] $fallback,
  Optional[Bunraku::Host] $ca_server,
) {
  if $ensure == 'present' {
    contain bunraku::install
    contain bunraku::config
    contain bunraku::service
    contain bunraku::lead
    # The agent is led to a daemon that runs, or not at all.
    Class['bunraku::install'] -> Class['bunraku::config'] -> Class['bunraku::service'] -> Class['bunraku::lead']
  } else {
    contain bunraku::removal
  }
}
