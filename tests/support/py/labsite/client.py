"""An HTTPS client whose every step a test can see: raw bytes out, one parsed answer in, nothing repeated."""

import http.client
import os
import select
import socket
import ssl


class Client:
    """One TLS connection. `server_name` is the SNI and what the certificate must be for; `node` gives the client
    certificate (an ssldir of the site), None for none. `session`: an ssl.SSLSession to resume."""

    def __init__(self, site, address, port, server_name, node="agent1", seconds=30.0, context=None, session=None,
                 verify=True):
        self.context = context or self._context(site, node, verify)
        self.socket = socket.create_connection((address, port), seconds)
        try:
            self.tls = self.context.wrap_socket(self.socket, server_hostname=server_name, session=session,
                                                suppress_ragged_eofs=False)
        except BaseException:
            self.socket.close()
            raise
        self.host = f"{server_name}:{port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.tls.close()

    def send(self, data):
        self.tls.sendall(data)

    def request(self, method, target, body=None, host=None, **headers):
        """Sends one request and reads its answer: http.client.HTTPResponse with .body. Header names: x_y is X-Y."""
        return self.read_answer(method, self.send_request(method, target, body, host, **headers))

    def send_request(self, method, target, body=None, host=None, **headers):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or self.host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def read_answer(self, method="GET", _=None):
        answer = self.start_answer(method)
        answer.body = answer.read()
        return answer

    def start_answer(self, method="GET"):
        """The answer's head; the body is read with .read(N)."""
        answer = http.client.HTTPResponse(self.tls, method=method)
        answer.begin()
        return answer

    def ending(self):
        """Reads encrypted bytes and forgets them until the connection ends: "reset" (RST) or "fin". The ssl module
        reports both as SSLEOFError. Nothing else can be read afterwards."""
        try:
            while True:
                if not select.select([self.tls], [], [], self.tls.gettimeout())[0]:
                    raise TimeoutError("the connection does not end")
                if not os.read(self.tls.fileno(), 65536):
                    return "fin"
        except ConnectionResetError:
            return "reset"

    @staticmethod
    def _context(site, node, verify):
        context = ssl.create_default_context(cafile=f"{site.ssldir(node or 'agent1')}/certs/ca.pem")
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if node:
            name = site.fqdn(node)
            context.load_cert_chain(f"{site.ssldir(node)}/certs/{name}.pem",
                                    f"{site.ssldir(node)}/private_keys/{name}.pem")
        return context
