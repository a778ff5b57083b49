"""The masters of a Puppet agent, found and judged by libbunraku.so. One file, the standard library alone, Python 3.9.

    with Resolver() as resolver:
        print(resolver.candidates("catalog"))
        with resolver.connect("catalog") as master:
            master.send(f"GET /status/v1/simple HTTP/1.0\\r\\nHost: {master}\\r\\n\\r\\n".encode())
            print(master.receive())

What is said here of threads, forks and time is bunraku.h's, which has the last word. Calls block, without the
interpreter's lock; a signal is handled when they return, so give them a time.
"""

from __future__ import annotations

import ctypes
import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

SONAME = "libbunraku.so.0"
SERVICES = ("ca", "catalog", "files", "report")
_NEEDED = 2  # of bunraku_abi_version()


class Code(enum.IntEnum):
    """Those of bunraku.h's codes that a program is likely to tell apart."""

    SITE = 100
    CREDENTIALS = 101
    SERVICE_ABSENT = 200
    NO_MASTERS = 201
    DNS_TIMEOUT = 202
    DNS_FAILED = 203
    DNS_MALFORMED = 204
    ALL_TRIED = 300
    TIMEOUT = 901


class Outcome(enum.IntEnum):
    """What a master made of a request."""

    ANSWERED = 1
    UNANSWERED = 2
    BROKEN_ANSWER = 3
    SERVER_ERROR = 4
    SATURATED = 5
    GIVEN_UP = 6
    UNREACHABLE = 7
    BAD_CERTIFICATE = 8


