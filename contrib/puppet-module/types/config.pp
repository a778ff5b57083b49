# @summary bunraku.toml, table by table.
type Bunraku::Config = Struct[{
  Optional['puppet']   => Bunraku::Puppet,
  Optional['listen']   => Array[Bunraku::Listen, 1],
  Optional['local']    => Bunraku::Local,
  Optional['upstream'] => Bunraku::Upstream,
  Optional['dns']      => Bunraku::Dns,
  Optional['identity'] => Bunraku::Identity,
  Optional['connect']  => Bunraku::Connect,
  Optional['service']  => Hash[Bunraku::Name, Bunraku::Service],
  Optional['route']    => Array[Bunraku::Route],
  Optional['limits']   => Bunraku::Limits,
  Optional['plugins']  => Bunraku::Plugins,
  Optional['plugin']   => Hash[Bunraku::Name, Bunraku::Plugin],
  Optional['admin']    => Bunraku::Admin,
  Optional['drill']    => Bunraku::Drill,
  Optional['sandbox']  => Bunraku::Sandbox,
  Optional['log']      => Bunraku::Log,
}]
