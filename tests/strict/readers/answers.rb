# Ruby's Net::HTTP, which an agent has. One line of JSON in for each answer ({"method", "bytes", "whole"}), one out: what
# was read, and whether the answer behind it was found where it should be. An answer that is cut ends in a reset.
require "digest"
require "json"
require "net/http"
require "stringio"

class Wire < StringIO
  def initialize(bytes, whole)
    super(bytes)
    @whole = whole
  end

  def read_nonblock(*sizes, **how)
    raise Errno::ECONNRESET if !@whole && eof?

    super(*sizes, **how)
  end
end

def read_one(socket, method)
  answer = Net::HTTPResponse.read_new(socket)
  body = "".b
  answer.reading_body(socket, method != "HEAD") { answer.read_body { |piece| body << piece } }
  fields = answer.to_hash.transform_values { |values| values.map { |value| value.b.unpack1("H*") } }
  { status: answer.code.to_i, length: body.bytesize, sha256: Digest::SHA256.hexdigest(body), fields: fields }
end

$stdin.each_line do |line|
  wanted = JSON.parse(line)
  socket = Net::BufferedIO.new(Wire.new([wanted["bytes"]].pack("H*"), wanted["whole"]))
  begin
    said = read_one(socket, wanted["method"])
    said[:next] = read_one(socket, "GET")[:sha256] if wanted["whole"]
  rescue StandardError => error
    said = { error: error.class.name }
  end
  puts JSON.generate(said)
end
