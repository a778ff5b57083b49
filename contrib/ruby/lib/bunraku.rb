# frozen_string_literal: true

# The masters of a Puppet agent, found and judged by libbunraku.so. Needs nothing but Ruby's own standard library.
#
#   resolver = Bunraku::Resolver.new
#   resolver.candidates('catalog').each { |master| puts "#{master} #{master.why}" }
#   puts resolver.reach('catalog')
#
# Ruby 2.5 and later. What is said here of threads, forks and time is bunraku.h's, which has the last word.
module Bunraku
  # What a call failed with. `code` is one of bunraku.h's, nil when there was no call.
  class Error < StandardError
    attr_reader :code

    def initialize(message, code = nil)
      super(message)
      @code = code
    end
  end

  # libbunraku.so is not there, cannot be loaded, or is too old.
  class Missing < Error; end
  # An option's key or value that cannot be used.
  class Refused < Error
    attr_reader :option

    def initialize(option, why)
      super(why.message, why.code)
      @option = option.to_sym
    end
  end

  # This node has no usable certificate: masters can be named, and not be connected to.
  class NoCredentials < Error; end
  # Nobody knows a master of this service, or DNS says that it is not offered here.
  class NoMasters < Error; end
  # Every master was tried; the message tells of each.
  class AllTried < Error; end

  require 'io/wait'
  require_relative 'bunraku/library'
  require_relative 'bunraku/resolver'
end
