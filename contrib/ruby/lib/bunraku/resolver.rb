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

    # options: bunraku.h's keys and values; nil and empty values are left out.
    def initialize(options = {}, library: Library.load)
      @library = library
      @process = Process.pid
      given = @library.call(:options_new)
      options.each do |key, value|
        text = value.is_a?(Array) ? value.join(',') : value.to_s
        @library.check(:options_set, given, key.to_s, text) unless text.empty?
      end
      @handle = @library.make(:resolver_new, given)
    ensure
      @library.call(:options_free, given) if given
    end

    # The service's masters, in the order in which a request made now would try them. Raises NoMasters.
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
      @library.check(:report, @handle, service, master.host, master.port, outcome, 0, reason)
    end

    # Reads puppet.conf and the certificate again. Raises NoCredentials when there is still none.
    def reload
      @library.check(:resolver_reload, @handle)
    end

    # Ends its thread. Allowed again, and in a child, where it does nothing.
    def close
      @library.call(:resolver_free, @handle) if @handle
      @handle = nil
    end

    private

    def request(start, service, seconds)
      raise Error, 'the resolver is closed' unless @handle

      begun = @library.make(start, @handle, service, (seconds * 1000).ceil)
      # The library ends it in time; that much longer is for a machine that is busy.
      finished = IO.for_fd(@library.call(:request_fd, begun), autoclose: false).wait_readable(seconds + 10)
      raise Error, "libbunraku did not answer within #{seconds + 10} s" unless finished

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
