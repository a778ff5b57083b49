# @summary [upstream] of bunraku.toml.
type Bunraku::Upstream = Struct[{
  Optional['certificate']     => Bunraku::Path,
  Optional['key']             => Bunraku::Key,
  Optional['passphrase_file'] => Bunraku::Path,
  Optional['ca']              => Bunraku::Path,
  Optional['crl']             => Bunraku::Path,
  Optional['revocation']      => Enum['chain', 'leaf', 'none'],
  Optional['strip_headers']   => Array[String[1]],
}]
