"""Streams of bytes for readers to disagree on: the fuzzers' corpora, recorded requests of agents with each byte in each
place, the lines that are known to smuggle, and random mixtures of all that."""

import glob
import itertools
import os

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

INNER = b"GET /smuggled HTTP/1.1\r\nHost: inner\r\n\r\n"
CHUNKED = b"3\r\nabc\r\n0\r\n\r\n"

TARGETS = (b"/", b"/puppet/v3/catalog/a.example.com?environment=production", b"/a/../b", b"/a//b", b"/%2e%2e/%2f%5c",
           b"/a;b=c;d", b"/a;b/../c", b"/?", b"/?a=b?c", b"/a%", b"/a%zz", b"/a%00b", b"/%0d%0aHost:x", b"/.", b"/..", b"/./",
           b"/a?b&c=d&[e]=f", b"/[a]", b"/a%20b", b"/a+b", b"/a:b@c", b"/a,b$c!d'e(f)*g", b"/~a_b-c.d", b"/http://x/y",
           b"/a?http://x/y", b"/%2e/%2E/%2F%2f", b"/%C3%A4?%ff", b"/a=b", b"/*", b"/a/", b"/" + b"a" * 4000,
           b"/?" + b"b=c&" * 500, b"/%25%32%66", b"/a/%2e%2e/b", b"/..;/a", b"/a/..;x=y/b", b"//a", b"/a//", b"/:80/", b"/a?/../b",
           b"*", b"http://x/y", b"a", b"", b"/a b", b"/a#b", b"/a\\b", b"/a|b", b"/a{b}", b"/a\"b", b"/a<b>", b"/a^b`c")
METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH", b"get", b"GE T", b"")

# Each is a field as it may stand on the wire, its line end included where it matters.
LINES = (b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: +3", b"Content-Length: -3", b"Content-Length: 3,3",
         b"Content-Length: 03", b"Content-Length: 3 ", b"Content-Length:\t3\t", b"Content-Length:3", b"Content-Length: 0x3",
         b"Content-Length: 3;a", b"Content-Length : 3", b"Content-Length\t: 3", b" Content-Length: 3", b"content-length: 3",
         b"Content_Length: 3", b"Content-Length: 3\r\nContent-Length: 3", b"Content-Length: 3\r\nContent-Length: 4",
         b"Content-Length:", b"Content-Length: \xb2", b"Content-Length: 18446744073709551619",
         b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"transfer-encoding:chunked", b"Transfer-Encoding: chunked ",
         b"Transfer-Encoding:\tchunked", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: \"chunked\"",
         b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, gzip", b"Transfer-Encoding: identity",
         b"Transfer-Encoding: chunked;a=b", b"Transfer-Encoding: chunked,", b"Transfer-Encoding : chunked", b"Transfer_Encoding: chunked",
         b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding:\r\n chunked", b"X: y\r\n Transfer-Encoding: chunked",
         b"X: y\nTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked", b"X: y\r\r\nTransfer-Encoding: chunked",
         b"X: y\0Transfer-Encoding: chunked", b"Transfer-Encoding", b"Transfer-Encoding chunked", b"Transfer-Encoding\0: chunked",
         b"TE: trailers", b"TE: chunked", b"Trailer: Content-Length", b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
         b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13",
         b"Connection: close", b"Connection: keep-alive", b"Connection: Content-Length", b"Connection: Transfer-Encoding", b"Connection: Host",
         b"Connection: close, X\r\nX: 1", b"Connection: ,", b"Connection:", b"Keep-Alive: timeout=5", b"Proxy-Connection: close",
         b"Expect: 100-continue", b"Expect: 100-Continue", b"Expect: x", b"Expect:", b"Host: b", b"Host:", b"Host : b", b"host: b",
         b"X-HTTP-Method-Override: DELETE", b"X-Forwarded-Host: b", b"X-Original-URL: /b", b"X-Rewrite-URL: /b", b"Forwarded: host=b",
         b"X-Client-DN: CN=b", b"X_Client_DN: CN=b", b"X:", b"X: ", b"X: \t", b"X: a\tb", b"X: \xe4", b"X: \x80\xff", b": x", b"X", b"X Y: z",
         b"X: " + b"a" * 8000, b"\xef\xbb\xbfX: y", b"Content-Type: multipart/form-data; boundary=x", b"Cookie: a=b; c=\"d\"",
         b"Range: bytes=0-", b"Content-Encoding: gzip", b"Accept-Encoding: gzip;q=1.0,deflate", b"Date: x", b"Via: 1.0 x",
         b"Max-Forwards: 0", b"If-Match: *", b"Authorization: Basic eDp5", b"Content-MD5: x", b"Content-Range: bytes 0-2/3")

BODIES = (b"", b"abc", CHUNKED, b"0\r\n\r\n", INNER, b"0\r\n\r\n" + INNER, b"3;a=b\r\nabc\r\n0\r\n\r\n", b"3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n",
          b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", b"3\r\nabc\r\n0\r\nContent-Length: 50\r\n\r\n", b"003\r\nabc\r\n000\r\n\r\n", b"3 \r\nabc\r\n0\r\n\r\n",
          b"3\nabc\n0\n\n", b"3\r\nabc0\r\n\r\n", b"3\r\nabcX\r\n0\r\n\r\n", b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
          b"0x3\r\nabc\r\n0\r\n\r\n", b"+3\r\nabc\r\n0\r\n\r\n", b"3;\r\nabc\r\n0;x\r\n\r\n", b"100000003\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nX: y\n\r\n",
          b"3;" + b"e" * 1000 + b"\r\nabc\r\n0\r\n\r\n", b"1\r\na\r\n" * 50 + b"0\r\n\r\n", b"0\r\n" + b"T: u\r\n" * 20 + b"\r\n", b"\r\nabc")


