require_relative '../setup'

TOML = '/etc/bunraku/bunraku.toml'.freeze
DROP_IN = '/etc/systemd/system/bunraku.socket.d/listen.conf'.freeze
DROP_IN_IPV6 = '/etc/systemd/system/bunraku-ipv6.socket.d/listen.conf'.freeze

describe 'bunraku' do
  it { is_expected.to compile.with_all_deps }

  context 'without parameters' do
    it { is_expected.to contain_package('bunraku').with_ensure('installed') }
    it { is_expected.to contain_file(TOML).with_content("# By Puppet, class bunraku.\n") }
    it { is_expected.to contain_file(TOML).with_validate_cmd('/usr/bin/bunraku check --config %') }
    it { is_expected.to contain_file(DROP_IN).with_ensure('absent') }
    it { is_expected.to contain_service('bunraku.socket').with(ensure: true, enable: true) }
    it { is_expected.to contain_service('bunraku-ipv6.socket').with(ensure: true, enable: true) }
    it { is_expected.to contain_service('bunraku').with(ensure: 'running', enable: true).that_subscribes_to("File[#{TOML}]") }
    it { is_expected.to contain_exec('bunraku init').with_unless('test -x /usr/bin/bunraku && /usr/bin/bunraku init --unattended') }

    it 'leads the agent to what runs, and begins with the package' do
      is_expected.to contain_package('bunraku').that_comes_before("File[#{TOML}]")
      is_expected.to contain_service('bunraku.socket').that_comes_before('Service[bunraku]')
      is_expected.to contain_service('bunraku').that_comes_before('Exec[bunraku init]')
    end
  end

  context 'with the package from elsewhere' do
    let(:params) { { package_ensure: 'none' } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_package('bunraku') }
  end

  context 'with a version' do
    let(:params) { { package_ensure: '0.1.0-1~bpo12+1', package_name: 'bunraku-site' } }

    it { is_expected.to contain_package('bunraku-site').with_ensure('0.1.0-1~bpo12+1') }
  end

  context 'with a configuration' do
    let(:params) { { config: { 'service' => { 'catalog' => { 'masters' => ['c1:8140'] } }, 'dns' => { 'srv' => true } } } }

    it {
      is_expected.to contain_file(TOML).with_content(
        "# By Puppet, class bunraku.\n\n[dns]\nsrv = true\n\n[service.catalog]\nmasters = [\"c1:8140\"]\n",
      )
    }
  end

  context 'with addresses of its own' do
    let(:params) { { config: { 'listen' => [{ 'address' => '127.0.0.1:8141' }, { 'way' => 'connect', 'address' => '127.0.0.1:3128' }] } } }

    it { is_expected.to contain_file(DROP_IN).with_content(%r{\nListenStream=\nListenStream=127.0.0.1:8141\nListenStream=127.0.0.1:3128\n\z}) }
    it { is_expected.to contain_file(DROP_IN).that_notifies('Exec[bunraku: other sockets]') }
    it { is_expected.to contain_file(DROP_IN_IPV6).with_content(%r{\n\[Unit\]\nConditionPathExists=!/\n\z}) }
    it { is_expected.to contain_service('bunraku.socket').with(ensure: true, enable: true) }
    it { is_expected.to contain_service('bunraku-ipv6.socket').with(ensure: false, enable: false) }
  end

  context 'with an address of IPv6' do
    let(:params) { { config: { 'listen' => [{ 'address' => '127.0.0.1:8140' }, { 'address' => '[::1]:8140' }] } } }

    it { is_expected.to contain_file(DROP_IN_IPV6).with_content(%r{\nListenStream=\nListenStream=\[::1\]:8140\n\z}) }
    it { is_expected.to contain_service('bunraku-ipv6.socket').with(ensure: true, enable: true) }
  end

  context 'with a socket alone' do
    let(:params) { { config: { 'listen' => [{ 'way' => 'socket', 'path' => '/run/bunraku/agent.sock' }] } } }

    it { is_expected.to contain_service('bunraku.socket').with(ensure: false, enable: false) }
  end

  context 'with a socket that it inherits' do
    let(:params) { { config: { 'listen' => [{ 'inherit' => 'agent' }] } } }

    it { is_expected.to contain_service('bunraku.socket').with(ensure: true, enable: true) }
    it { is_expected.to contain_file(DROP_IN).with_ensure('absent') }
  end

  context 'on a kernel without IPv6' do
    let(:facts) { { networking: { 'fqdn' => 'agent1.example.com', 'interfaces' => { 'lo' => { 'ip' => '127.0.0.1' } } } } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_service('bunraku-ipv6.socket') }
  end

  context 'with a way out' do
    let(:params) { { fallback: ['puppet.example.com', 'other.example.com:8141'], ca_server: 'ca.example.com' } }
    let(:init) { '/usr/bin/bunraku init --unattended --fallback puppet.example.com --fallback other.example.com:8141 --ca-server ca.example.com' }

    it { is_expected.to contain_exec('bunraku init').with(unless: "test -x /usr/bin/bunraku && #{init}", command: "/usr/bin/bunraku init --undo && #{init} --apply") }
  end

  context 'without leading the agent' do
    let(:params) { { lead: false } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_exec('bunraku init') }
    it { is_expected.to contain_exec('bunraku init --undo, after this run').with_onlyif('test -e /etc/bunraku/before-init/record.json') }
    it { is_expected.to contain_service('bunraku').with_ensure('running') }
  end

  context 'absent, in a run that goes through it' do
    let(:params) { { ensure: 'absent' } }
    let(:facts) { { bunraku_led: true } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_exec('bunraku init --undo, after this run').with_command(%r{tail --pid=\$PPID .*bunraku init --undo"$}) }
    it { is_expected.not_to contain_package('bunraku') }
    it { is_expected.not_to contain_service('bunraku') }
    it { is_expected.not_to contain_file(TOML) }
  end

  context 'absent, in a run that does not' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_exec('bunraku init --undo, after this run') }
    it { is_expected.to contain_package('bunraku').with_ensure('purged').that_requires("File[#{TOML}]") }
    it { is_expected.to contain_file(TOML).with_ensure('absent').that_requires('Service[bunraku]') }
  end

  context 'absent, with the package from elsewhere' do
    let(:params) { { ensure: 'absent', package_ensure: 'none' } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_package('bunraku') }
  end

  # Parameters, and what Puppet says of them.
  {
    { ensure: 'gone' } => %r{parameter 'ensure' expects a match for Enum\['absent', 'present'\], got 'gone'},
    { package_ensure: 'newest' } => %r{parameter 'package_ensure' expects a Bunraku::PackageEnsure = Variant\[Enum\['installed', 'latest', 'none'\], Pattern.* got String},
    { lead: 'yes' } => %r{parameter 'lead' expects a Boolean value, got String},
    { fallback: 'puppet.example.com' } => %r{parameter 'fallback' expects an Array value, got String},
    { fallback: ['puppet.example.com; reboot'] } => %r{parameter 'fallback' index 0 expects a match for Bunraku::Master},
    { fallback: ['--apply'] } => %r{parameter 'fallback' index 0 expects a match for Bunraku::Master},
    { ca_server: "ca\nx" } => %r{parameter 'ca_server' expects a match for Bunraku::Host},
    { config: { 'dsn' => {} } } => %r{parameter 'config' unrecognized key 'dsn'},
    { config: { 'dns' => { 'nameserver' => '::1' } } } => %r{parameter 'config' entry 'dns' unrecognized key 'nameserver'},
    { config: { 'dns' => { 'srv' => 'yes' } } } => %r{parameter 'config' entry 'dns' entry 'srv' expects a value of type Boolean or Enum\['auto'\]},
    { config: { 'connect' => { 'timeout' => 3 } } } => %r{entry 'connect' entry 'timeout' expects a match for Bunraku::Duration},
    { config: { 'listen' => [] } } => %r{entry 'listen' expects size to be at least 1},
    { config: { 'listen' => [{ 'address' => 'localhost:8140' }] } } => %r{entry 'listen' index 0 entry 'address' expects a match for Bunraku::Address},
    { config: { 'limits' => { 'connections' => 1 } } } => %r{entry 'limits' entry 'connections' expects an Integer\[4, 65536\] value, got Integer\[1, 1\]},
    { config: { 'service' => { 'Catalog' => {} } } } => %r{entry 'service' key of entry 'Catalog' expects a match for Bunraku::Name},
    { config: { 'service' => { 'catalog' => { 'master' => [] } } } } => %r{entry 'service' entry 'catalog' unrecognized key 'master'},
    { config: { 'service' => { 'catalog' => { 'masters' => ['c1.example.com:8140/'] } } } } =>
      %r{entry 'catalog' entry 'masters' index 0 expects a match for Variant\[Bunraku::Master = .* Bunraku::Address = },
    { config: { 'route' => [{ 'environment' => 'test' }] } } => %r{entry 'route' index 0 expects a value for key 'service'},
    { config: { 'identity' => { 'pins' => ['abc'] } } } => %r{entry 'identity' entry 'pins' index 0 expects a match for Bunraku::Pin},
    { colour: 'red' } => %r{has no parameter named 'colour'},
  }.each do |given, said|
    context "with #{given}" do
      let(:params) { given }

      it { is_expected.to compile.and_raise_error(said) }
    end
  end
end
