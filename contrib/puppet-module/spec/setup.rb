# The module as a site has it: in a directory of its name. Nothing is written here.
require 'rspec-puppet'
require 'tmpdir'

modules = Dir.mktmpdir('bunraku-modules-')
File.symlink(File.expand_path('..', __dir__), File.join(modules, 'bunraku'))
at_exit { FileUtils.rm_r(modules) }

RSpec.configure do |config|
  config.module_path = modules
  config.setup_fixtures = false
  config.strict_variables = true
  config.default_facts = {
    kernel: 'Linux',
    os: { 'family' => 'Debian', 'name' => 'Debian', 'release' => { 'major' => '12', 'full' => '12.5' } },
    networking: { 'fqdn' => 'agent1.example.com', 'interfaces' => { 'lo' => { 'ip' => '127.0.0.1', 'ip6' => '::1' } } },
    service_provider: 'systemd',
    bunraku_led: false,
  }
end
