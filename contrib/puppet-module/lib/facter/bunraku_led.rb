# Whether `bunraku init` leads this host's agent through bunraku: then so goes the run that asks.
Facter.add(:bunraku_led) do
  confine kernel: 'Linux'
  setcode { File.exist?('/etc/bunraku/before-init/record.json') }
end
