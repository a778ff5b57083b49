# @summary A [[route]] of bunraku.toml.
type Bunraku::Route = Struct[{
  'service'               => Bunraku::Name,
  Optional['path_prefix'] => String[1],
  Optional['environment'] => String[1],
  Optional['header']      => Struct[{ 'name' => String[1], 'value' => String }],
}]
