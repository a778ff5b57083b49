# frozen_string_literal: true

module Bunraku
  # One server of a service.
  Candidate = Struct.new(:host, :port, :source, :health, :why) do
    # "host:port", an IPv6 literal in brackets.
    def to_s
      host.include?(':') ? "[#{host}]:#{port}" : "#{host}:#{port}"
    end
  end

  # A master that was reached, and a sentence for each one that was tried before it and in vain.
  Reached = Struct.new(:host, :port, :tried) do
    def to_s
      host.include?(':') ? "[#{host}]:#{port}" : "#{host}:#{port}"
    end
  end

  # Finds masters. Services are "ca", "catalog", "files" and "report".
  # Threads: one at a time. Waiting is Ruby's own: signals, Timeout and other threads get their turn.
  # Fork:    a child needs one of its own (see process).
  class Resolver
    # What a master made of a request; see bunraku.h.
    ANSWERED = 1
    UNREACHABLE = 7
    BAD_CERTIFICATE = 8

    # The process that made it.
    attr_reader :process

    # options: bunraku.h's keys and values, or Refused is raised; nil and empty values are left out, but for
    # hosts_file: '', which is none.
    def initialize(options = {}, library: Library.load)
      @library = library
      @process = Process.pid
      given = @library.call(:options_new)
      options.each do |key, value|
        text = value.is_a?(Array) ? value.join(',') : value.to_s
        left_out = value.nil? || (text.empty? && key.to_s != 'hosts_file')
        set(given, key, text) unless left_out
      end
      @handle = @library.make(:resolver_new, given)
      ObjectSpace.define_finalizer(self, self.class.ending(@library, @handle))
    ensure
      @library.call(:options_free, given) if given
    end

    # For one that nobody closes: it has a thread and descriptors. Not a block that knows the resolver, which would live on.
    def self.ending(library, handle)
      ->(_) { library.call(:resolver_free, handle) }
    end

    # The service's masters, in the order in which a request made now would try them. Raises NoMasters.
    # seconds: nil: the library's own limits alone; 0: what is there without waiting.
    def candidates(service, seconds: 10)
      request(:resolve_start, service, seconds) do |finished|
        found = @library.make(:request_candidates, finished)
        begin
          Array.new(@library.call(:candidates_count, found)) { |i| candidate(found, i) }
        ensure
          @library.call(:candidates_free, found)
        end
      end
    end

    # The first master that TLS can be spoken with, as this node and to a verified master; nothing is sent to it.
    # Raises AllTried, NoMasters, NoCredentials.
    def reach(service, seconds: 30)
      request(:connect_start, service, seconds) do |finished|
        stream = @library.make(:request_stream, finished)
        begin
          Reached.new(@library.text(:stream_host, stream), @library.call(:stream_port, stream),
                      @library.text(:stream_tried, stream).split("\n"))
        ensure
          @library.call(:stream_free, stream)
        end
      end
    end

    # Tells what became of a master, so that the right ones come first from then on.
    def report(service, master, outcome, reason = nil)
      @library.check(:report, opened, service.to_s, master.host, master.port, outcome, 0, reason)
    end

    # Reads puppet.conf and the certificate again. Raises NoCredentials when there is still none.
    def reload
      @library.check(:resolver_reload, opened)
    end

    # Ends its thread. Allowed again, and in a child, where it does nothing.
    def close
      return unless @handle

      ObjectSpace.undefine_finalizer(self)
      @library.call(:resolver_free, @handle)
      @handle = nil
    end

    private

    LONGEST = (2**31 - 1) / 1000 # an int32_t holds no more milliseconds
    private_constant :LONGEST

    def set(options, key, text)
      @library.check(:options_set, options, key.to_s, text)
    rescue Error => e
      raise Refused.new(key, e)
    end

    def opened
      @handle || raise(Error, 'the resolver is closed')
    end

    def request(start, service, seconds)
      seconds = seconds.clamp(0, LONGEST) if seconds
      begun = @library.make(start, opened, service.to_s, seconds ? (seconds * 1000).ceil : -1)
      # The library ends it in time; that much longer is for a machine that is busy.
      longest = seconds && seconds + 10
      finished = IO.for_fd(@library.call(:request_fd, begun), autoclose: false).wait_readable(longest)
      raise Error, "libbunraku did not answer within #{longest} s" unless finished

      yield begun
    ensure
      @library.call(:request_free, begun) if begun
    end

    def candidate(found, index)
      Candidate.new(@library.text(:candidate_host, found, index), @library.call(:candidate_port, found, index),
                    *%i[source health why].map { |name| @library.text(:"candidate_#{name}", found, index) })
    end
  end
end
