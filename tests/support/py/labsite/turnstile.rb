# Loaded into a real agent with RUBYOPT: before each HTTP request leaves, asks at the Unix socket $LAB_TURNSTILE and
# waits for the answer. The agent itself is as it was installed. Nobody at the socket: the request fails, and the run.
require 'net/http'
require 'socket'

module LabTurnstile
  def request(req, body = nil, &block)
    # Net::HTTP calls itself again when the connection is still to be made.
    if started?
      UNIXSocket.open(ENV.fetch('LAB_TURNSTILE')) do |gate|
        gate.puts("#{req.method} #{req.path}")
        raise IOError, 'the test does not let this request pass' unless gate.gets == "go\n"
      end
    end
    super
  end
end

Net::HTTP.prepend(LabTurnstile) if ENV.key?('LAB_TURNSTILE')
