# @summary [plugins] of bunraku.toml.
type Bunraku::Plugins = Struct[{
  Optional['directory'] => Variant[Bunraku::Path, Enum['auto']],
}]
