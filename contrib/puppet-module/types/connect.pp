# @summary [connect] of bunraku.toml.
type Bunraku::Connect = Struct[{
  Optional['timeout']     => Bunraku::Duration,
  Optional['tls_timeout'] => Bunraku::Duration,
  Optional['race_delay']  => Bunraku::Duration,
}]
