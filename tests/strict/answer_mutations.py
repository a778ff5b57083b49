"""Answers for readers to disagree on, as (method of the request, bytes of a master, which then closes): the fuzzers'
corpora, each byte in each place, the lines and bodies that are known to shift an answer, and random mixtures."""

import glob
import itertools

from mutations import BODIES, CHUNKED, LINES, TESTS

NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"
STATUSES = (b"200", b"201", b"202", b"203", b"204", b"205", b"206", b"299", b"300", b"301", b"302", b"303", b"304", b"305", b"306",
            b"307", b"308", b"400", b"401", b"404", b"408", b"409", b"413", b"416", b"417", b"421", b"426", b"429", b"500", b"502",
            b"503", b"504", b"505", b"599", b"100", b"101", b"102", b"103", b"199", b"000", b"099", b"600", b"999", b"20", b"2000", b"2x0", b"")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/2", b"http/1.1", b"HTTP/1.10", b"ICY", b"")
REASONS = (b" OK", b" ", b"", b" \xe4\xff", b" a\tb", b" " + b"r" * 300, b"  OK", b"OK", b" O\x01K", b" O\0K", b" O\rK")
INTERIM = (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n" * 5,
           b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
           b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 20, b"HTTP/1.1 100\r\n\r\n")
FIELDS = (b"Content-Type: application/json", b"X-Puppet-Version: 7.9.5", b"Content-Encoding: gzip", b"ETag: \"a\"",
          b"Set-Cookie: a=b", b"Set-Cookie: c=d", b"Content-Range: bytes 0-2/10", b"Retry-After: 1", b"Location: /b", b"X: \xe4\xf6",
          b"Proxy-Connection: close", b"Keep-Alive: timeout=1", b"Warning: 110", b"Vary: *", b"Age: x", b"Content-Location: /c")


def answer(status=b"200", lines=(b"Content-Length: 3",), body=b"abc", version=b"HTTP/1.1", reason=b" OK"):
    return b"\r\n".join([version + b" " + status + reason, *lines]) + b"\r\n\r\n" + body


def corpora():
    found = []
    for name in ("response_head", "chunked"):
        for path in sorted(glob.glob(f"{TESTS}/fuzz/corpus/{name}/*")):
            with open(path, "rb") as file:
                data = file.read()
            if name == "chunked":
                data = answer(lines=(b"Transfer-Encoding: chunked",), body=data)
            found += [data, data + CHUNKED, data + b"x" * 100000]
    return list(itertools.product(("GET", "HEAD"), found))


def every_byte():
    """Each byte, inserted into each kind of place."""
    found = []
    for value in range(256):
        byte = bytes([value])
        found += [
            byte + answer(), answer(version=b"HTTP/1.1" + byte), answer(status=b"2" + byte + b"0"), answer(status=b"200" + byte),
            answer(reason=byte + b"OK"), answer(reason=b" O" + byte + b"K"), answer(lines=(b"X" + byte + b"Y: z", b"Content-Length: 3")),
            answer(lines=(byte + b"X: z", b"Content-Length: 3")), answer(lines=(b"X:" + byte + b"z", b"Content-Length: 3")),
            answer(lines=(b"X: y" + byte + b"z", b"Content-Length: 3")), answer(lines=(b"X: z" + byte, b"Content-Length: 3")),
            answer(lines=(b"Content-Length: " + byte + b"3",)), answer(lines=(b"Content-Length: 3" + byte,)),
            answer(lines=(b"Content-Length" + byte + b": 3",)),
            answer(lines=(b"Transfer-Encoding: " + byte + b"chunked",), body=CHUNKED),
            answer(lines=(b"Transfer-Encoding: chunked" + byte,), body=CHUNKED),
            *(answer(lines=(b"Transfer-Encoding: chunked",), body=body) for body in (
                byte + b"3\r\nabc\r\n0\r\n\r\n", b"3" + byte + b"\r\nabc\r\n0\r\n\r\n", b"3;a=" + byte + b"\r\nabc\r\n0\r\n\r\n",
                b"3\r\nabc" + byte + b"\r\n0\r\n\r\n", b"3\r\n" + byte * 3 + b"\r\n0\r\n\r\n", b"3\r\nabc\r\n0" + byte + b"\r\n\r\n",
                b"3\r\nabc\r\n0\r\nX" + byte + b": y\r\n\r\n", b"3\r\nabc\r\n0\r\nX: y" + byte + b"\r\n\r\n")),
            answer(body=byte * 3), answer(body=b"abc" + byte), answer(lines=(), body=byte * 3)]
    return [("GET", one) for one in found]


def shifting():
    """Every line and body, statuses that have no body with one, interim answers, ends too early, and more behind the end."""
    found = [(m, answer(s, (framing,) if framing else (), body)) for m in METHODS for s in STATUSES
             for framing, body in ((b"Content-Length: 3", b"abc"), (b"Transfer-Encoding: chunked", CHUNKED), (b"Content-Length: 0", b""),
                                   (b"", b"abc"), (b"", b""))]
    found += [(m, answer(lines=(line,), body=body)) for m in ("GET", "HEAD") for line in LINES for body in BODIES[:6]]
    found += [("GET", answer(lines=(framing, line), body=body)) for line in LINES + FIELDS
              for framing, body in ((b"Transfer-Encoding: chunked", CHUNKED), (b"Content-Length: 3", b"abc"))]
    found += [("GET", answer(lines=(b"Transfer-Encoding: chunked",), body=body + NEXT)) for body in BODIES]
    found += [("GET", answer(version=v, reason=r, lines=(framing,), body=body)) for v in VERSIONS for r in REASONS
              for framing, body in ((b"Transfer-Encoding: chunked", CHUNKED), (b"Content-Length: 3", b"abc"))]
    found += [(m, interim + answer()) for m in METHODS for interim in INTERIM]
    wholes = (answer(), answer(lines=(b"Transfer-Encoding: chunked",), body=CHUNKED), answer(b"204", (), b""), answer(b"304", (), b""))
    found += [("GET", whole[:end]) for whole in wholes for end in range(len(whole))]
    found += [(m, whole + more) for m in ("GET", "HEAD") for whole in wholes for more in (b"\r\n", b"\n", b"x", b"0\r\n\r\n", NEXT, b"\0")]
    return found


def mutated(chance, count):
    pieces = (*LINES, *FIELDS, *BODIES, *STATUSES, *VERSIONS, *REASONS, *INTERIM, NEXT, b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":",
              b"\r\n\r\n", b",", b";", b"0\r\n\r\n")
    found = []
    for _ in range(count):
        chunked = chance.random() < 0.5
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 3"
        lines = [chance.choice(LINES + FIELDS) if chance.random() < 0.3 else chance.choice(FIELDS) for _ in range(chance.randrange(4))]
        lines.insert(chance.randrange(len(lines) + 1), framing)
        one = answer(chance.choice(STATUSES) if chance.random() < 0.3 else b"200", lines,
                     chance.choice(BODIES) if chance.random() < 0.3 else CHUNKED if chunked else b"abc")
        if chance.random() < 0.2:
            one = chance.choice(INTERIM) + one
        for _ in range(chance.choice((0, 1, 1, 2))):
            at = chance.randrange(len(one) + 1)
            cut = chance.choice((0, 0, 1, 1, 2, 8))
            one = one[:at] + chance.choice((b"", bytes([chance.randrange(256)]), chance.choice(pieces))) + one[at + cut:]
        found.append((chance.choice(METHODS), one))
    return found
