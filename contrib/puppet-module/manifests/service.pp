# @summary The sockets that systemd holds, and the daemon.
# @api private
class bunraku::service {
  # What [[listen]] says; without it the package's units have the right addresses.
  $listens = $bunraku::config['listen'].lest || { [] }
  $addresses = $listens.map |$one| { $one['address'] }.filter |$one| { $one =~ NotUndef }
  $held_by = {
    'bunraku.socket'      => $addresses.filter |$one| { $one !~ /\A\[/ },
    'bunraku-ipv6.socket' => $addresses.filter |$one| { $one =~ /\A\[/ },
  }
  # Without IPv6 that unit never starts, which is no news.
  $units = $facts.dig('networking', 'interfaces', 'lo', 'ip6') ? {
    undef   => ['bunraku.socket'],
    default => ['bunraku.socket', 'bunraku-ipv6.socket'],
  }

  $units.each |String $unit| {
    $held = $held_by[$unit]
    # One whose addresses are all in the other unit, or of which [[listen]] has none, is not wanted. `bunraku init` thinks so, too.
    $wanted = $listens.empty or !$held.empty or $listens.any |$one| { $one['inherit'] =~ NotUndef }
    $drop_in = if !$held.empty {
      "[Socket]\nFreeBind=yes\nListenStream=\n${held.map |$one| { "ListenStream=${one}\n" }.join}"
    } elsif !$wanted {
      # Where the daemon starts it would start, too.
      "[Unit]\nConditionPathExists=!/\n"
    }

    if $drop_in {
      file { "/etc/systemd/system/${unit}.d":
        ensure => directory,
        owner  => 'root',
        group  => 'root',
        mode   => '0755',
      }
      file { "/etc/systemd/system/${unit}.d/listen.conf":
        ensure  => file,
        owner   => 'root',
        group   => 'root',
        mode    => '0644',
        content => "# By Puppet, class bunraku: as [[listen]] of bunraku.toml.\n${drop_in}",
        notify  => Exec['bunraku: other sockets'],
      }
    } else {
      file { "/etc/systemd/system/${unit}.d/listen.conf":
        ensure => absent,
        notify => Exec['bunraku: other sockets'],
      }
    }
    service { $unit:
      ensure  => $wanted,
      enable  => $wanted,
      require => Exec['bunraku: other sockets'],
      before  => Service['bunraku'],
    }
  }

  # systemd opens no socket while the daemon that has it runs.
  $restarts = $units.map |$unit| { "systemctl try-restart ${unit}" }
  exec { 'bunraku: other sockets':
    command     => "systemctl daemon-reload && systemctl stop bunraku.service && ${restarts.join(' && ')}",
    path        => ['/usr/bin', '/bin'],
    provider    => shell,
    refreshonly => true,
  }

  # What a running daemon has given up it cannot take again by a reload; it refuses then, and only what is good may restart it.
  service { 'bunraku':
    ensure    => running,
    enable    => true,
    restart   => '/bin/systemctl reload bunraku || { /usr/bin/bunraku check && /bin/systemctl restart bunraku; }',
    subscribe => File['/etc/bunraku/bunraku.toml'],
  }
}
