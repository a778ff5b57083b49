# frozen_string_literal: true

module Bunraku
  # The functions of bunraku.h, called by Fiddle. One for each process and path: see Library.load.
  class Library
    SONAME = 'libbunraku.so.0'
    NEEDED = 2 # of bunraku_abi_version()

    @loaded = {}

    # Raises Missing, and the same one again when asked again.
    def self.load(path = SONAME)
      @loaded[path] ||= begin
        new(path)
      rescue Missing => e
        e
      end
      raise @loaded[path] if @loaded[path].is_a?(Missing)

      @loaded[path]
    end

    def initialize(path)
      require 'fiddle'
      # Not RTLD_GLOBAL, Fiddle's default: what the library needs is its own matter.
      @handle = Fiddle::Handle.new(path, Fiddle::Handle::RTLD_NOW)
      @functions = {}
      declare
      check_version(path)
    rescue LoadError => e
      raise Missing, "Ruby has no Fiddle: #{e.message}"
    rescue Fiddle::DLError => e
      raise Missing, e.message
    end

    # Calls a function that gives one of bunraku.h's codes; raises its error.
    def check(name, *arguments)
      code = call(name, *arguments)
      raise error_of(code) unless code.zero?
    end

    # The last argument of such a function is where it puts what it makes.
    def make(name, *arguments)
      place = Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE)
      place[0, Fiddle::SIZEOF_VOIDP] = "\0" * Fiddle::SIZEOF_VOIDP
      check(name, *arguments, place)
      place.ptr
    end

    def call(name, *arguments)
      @functions.fetch(name).call(*arguments)
    end

    # Of a function that gives a string; nil for a null pointer.
    def text(name, *arguments)
      pointer = call(name, *arguments)
      pointer.null? ? nil : pointer.to_s.force_encoding(Encoding::UTF_8)
    end

    private

    def declare
      pointer = Fiddle::TYPE_VOIDP
      int = Fiddle::TYPE_INT
      size = Fiddle::TYPE_SIZE_T
      uint = -Fiddle::TYPE_INT
      port = -Fiddle::TYPE_SHORT
      nothing = Fiddle::TYPE_VOID
      {
        abi_version: [uint],
        error_text: [size, pointer, size],
        error_name: [pointer, int],
        options_new: [pointer],
        options_free: [nothing, pointer],
        options_set: [int, pointer, pointer, pointer],
        resolver_new: [int, pointer, pointer],
        resolver_free: [nothing, pointer],
        resolver_reload: [int, pointer],
        resolve_start: [int, pointer, pointer, int, pointer],
        connect_start: [int, pointer, pointer, int, pointer],
        request_fd: [int, pointer],
        request_candidates: [int, pointer, pointer],
        request_stream: [int, pointer, pointer],
        request_free: [nothing, pointer],
        candidates_free: [nothing, pointer],
        candidates_count: [size, pointer],
        candidate_host: [pointer, pointer, size],
        candidate_port: [port, pointer, size],
        candidate_source: [pointer, pointer, size],
        candidate_health: [pointer, pointer, size],
        candidate_why: [pointer, pointer, size],
        report: [int, pointer, pointer, pointer, port, int, uint, pointer],
        stream_free: [nothing, pointer],
        stream_host: [pointer, pointer],
        stream_port: [port, pointer],
        stream_tried: [pointer, pointer]
      }.each { |name, (result, *arguments)| @functions[name] = function(name, arguments, result) }
    end

    def function(name, arguments, result)
      Fiddle::Function.new(@handle["bunraku_#{name}"], arguments, result)
    rescue Fiddle::DLError
      raise Missing, "libbunraku is too old: it has no bunraku_#{name}"
    end

    def check_version(path)
      there = call(:abi_version)
      raise Missing, "#{path} is too old: its interface is #{there}, #{NEEDED} is needed" if there < NEEDED
    end

    def error_of(code)
      room = "\0".b * 4096
      length = call(:error_text, room, room.bytesize)
      said = room.byteslice(0, [length, room.bytesize - 1].min).force_encoding(Encoding::UTF_8).scrub('?')
      said = text(:error_name, code) if said.empty?
      kind = { 101 => NoCredentials, 200 => NoMasters, 201 => NoMasters, 300 => AllTried }.fetch(code, Error)
      kind.new(said, code)
    end
  end
end