class Error(Exception):
    """A call that failed; str() is its sentence. `code` is bunraku.h's, a Code or another number."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Missing(Exception):
    """The library is not there, cannot be loaded, or is too old."""


@dataclass(frozen=True)
class Candidate:
    """One master of a service."""

    host: str
    port: int
    source: str
    health: str
    why: str

    def __str__(self) -> str:
        return _place(self.host, self.port)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _functions() -> dict[str, tuple[object, list[object]]]:
    """Result and arguments of each function that is used here."""
    handle, text, code, port = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint16
    size, place, limit = ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int32
    count, number = ctypes.POINTER(ctypes.c_size_t), ctypes.c_uint32
    return {
        "abi_version": (number, []),
        "version": (text, []),
        "error_text": (size, [text, size]),
        "error_name": (text, [code]),
        "options_new": (handle, []),
        "options_free": (None, [handle]),
        "options_set": (code, [handle, text, text]),
        "resolver_new": (code, [handle, place]),
        "resolver_free": (None, [handle]),
        "resolver_reload": (code, [handle]),
        "resolve": (code, [handle, text, limit, place]),
        "candidates_free": (None, [handle]),
        "candidates_count": (size, [handle]),
        "candidate_host": (text, [handle, size]),
        "candidate_port": (port, [handle, size]),
        "candidate_source": (text, [handle, size]),
        "candidate_health": (text, [handle, size]),
        "candidate_why": (text, [handle, size]),
        "report": (code, [handle, text, text, port, code, number, text]),
        "connect": (code, [handle, text, limit, place]),
        "stream_free": (None, [handle]),
        "stream_host": (text, [handle]),
        "stream_port": (port, [handle]),
        "stream_tried": (text, [handle]),
        "stream_read": (code, [handle, handle, size, limit, count]),
        "stream_write": (code, [handle, text, size, limit, count]),
        "stream_report": (code, [handle, code, number, text]),
    }


class Library:
    """libbunraku.so, its functions without their prefix. Raises Missing."""

    def __init__(self, path: str = SONAME) -> None:
        try:
            self._loaded = ctypes.CDLL(path, use_errno=False)
            for name, (result, arguments) in _functions().items():
                function = getattr(self._loaded, f"bunraku_{name}")
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as why:
            raise Missing(str(why)) from None
        if self.call("abi_version") < _NEEDED:
            raise Missing(f"{path} is too old: its interface is {self.call('abi_version')}, {_NEEDED} is needed")

    @property
    def version(self) -> str:
        return self.call("version").decode()

    def call(self, name: str, *arguments: object):  # each function has a result of its own
        return getattr(self._loaded, f"bunraku_{name}")(*arguments)

    def text(self, name: str, *arguments: object) -> str:
        return (self.call(name, *arguments) or b"").decode("utf-8", "replace")

    def check(self, name: str, *arguments: object) -> None:
        """Of a function that gives a code: raises its Error."""
        code = self.call(name, *arguments)
        if code == 0:
            return
        room = ctypes.create_string_buffer(self.call("error_text", None, 0) + 1)
        self.call("error_text", room, len(room))
        raise Error(code, room.value.decode("utf-8", "replace") or self.text("error_name", code))

    def make(self, name: str, *arguments: object) -> ctypes.c_void_p:
        """Of a function whose last argument is where it puts what it makes."""
        made = ctypes.c_void_p()
        self.check(name, *arguments, ctypes.byref(made))
        return made


def _ms(seconds: float | None) -> int:
    # More than an int32_t holds would come out as a short time, or as none.
    return -1 if seconds is None else int(min(max(0, seconds * 1000), 2**31 - 1))


class Stream:
    """TLS as this node, to a verified master. `tried` has a sentence for each master before it that failed."""

    def __init__(self, library: Library, handle: ctypes.c_void_p) -> None:
        self._library, self._handle = library, handle
        self.host = library.text("stream_host", handle)
        self.port: int = library.call("stream_port", handle)
        self.tried = library.text("stream_tried", handle).splitlines()

    def __str__(self) -> str:
        return _place(self.host, self.port)

    def send(self, data: bytes, seconds: float | None = 30) -> None:
        put = ctypes.c_size_t()
        self._library.check("stream_write", self._handle, data, len(data), _ms(seconds), ctypes.byref(put))

    def receive(self, size: int = 65536, seconds: float | None = 30) -> bytes:
        """What is there, at least one byte; b"" is the end."""
        room, got = ctypes.create_string_buffer(size), ctypes.c_size_t()
        self._library.check("stream_read", self._handle, room, size, _ms(seconds), ctypes.byref(got))
        return room.raw[: got.value]

    def report(self, outcome: Outcome, retry_after: int = 0, reason: str | None = None) -> None:
        """Once, when it is known what became of the request."""
        text = reason.encode() if reason is not None else None
        self._library.check("stream_report", self._handle, outcome, retry_after, text)

    def close(self) -> None:
        self._library.call("stream_free", self._handle)
        self._handle = ctypes.c_void_p()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Resolver:
    """Finds the masters of "ca", "catalog", "files" and "report". `options` are bunraku.h's keys and values."""

    def __init__(self, options: Mapping[str, str] | None = None, library: Library | None = None) -> None:
        self._library = library or Library()
        given = ctypes.c_void_p(self._library.call("options_new"))
        try:
            for key, value in (options or {}).items():
                self._library.check("options_set", given, key.encode(), os.fsencode(value))
            self._handle = self._library.make("resolver_new", given)
        finally:
            self._library.call("options_free", given)

    def candidates(self, service: str, seconds: float | None = 10) -> list[Candidate]:
        """In the order in which a request made now would try them."""
        library = self._library
        found = library.make("resolve", self._handle, service.encode(), _ms(seconds))
        try:
            return [Candidate(library.text("candidate_host", found, i), library.call("candidate_port", found, i),
                              library.text("candidate_source", found, i), library.text("candidate_health", found, i),
                              library.text("candidate_why", found, i))
                    for i in range(library.call("candidates_count", found))]
        finally:
            library.call("candidates_free", found)

    def connect(self, service: str, seconds: float | None = 30) -> Stream:
        """To the first master that TLS can be spoken with."""
        return Stream(self._library, self._library.make("connect", self._handle, service.encode(), _ms(seconds)))

    def report(self, service: str, host: str, port: int, outcome: Outcome, reason: str | None = None) -> None:
        """For programs that connect by themselves."""
        text = reason.encode() if reason is not None else None
        self._library.check("report", self._handle, service.encode(), host.encode(), port, outcome, 0, text)

    def reload(self) -> None:
        """Reads puppet.conf and the certificate again."""
        self._library.check("resolver_reload", self._handle)

    def close(self) -> None:
        self._library.call("resolver_free", self._handle)
        self._handle = ctypes.c_void_p()

    def __enter__(self) -> Resolver:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
