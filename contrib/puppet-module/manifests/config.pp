# @summary bunraku.toml.
# @api private
class bunraku::config {
  file { '/etc/bunraku':
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }
  # What bunraku would not take never replaces what it has taken.
  file { '/etc/bunraku/bunraku.toml':
    ensure       => file,
    owner        => 'root',
    group        => 'root',
    mode         => '0644',
    content      => "# By Puppet, class bunraku.\n${bunraku::to_toml($bunraku::config)}",
    validate_cmd => '/usr/bin/bunraku check --config %',
  }
}
