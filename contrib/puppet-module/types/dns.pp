# @summary [dns] of bunraku.toml.
type Bunraku::Dns = Struct[{
  Optional['nameservers']     => Array[String[1]],
  Optional['forward']         => Array[String[1]],
  Optional['hosts_file']      => String,
  Optional['lookup_deadline'] => Bunraku::Duration,
  Optional['try_timeout']     => Bunraku::Duration,
  Optional['ttl_floor']       => Bunraku::Duration,
  Optional['stale_for']       => Bunraku::Duration,
  Optional['vanished_for']    => Bunraku::Duration,
  Optional['store']           => String,
  Optional['srv']             => Variant[Boolean, Enum['auto']],
  Optional['srv_domain']      => String[1],
}]
