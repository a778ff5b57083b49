# @summary A [service.NAME] of bunraku.toml.
type Bunraku::Service = Struct[{
  Optional['masters']            => Array[Variant[Bunraku::Master, Bunraku::Address]],
  Optional['srv_name']           => Array[String[1]],
  Optional['names']              => Array[String[1]],
  Optional['pins']               => Array[Bunraku::Pin],
  Optional['source']             => Bunraku::Name,
  Optional['policy']             => Bunraku::Name,
  Optional['probe']              => Bunraku::Name,
  Optional['first_byte_timeout'] => Bunraku::Duration,
}]
