# @summary [drill] of bunraku.toml.
type Bunraku::Drill = Struct[{
  Optional['allow'] => Boolean,
}]
