# A GET as an agent's Net::HTTP makes it: cut_answer.rb SSLDIR NODE ADDRESS PORT TARGET. Says what it read, or which error it met.
require "net/http"
require "openssl"

ssldir, node, address, port, target = ARGV
http = Net::HTTP.new(node, port.to_i)
http.ipaddr = address
http.use_ssl = true
http.max_retries = 0
http.ca_file = "#{ssldir}/certs/ca.pem"
http.cert = OpenSSL::X509::Certificate.new(File.read("#{ssldir}/certs/#{node}.pem"))
http.key = OpenSSL::PKey.read(File.read("#{ssldir}/private_keys/#{node}.pem"))
begin
  answer = http.start { |open| open.request(Net::HTTP::Get.new(target)) }
  puts "#{answer.code} #{answer.body.bytesize}"
rescue SystemCallError, OpenSSL::SSL::SSLError, EOFError => error
  puts error.class
end
