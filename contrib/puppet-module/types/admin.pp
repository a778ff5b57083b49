# @summary [admin] of bunraku.toml.
type Bunraku::Admin = Struct[{
  Optional['socket']   => Variant[Bunraku::Path, Enum['auto', '']],
  Optional['address']  => Bunraku::Address,
  Optional['textfile'] => Pattern[/\A\/.*\.prom\z/],
}]
