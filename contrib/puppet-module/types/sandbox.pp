# @summary [sandbox] of bunraku.toml.
type Bunraku::Sandbox = Struct[{
  Optional['use']   => Enum['auto', 'off'],
  Optional['files'] => Array[Bunraku::Path],
}]
