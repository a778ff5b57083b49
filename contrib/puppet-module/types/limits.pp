# @summary [limits] of bunraku.toml.
type Bunraku::Limits = Struct[{
  Optional['header_bytes']      => Integer[2048, 1048576],
  Optional['header_count']      => Integer[16, 100],
  Optional['target_bytes']      => Integer[1024, 524288],
  Optional['replay_bytes']      => Integer[0, 1073741824],
  Optional['replay_file_bytes'] => Integer[0, 17179869184],
  Optional['connections']       => Integer[4, 65536],
  Optional['idle_connections']  => Integer[0, 1024],
  Optional['idle']              => Bunraku::Duration,
  Optional['upstream_idle']     => Bunraku::Duration,
  Optional['handshake_timeout'] => Bunraku::Duration,
  Optional['header_timeout']    => Bunraku::Duration,
  Optional['stall_timeout']     => Bunraku::Duration,
  Optional['deadline']          => Bunraku::Duration,
  Optional['tunnel_idle']       => Bunraku::Duration,
  Optional['drain_timeout']     => Bunraku::Duration,
}]
