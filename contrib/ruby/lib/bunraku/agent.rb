# frozen_string_literal: true

# For RUBYOPT=-r.../bunraku/agent: the agent asks libbunraku where its masters are. Every Ruby program that inherits
# RUBYOPT loads this file, so it does nothing in others than puppet's.
if File.basename($PROGRAM_NAME) == 'puppet'
  begin
    require 'puppet'
    require_relative 'puppet_resolver'
    Bunraku::PuppetResolver.install
  rescue StandardError, ScriptError => e
    warn "bunraku: #{e.message.lines.first.to_s.chomp}; the agent goes on with Puppet's own resolvers"
  end
end
