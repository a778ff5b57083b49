# @summary Back to the agent as it was, in two runs: what this run goes through stays until it is over.
# @api private
class bunraku::removal {
  if $facts['bunraku_led'] {
    contain bunraku::undo
  } else {
    service { ['bunraku', 'bunraku.socket', 'bunraku-ipv6.socket']:
      ensure => stopped,
      enable => false,
    }
    file { ['/etc/bunraku/bunraku.toml', '/etc/systemd/system/bunraku.socket.d', '/etc/systemd/system/bunraku-ipv6.socket.d']:
      ensure  => absent,
      force   => true,
      require => Service['bunraku', 'bunraku.socket', 'bunraku-ipv6.socket'],
    }
    unless $bunraku::package_ensure == 'none' {
      package { $bunraku::package_name:
        ensure  => purged,
        require => File['/etc/bunraku/bunraku.toml'],
      }
    }
  }
}
