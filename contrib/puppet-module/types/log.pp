# @summary [log] of bunraku.toml.
type Bunraku::Log = Struct[{
  Optional['level']  => Enum['trace', 'debug', 'info', 'warning', 'error'],
  Optional['access'] => Boolean,
  Optional['to']     => Enum['auto', 'stderr', 'journal'],
}]
