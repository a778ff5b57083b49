# @summary [identity] of bunraku.toml.
type Bunraku::Identity = Struct[{
  Optional['master_names'] => Array[String[1]],
  Optional['within']       => Array[String[1]],
  Optional['pins']         => Array[Bunraku::Pin],
}]
