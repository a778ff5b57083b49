# shellcheck shell=bash
# What the masters serve: one module with plugins, facts, files of several sizes and a directory of a hundred files.

MODULE=$SITE_DIR/code/environments/production/modules/stage
BIG=$((20 * 1024 * 1024))

blob() { # blob SEED BYTES: incompressible, and the same bytes every time
  { openssl enc -aes-128-ctr -nosalt -pass "pass:$1" -md sha256 -pbkdf2 </dev/zero 2>/dev/null || true; } | head -c "$2"
}

make_code() {
  local i j
  [[ ! -e $MODULE/.complete ]] || return 0
  mkdir -p "$MODULE"/files/tree
  put "$SITE_DIR/code/environments/production/manifests/site.pp" <<'PP'
node default { include stage }
PP
  # Its catalogs are not done while the file is there: a few of them, and a master has no room for more.
  put "$SITE_DIR/code/environments/held/manifests/site.pp" <<PP
generate('/bin/sh', '-c', 'while [ -e $SITE_DIR/held ]; do sleep 0.1; done')
PP
  put "$MODULE/manifests/init.pp" <<'PP'
# Everything an agent asks a master for, and a record of whom the master took the agent for.
class stage {
  $target = $facts['stage_target']
  file { $target: ensure => directory }
  Integer[1, 8].each |$i| {
    file { "${target}/small${i}": source => "puppet:///modules/stage/small${i}" }
  }
  file { "${target}/medium": source => 'puppet:///modules/stage/medium' }
  file { "${target}/big": source => 'puppet:///modules/stage/big' }
  file { "${target}/tree":
    ensure  => directory,
    recurse => true,
    purge   => true,
    source  => 'puppet:///modules/stage/tree',
  }
  file { "${target}/identity":
    content => "certname=${trusted['certname']} authenticated=${trusted['authenticated']} hello=${stage::hello()}\n",
  }
}
PP
  put "$MODULE/lib/facter/stage_synced.rb" <<'RB'
Facter.add(:stage_synced) { setcode { 'plugin' } }
RB
  put "$MODULE/lib/puppet/functions/stage/hello.rb" <<'RB'
Puppet::Functions.create_function(:'stage::hello') do
  def hello
    'hello'
  end
end
RB
  put "$MODULE/facts.d/stage_external.txt" <<'TXT'
stage_external=yes
TXT
  for ((i = 1; i <= 8; i++)); do blob "small$i" $((i * 300)) | base64 >"$MODULE/files/small$i"; done
  blob medium 204800 >"$MODULE/files/medium"
  blob big $BIG >"$MODULE/files/big"
  for ((i = 0; i < 10; i++)); do
    mkdir -p "$MODULE/files/tree/d$i"
    for ((j = 0; j < 10; j++)); do blob "t$i$j" $((100 + 397 * j)) | base64 >"$MODULE/files/tree/d$i/f$j"; done
  done
  touch "$MODULE/.complete"
}

touch_files() { # one small file, two of the tree, and the tail of the big one
  local f s
  [[ -e $MODULE/.complete ]] || die "there is no code yet: 'site up' first"
  s="changed $EPOCHREALTIME"
  for f in small1 tree/d3/f3 tree/d7/f7; do printf '%s\n' "$s" >>"$MODULE/files/$f"; done
  { head -c $((BIG - 64)) "$MODULE/files/big"; printf '%-64s' "$s"; } >"$SITE_DIR/big.new"
  mv "$SITE_DIR/big.new" "$MODULE/files/big"
}
