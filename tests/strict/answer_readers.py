"""Who reads answers: Python's http.client, Ruby's Net::HTTP (an agent's), Node's client, curl, and nginx and HAProxy in front
of a client. Each takes cases and says what it read of each: {"status", "length", "sha256", "fields": {name: [values in
hexadecimal]}, "next": what the same connection had behind it} or {"error"}."""

import contextlib
import hashlib
import http.client
import io
import json
import os
import re
import socket
import socketserver
import struct
import subprocess
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
SENTINEL = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsentinel"
http.client._MAXHEADERS = 200  # pylint: disable=protected-access
NEXT = hashlib.sha256(b"sentinel").hexdigest()
ELSEWHERE = "on another connection"


class Player(socketserver.ThreadingTCPServer):
    """A server that answers GET /N with the N-th case and then, if that one is not whole, resets; /N/next with the
    sentinel."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Play)
        self.cases = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, *_):
        pass  # whoever was in front has left


class _Play(socketserver.StreamRequestHandler):
    def handle(self):
        while found := re.match(rb"\w+ /(\d+)(/next)? ", self.rfile.readline()):
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            case = self.server.cases[int(found[1])]
            self.connection.sendall(SENTINEL if found[2] else case["written"])
            if not found[2] and not case["whole"]:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return


def _said(answer):
    body = answer.read()
    fields = {}
    for name, value in answer.getheaders():
        fields.setdefault(name.lower(), []).append(value.encode("latin-1").hex())
    return {"status": answer.status, "length": len(body), "sha256": hashlib.sha256(body).hexdigest(), "fields": fields}


class _Wire(io.BytesIO):
    """What http.client takes for a socket; what it does not read stays there for the next answer. One that is cut ends in
    a reset."""

    def __init__(self, bytes_, whole):
        super().__init__(bytes_)
        self.whole = whole

    def read(self, *size):
        return self._got(super().read(*size), size)

    def readline(self, *size):
        return self._got(super().readline(*size), size)

    def readinto(self, into):
        data = self.read(len(into))
        into[:len(data)] = data
        return len(data)

    def _got(self, data, size):
        short = data == b"" if size else True
        if not self.whole and short and self.tell() == len(self.getbuffer()) and size != (0,):
            raise ConnectionResetError
        return data

    def makefile(self, *_):
        return self

    def close(self):
        pass


def _read_one(wire, method):
    answer = http.client.HTTPResponse(wire, method=method)
    answer.begin()
    return _said(answer)


def python(cases, _):
    said = []
    for case in cases:
        wire = _Wire(case["written"] + (SENTINEL if case["whole"] else b""), case["whole"])
        try:
            read = _read_one(wire, case["method"])
            if case["whole"]:
                read["next"] = _read_one(wire, "GET")["sha256"]
        except (http.client.HTTPException, OSError, ValueError) as error:
            read = {"error": repr(error)}
        said.append(read)
    return said


def _by_lines(command, lines):
    done = subprocess.run(command, input="\n".join(map(json.dumps, lines)) + "\n", stdout=subprocess.PIPE, text=True,
                          timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ruby(cases, _):
    return _by_lines(["ruby", f"{HERE}/readers/answers.rb"], [
        {"method": case["method"], "whole": case["whole"],
         "bytes": (case["written"] + (SENTINEL if case["whole"] else b"")).hex()} for case in cases])


def node(cases, player):
    return _by_lines(["node", f"{HERE}/readers/answers.js", str(player.port)], [
        {"method": case["method"], "whole": case["whole"], "path": f"/{case['number']}"} for case in cases])


def curl(cases, player):
    found = []
    for begin in range(0, len(cases), 200):
        with tempfile.TemporaryDirectory(prefix="bunraku-curl-") as folder:
            found += _curl(cases[begin:begin + 200], player, folder)
    return found


def _curl(cases, player, folder):
    parts = []
    for case in cases:
        url = f"http://127.0.0.1:{player.port}/{case['number']}"
        how = "head\n" if case["method"] == "HEAD" else f"request = {case['method']}\n"
        for what, more, path in (("answer", how + f'dump-header = "{folder}/{case["number"]}.head"\n', ""), ("next", "", "/next")):
            if what == "answer" or case["whole"]:
                parts.append(f'url = "{url}{path}"\noutput = "{folder}/{case["number"]}.{what}"\n{more}http1.1\nsilent\n'
                             'noproxy = "*"\nwrite-out = "%{json}\\n"\n')
    done = subprocess.run(["curl", "-q", "-K", "-"], input="next\n".join(parts), stdout=subprocess.PIPE, text=True, timeout=300,
                          check=False)
    results = {line["url"].split("/", 3)[3]: line for line in map(json.loads, done.stdout.splitlines())}
    return [_curl_said(case, results, folder) for case in cases]


def _curl_said(case, results, folder):
    number = str(case["number"])
    result = results[number]
    if result["exitcode"] != 0:
        return {"error": result["errormsg"]}
    body = b"" if case["method"] == "HEAD" else _file(f"{folder}/{number}.answer")
    fields = {}
    for line in _file(f"{folder}/{number}.head").split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            fields.setdefault(name.decode("latin-1").lower(), []).append(value.strip(b" \t").hex())
    said = {"status": result["response_code"], "length": len(body), "sha256": hashlib.sha256(body).hexdigest(), "fields": fields}
    if case["whole"]:
        after = results[f"{number}/next"]
        said["next"] = (hashlib.sha256(_file(f"{folder}/{number}.next")).hexdigest()
                        if after["exitcode"] == 0 and after["num_connects"] == 0 else ELSEWHERE)
    return said


def _file(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def behind(place):
    """A reader that is a proxy at `place`, which asks the player."""
    def read(cases, _):
        return [_ask(place, case) for case in cases]
    return read


def _ask(place, case):
    with contextlib.closing(http.client.HTTPConnection(*place, timeout=60)) as to:
        try:
            to.request(case["method"], f"/{case['number']}")
            said = _said(to.getresponse())
            if case["whole"]:
                to.request("GET", f"/{case['number']}/next")
                said["next"] = _said(to.getresponse())["sha256"]
            return said
        except (http.client.HTTPException, OSError) as error:
            return {"error": repr(error)}
