require_relative '../setup'
require 'yaml'

# What the pages show, as it stands there.
PAGES = [File.expand_path('../../README.md', __dir__), File.expand_path('../../../doc/fleet.md', __dir__)].select { |page| File.exist?(page) }

describe 'bunraku' do
  PAGES.each do |page|
    text = File.read(page)
    text.scan(/^```yaml\n(.*?)^```/m).flatten.each_with_index do |block, index|
      context "with the data number #{index} of #{File.basename(page)}" do
        let(:params) { YAML.safe_load(block).transform_keys { |key| key.delete_prefix('bunraku::') } }

        it { is_expected.to compile.with_all_deps }
      end
    end

    text.scan(/^```puppet\n(class profile.*?)^```/m).flatten.each do |block|
      context "in the profile of #{File.basename(page)}" do
        let(:pre_condition) { "#{block}\ninclude profile::bunraku" }

        it { is_expected.to compile.with_all_deps }
      end
    end
  end
end
