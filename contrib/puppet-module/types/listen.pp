# @summary A [[listen]] of bunraku.toml.
type Bunraku::Listen = Struct[{
  Optional['way']             => Enum['terminate', 'connect', 'passthrough', 'socket'],
  Optional['address']         => Bunraku::Address,
  Optional['service']         => Bunraku::Name,
  Optional['beyond_loopback'] => Boolean,
  Optional['path']            => Bunraku::Path,
  Optional['users']           => Array[Variant[String[1], Integer[0]]],
  Optional['mode']            => Variant[Enum['auto'], Pattern[/\A[0-7]{3,4}\z/]],
  Optional['inherit']         => String[1],
}]
