# Where this node's services are now, and why there. usage: ruby -I contrib/ruby/lib masters.rb [PUPPET_CONF [NAME_SERVER]]
require 'bunraku'

resolver = Bunraku::Resolver.new({ puppet_conf: ARGV[0], name_servers: ARGV[1] })
%w[ca catalog files report].each do |service|
  reached = resolver.reach(service)
  puts "#{service}: #{reached}"
  reached.tried.each { |why| puts "  not #{why}" }
  resolver.candidates(service).each { |c| puts "  #{c} by #{c.source}, #{c.health}: #{c.why}" }
rescue Bunraku::Error => e
  puts "#{service}: #{e.message}"
end
resolver.close
