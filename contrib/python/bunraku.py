"""The masters of a Puppet agent, found and judged by libbunraku.so. One file, the standard library alone, Python 3.9.

    with Resolver() as resolver:
        print(resolver.candidates("catalog"))
        with resolver.connect("catalog") as master:
            master.send(f"GET /status/v1/simple HTTP/1.0\\r\\nHost: {master}\\r\\n\\r\\n".encode())
            print(master.receive())

What is said here of threads, forks and time is bunraku.h's, which has the last word. A resolver may be closed while other
threads wait on it. Calls block, without the interpreter's lock; while a stream sends or receives, a signal is handled
when that returns, so give it a time. What is not closed is given back when nobody refers to it any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import os
import select
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType

SONAME = "libbunraku.so.0"
SERVICES = ("ca", "catalog", "files", "report")
_NEEDED = 2  # of bunraku_abi_version()


class Code(enum.IntEnum):
    """Those of bunraku.h's codes that a program is likely to tell apart."""

    ARGUMENT = 1
    FORKED = 2
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
        "resolve_start": (code, [handle, text, limit, place]),
        "connect_start": (code, [handle, text, limit, place]),
        "request_fd": (code, [handle]),
        "request_candidates": (code, [handle, place]),
        "request_stream": (code, [handle, place]),
        "request_free": (None, [handle]),
        "candidates_free": (None, [handle]),
        "candidates_count": (size, [handle]),
        "candidate_host": (text, [handle, size]),
        "candidate_port": (port, [handle, size]),
        "candidate_source": (text, [handle, size]),
        "candidate_health": (text, [handle, size]),
        "candidate_why": (text, [handle, size]),
        "report": (code, [handle, text, text, port, code, number, text]),
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


def _ended_with(owner: object, library: Library, free: str, handle: ctypes.c_void_p) -> weakref.finalize:
    """Frees it, once. At exit the library does: threads may still be using it."""
    end = weakref.finalize(owner, library.call, free, handle)
    end.atexit = False
    return end


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
        self._end = _ended_with(self, library, "stream_free", handle)

    def __str__(self) -> str:
        return _place(self.host, self.port)

    def send(self, data: bytes, seconds: float | None = 30) -> None:
        put = ctypes.c_size_t()
        self._library.check("stream_write", self._opened(), data, len(data), _ms(seconds), ctypes.byref(put))

    def receive(self, size: int = 65536, seconds: float | None = 30) -> bytes:
        """What is there, at least one byte; b"" is the end."""
        room, got = ctypes.create_string_buffer(size), ctypes.c_size_t()
        self._library.check("stream_read", self._opened(), room, size, _ms(seconds), ctypes.byref(got))
        return room.raw[: got.value]

    def report(self, outcome: Outcome, retry_after: int = 0, reason: str | None = None) -> None:
        """Once, when it is known what became of the request."""
        text = reason.encode() if reason is not None else None
        self._library.check("stream_report", self._opened(), outcome, retry_after, text)

    def close(self) -> None:
        self._end()

    def _opened(self) -> ctypes.c_void_p:
        if not self._end.alive:
            raise Error(Code.ARGUMENT, "the stream is closed")
        return self._handle

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
        self._end = _ended_with(self, self._library, "resolver_free", self._handle)
        self._process, self._lock = os.getpid(), threading.RLock()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[ctypes.c_void_p]:
        """The handle, while no other thread can close it."""
        if os.getpid() != self._process:  # where the lock may be held for ever
            raise Error(Code.FORKED, f"made by process {self._process}, before it forked: make a new one here")
        with self._lock:
            if not self._end.alive:
                raise Error(Code.ARGUMENT, "the resolver is closed")
            yield self._handle

    @contextlib.contextmanager
    def _request(self, start: str, service: str, seconds: float | None) -> Iterator[ctypes.c_void_p]:
        """A finished one. Waiting is Python's own: signals are handled, and another thread may close the resolver."""
        with self._opened() as handle:
            begun = self._library.make(start, handle, service.encode(), _ms(seconds))
        try:
            finished = select.poll()
            finished.register(self._library.call("request_fd", begun), select.POLLIN)
            finished.poll()
            yield begun
        finally:
            self._library.call("request_free", begun)

    def candidates(self, service: str, seconds: float | None = 10) -> list[Candidate]:
        """In the order in which a request made now would try them."""
        library = self._library
        with self._request("resolve_start", service, seconds) as finished:
            found = library.make("request_candidates", finished)
        try:
            return [Candidate(library.text("candidate_host", found, i), library.call("candidate_port", found, i),
                              library.text("candidate_source", found, i), library.text("candidate_health", found, i),
                              library.text("candidate_why", found, i))
                    for i in range(library.call("candidates_count", found))]
        finally:
            library.call("candidates_free", found)

    def connect(self, service: str, seconds: float | None = 30) -> Stream:
        """To the first master that TLS can be spoken with."""
        with self._request("connect_start", service, seconds) as finished:
            return Stream(self._library, self._library.make("request_stream", finished))

    def report(self, service: str, host: str, port: int, outcome: Outcome, reason: str | None = None) -> None:
        """For programs that connect by themselves."""
        text = reason.encode() if reason is not None else None
        if not 0 < port < 65536:
            raise Error(Code.ARGUMENT, f"{port} is no port")
        with self._opened() as handle:
            self._library.check("report", handle, service.encode(), host.encode(), port, outcome, 0, text)

    def reload(self) -> None:
        """Reads puppet.conf and the certificate again."""
        with self._opened() as handle:
            self._library.check("resolver_reload", handle)

    def close(self) -> None:
        if os.getpid() != self._process:
            return
        with self._lock:
            self._end()

    def __enter__(self) -> Resolver:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
