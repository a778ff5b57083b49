# @summary [local] of bunraku.toml.
type Bunraku::Local = Struct[{
  Optional['certificate']     => Bunraku::Path,
  Optional['key']             => Bunraku::Key,
  Optional['passphrase_file'] => Bunraku::Path,
  Optional['ca']              => Bunraku::Path,
  Optional['crl']             => Bunraku::Path,
  Optional['revocation']      => Enum['chain', 'leaf', 'none'],
}]
