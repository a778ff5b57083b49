# @summary The agent's way through bunraku, which `bunraku init` makes and takes back.
#
# Not by settings of our own: `init` knows the puppet.conf that it finds, keeps it for `--undo`, and refuses, unattended, what could
# leave the agent worse off.
# @api private
class bunraku::lead {
  if $bunraku::lead {
    $fallback = $bunraku::fallback.map |$one| { " --fallback ${one}" }
    $ca_server = $bunraku::ca_server ? {
      undef   => '',
      default => " --ca-server ${bunraku::ca_server}",
    }
    $init = "/usr/bin/bunraku init --unattended${fallback.join}${ca_server}"
    # Other parameters than last time: from puppet.conf as it was before. Before the package is there (--noop), all is to be done.
    exec { 'bunraku init':
      command  => "/usr/bin/bunraku init --undo && ${init} --apply",
      unless   => "test -x /usr/bin/bunraku && ${init}",
      path     => ['/usr/bin', '/bin'],
      provider => shell,
    }
  } else {
    contain bunraku::undo
  }
}
