# frozen_string_literal: true

require 'puppet'
require 'puppet/http'
require_relative '../bunraku'

module Bunraku
  # Puppet's HTTP session asks its resolvers one after the other where a service is, once for each run. This one is asked
  # first. What it does not know, and whatever goes wrong in it, leaves the question to Puppet's own.
  #
  # Written against Puppet 7 and 8 and OpenVox 8 and 9: Puppet::HTTP::Resolver#resolve, Puppet::HTTP::Service, and
  # Puppet::HTTP::Client#build_resolvers, which is private and all that is stepped into.
  class PuppetResolver < ::Puppet::HTTP::Resolver
    SERVICES = { ca: 'ca', puppet: 'catalog', puppetserver: 'catalog', fileserver: 'files', report: 'report' }.freeze
    SETTINGS = {
      bunraku: { default: true, type: :boolean, desc: 'Whether libbunraku is asked where the masters are.' },
      bunraku_library: { default: Library::SONAME, desc: "libbunraku's file." },
      bunraku_master_names: { default: [], type: :array, desc: 'Names that only certificates of masters carry.' },
      bunraku_within: { default: [], type: :array, desc: 'Domains that SRV records may lead to.' },
      bunraku_timeout: { default: '30s', type: :duration, desc: 'How long the search for a master may take.' }
    }.freeze
    DEMANDS = %i[master_names within].freeze
    ABSENT = 200
    ALL_TRIED = 300
    UNKNOWN = 200..999 # bunraku.h's codes for: there is no such master now

    # Every session that Puppet makes from now on has one.
    module Hook
      private

      def build_resolvers
        ::Puppet[:bunraku] ? [PuppetResolver.new(self), *super].freeze : super
      end
    end

    class << self
      def install
        unless ::Puppet::HTTP::Client.private_method_defined?(:build_resolvers)
          raise Error, "Puppet #{::Puppet.version} is not one that this was written for"
        end

        ::Puppet.settings.define_settings(:bunraku, SETTINGS)
        ::Puppet::HTTP::Client.prepend(Hook)
      end

      # This process' own: the agent's daemon forks for each run, and what it made is of no use to its child.
      def library
        return @library if @library && @library.process == Process.pid

        at_exit { close } unless @library
        @usable = []
        @told = []
        @library = Resolver.new(options, library: Library.load(::Puppet[:bunraku_library]))
      end

      # host:port of masters that Puppet has connected to in this process.
      def usable
        library && @usable
      end

      # Ruby adds an excerpt of the program to some messages.
      def first_line(why)
        why.message.lines.first.to_s.chomp
      end

      def close
        @library.close if @library && @library.process == Process.pid
      end

      # Each master's failure once in a run, though four services may meet it.
      def tell(master, why)
        what = why.split(': ')[0, 2] # "host:port" and the stage
        ::Puppet.warning("bunraku: #{why}; #{master} is used") unless @told.include?(what)
        @told |= [what]
      end

      # For the rest of this process.
      def step_aside(why)
        ::Puppet.warning("bunraku: #{first_line(why)}; this run goes by Puppet's own resolvers")
        ::Puppet.debug { "bunraku: #{why.class}: #{Array(why.backtrace).join("\n")}" }
        @aside = Process.pid
        nil
      end

      def aside?
        @aside == Process.pid
      end

      private

      # What Puppet made of its settings, so that its command line counts too.
      def options
        given = %i[certname ssldir serverport ca_port report_port].map { |name| [name, ::Puppet[name]] }.to_h
        given[:puppet_conf] = ::Puppet[:config] if File.exist?(::Puppet[:config])
        %i[server ca_server report_server].each do |name|
          given[name] = ::Puppet[name] if ::Puppet.settings.set_by_config?(name)
        end
        given[:server_list] = ::Puppet[:server_list].map { |host, port| [host.include?(':') ? "[#{host}]" : host, port].compact.join(':') }
        given[:srv] = ::Puppet[:use_srv_records] ? 'yes' : 'no'
        given[:srv_domain] = ::Puppet[:srv_domain] if ::Puppet[:use_srv_records]
        given[:store_file] = File.join(::Puppet[:statedir], 'bunraku-answers') if File.directory?(::Puppet[:statedir])
        given.merge(DEMANDS.map { |name| [name, ::Puppet[:"bunraku_#{name}"]] }.to_h)
      end
    end

    def resolve(session, name, ssl_context: nil, canceled_handler: nil)
      service = SERVICES[name]
      return nil if service.nil? || self.class.aside?

      @try = ->(master) { connect(session, name, service, master, ssl_context) }
      find(service)
    rescue Error => e
      give_up(service, e, canceled_handler)
    rescue StandardError, ScriptError => e
      self.class.step_aside(e)
    end

    private

    def give_up(service, why, canceled_handler)
      badly_put = why.is_a?(Refused) && DEMANDS.include?(why.option)
      return self.class.step_aside(why) unless UNKNOWN.cover?(why.code) || badly_put

      # Puppet's own resolvers take "." for a master, and anybody for one.
      final = why.code == ABSENT || demanding?
      ::Puppet.warning("bunraku: #{service}: #{'bunraku_' if badly_put}#{why.message}#{"; Puppet's own resolvers are asked" unless final}")
      canceled_handler.call(true) if final && canceled_handler
      nil
    end

    # Puppet's service, or nil. Raises what the library has against all masters.
    def find(service)
      candidates = candidates_of(service)
      first = candidates.first
      # One that this process already speaks with needs no trial.
      found = @try.call(first) if self.class.usable.include?(first.to_s)
      found || (puppets_own_way?(candidates) ? in_order(candidates) : by_trial(service))
    rescue NoCredentials
      return by_trial(service) if enrolled_meanwhile?

      in_order(candidates)
    rescue AllTried
      # The agent asks its CA before it has all that it needs for trust, and judges by itself what to believe then.
      found = in_order(candidates) if service == 'ca' && !demanding?
      found || raise
    end

    # SRV records that lead elsewhere than they may are left out, as the library itself does when it connects.
    def candidates_of(service)
      domains = ::Puppet[:bunraku_within]
      all = self.class.library.candidates(service, seconds: ::Puppet[:bunraku_timeout])
      return all if domains.empty?

      all.select { |c| c.source != 'srv' || domains.any? { |d| c.host == d || c.host.end_with?(".#{d}") } }
    end

    # The library connects first: it races, has short limits, and knows a bad certificate. Puppet's own connection comes
    # after that, to a master that just answered.
    def by_trial(service)
      refused = []
      loop do
        reached = self.class.library.reach(service, seconds: ::Puppet[:bunraku_timeout])
        raise AllTried.new("Puppet takes none of #{refused.join(', ')}", ALL_TRIED) if refused.include?(reached.to_s)

        reached.tried.each { |why| self.class.tell(reached, why) }
        found = @try.call(reached)
        return found if found

        refused << reached.to_s
      end
    end

    # Puppet alone connects, with its own limits.
    def in_order(candidates)
      candidates.each do |candidate|
        found = @try.call(candidate)
        return found if found
      end
      nil
    end

    def connect(session, name, service, master, ssl_context)
      made = ::Puppet::HTTP::Service.create_service(@client, session, name, master.host, master.port)
      made.connect(ssl_context: ssl_context)
      self.class.usable << master.to_s unless self.class.usable.include?(master.to_s)
      ::Puppet.debug { "bunraku: #{service}: #{master}" }
      made
    rescue ::Puppet::SSL::SSLError => e
      refuse(service, master, Resolver::BAD_CERTIFICATE, e)
    rescue ::Puppet::HTTP::HTTPError => e
      refuse(service, master, Resolver::UNREACHABLE, e)
    end

    def refuse(service, master, outcome, why)
      ::Puppet.warning("bunraku: #{master}: #{self.class.first_line(why)}; passed over for #{service}")
      self.class.usable.delete(master.to_s)
      self.class.library.report(service, master, outcome, self.class.first_line(why)[0, 200])
      nil
    end

    # The library knows no proxy and no source address.
    def puppets_own_way?(candidates)
      return true if ::Puppet[:sourceaddress]
      return false unless ::Puppet::HTTP::Proxy.http_proxy_host

      candidates.any? { |c| !::Puppet::HTTP::Proxy.no_proxy?(URI("https://#{c}")) }
    end

    # The certificate comes in the middle of an agent's first run.
    def enrolled_meanwhile?
      self.class.library.reload
      true
    rescue NoCredentials
      false
    end

    def demanding?
      DEMANDS.any? { |name| !::Puppet[:"bunraku_#{name}"].empty? }
    end
  end
end