def request(method=b"POST", target=b"/a", lines=(b"Content-Length: 3",), body=b"abc", version=b"HTTP/1.1", host=b"Host: a"):
    head = [method + b" " + target + b" " + version] + ([host] if host else []) + list(lines)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def corpora():
    streams = []
    for name in ("request_head", "connect_request", "chunked"):
        for path in sorted(glob.glob(f"{TESTS}/fuzz/corpus/{name}/*")):
            with open(path, "rb") as file:
                data = file.read()
            if name == "chunked":
                data = request(lines=(b"Transfer-Encoding: chunked",), body=data)
            # A head whose body the corpus does not have: with so much, or with a chunked one, it is whole.
            streams += [data, data + CHUNKED, data + b"x" * 200000]
    return streams


def every_byte():
    """Each byte, inserted into and put over each kind of place."""
    streams = []
    for value in range(256):
        byte = bytes([value])
        streams += [
            request(target=b"/a" + byte + b"b"), request(target=b"/" + byte), request(target=b"/a?b" + byte + b"c"),
            request(method=b"PO" + byte + b"ST"), request(version=b"HTTP/1.1" + byte), request(host=b"Host: a" + byte + b"b"),
            request(host=b"Host: a:" + byte), request(lines=(b"X" + byte + b"Y: z", b"Content-Length: 3")),
            request(lines=(b"X" + byte + b": z", b"Content-Length: 3")), request(lines=(byte + b"X: z", b"Content-Length: 3")),
            request(lines=(b"X:" + byte + b"z", b"Content-Length: 3")), request(lines=(b"X: z" + byte, b"Content-Length: 3")),
            request(lines=(b"X: y" + byte + b"z", b"Content-Length: 3")), request(lines=(b"Content-Length: " + byte + b"3",)),
            request(lines=(b"Content-Length: 3" + byte,)), request(lines=(b"Content-Length" + byte + b": 3",)),
            request(lines=(b"Transfer-Encoding: " + byte + b"chunked",), body=CHUNKED),
            request(lines=(b"Transfer-Encoding: chunked" + byte,), body=CHUNKED),
            request(lines=(b"Transfer-Encoding" + byte + b": chunked",), body=CHUNKED),
            *(request(lines=(b"Transfer-Encoding: chunked",), body=body) for body in (
                byte + b"3\r\nabc\r\n0\r\n\r\n", b"3" + byte + b"\r\nabc\r\n0\r\n\r\n", b"3;" + byte + b"\r\nabc\r\n0\r\n\r\n",
                b"3;a=\"" + byte + b"\"\r\nabc\r\n0\r\n\r\n", b"3\r\nabc" + byte + b"\r\n0\r\n\r\n", b"3\r\n" + byte * 3 + b"\r\n0\r\n\r\n",
                b"3\r\nabc\r\n0" + byte + b"\r\n\r\n", b"3\r\nabc\r\n0\r\nX" + byte + b": y\r\n\r\n", b"3\r\nabc\r\n0\r\nX: y" + byte + b"\r\n\r\n")),
            request(body=byte * 3), byte + request(), request() + byte + request(method=b"GET", lines=(), body=b"")]
    return streams


def smuggling():
    """Every line with every line, and each with each body; targets and methods by themselves."""
    streams = [request(target=t, lines=(b"Content-Length: 3",)) for t in TARGETS]
    streams += [request(method=m, target=t, lines=(), body=b"") for m, t in itertools.product(METHODS, TARGETS[:20])]
    streams += [request(method=m, lines=(line,), body=body) for m in (b"POST", b"GET") for line in LINES for body in BODIES[:6]]
    streams += [request(lines=(b"Transfer-Encoding: chunked", line), body=CHUNKED) for line in LINES]
    streams += [request(lines=(line, b"Content-Length: 3")) for line in LINES]
    streams += [request(lines=(b"Transfer-Encoding: chunked",), body=body + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n") for body in BODIES]
    streams += [request(version=v, lines=(line,), body=CHUNKED) for v in (b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/1.1 ") for line in LINES]
    return streams


def mutated(chance, count):
    pieces = (*LINES, *TARGETS, *METHODS, *BODIES, b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b"\r\n\r\n", b"HTTP/1.1", b"HTTP/1.0", b",", b";")
    seeds = [s for s in corpora() if len(s) < 20000]
    streams = []
    for _ in range(count):
        if chance.random() < 0.5:
            stream = request(chance.choice(METHODS[:5]), chance.choice(TARGETS),
                             [chance.choice(LINES) for _ in range(chance.randrange(5))], chance.choice(BODIES),
                             chance.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0")))
        else:
            stream = chance.choice(seeds)
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            at = chance.randrange(len(stream) + 1)
            cut = chance.choice((0, 0, 1, 1, 2, 8))
            stream = stream[:at] + chance.choice((b"", bytes([chance.randrange(256)]), chance.choice(pieces))) + stream[at + cut:]
        streams.append(stream)
    return streams
