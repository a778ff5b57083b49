# @summary [puppet] of bunraku.toml.
type Bunraku::Puppet = Struct[{
  Optional['conf']     => Bunraku::Path,
  Optional['certname'] => String[1],
  Optional['ssldir']   => Bunraku::Path,
  Optional['root']     => Bunraku::Path,
}]
