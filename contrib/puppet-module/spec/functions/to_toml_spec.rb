require_relative '../setup'

describe 'bunraku::to_toml' do
  {
    {} => '',
    { 'dns' => {} } => "\n[dns]\n",
    { 'dns' => { 'srv' => true, 'forward' => ['consul 127.0.0.1:8600', 'x'], 'store' => '' } } =>
      "\n[dns]\nforward = [\"consul 127.0.0.1:8600\", \"x\"]\nsrv = true\nstore = \"\"\n",
    { 'service' => { 'files' => { 'masters' => [] }, 'catalog' => { 'names' => ['a'] } } } =>
      "\n[service.catalog]\nnames = [\"a\"]\n\n[service.files]\nmasters = []\n",
    { 'listen' => [{ 'way' => 'socket', 'users' => ['puppet', 1000] }, { 'address' => '[::1]:8140' }] } =>
      "\n[[listen]]\nusers = [\"puppet\", 1000]\nway = \"socket\"\n\n[[listen]]\naddress = \"[::1]:8140\"\n",
    { 'route' => [{ 'service' => 'x', 'header' => { 'value' => 'yes', 'name' => 'X-Canary' } }] } =>
      "\n[[route]]\nheader = { name = \"X-Canary\", value = \"yes\" }\nservice = \"x\"\n",
    # What is a value stands before what is a table.
    { 'plugin' => { 'p' => { 'a' => { 'x' => 1 }, 'b' => 1.5 } } } => "\n[plugin.p]\nb = 1.5\n\n[plugin.p.a]\nx = 1\n",
    { 'log' => { 'level' => nil, 'access' => false } } => "\n[log]\naccess = false\n",
    { 'plugin' => { 'p' => { 'a key' => "a \"b\" \\ c\n\u007f ü", 'e' => '' } } } =>
      "\n[plugin.p]\n\"a key\" = \"a \\\"b\\\" \\\\ c\\u000A\\u007F ü\"\ne = \"\"\n",
  }.each do |tables, text|
    it { is_expected.to run.with_params(tables).and_return(text) }
  end

  it { is_expected.to run.with_params('text').and_raise_error(ArgumentError, %r{expects a Hash value, got String}) }
end
