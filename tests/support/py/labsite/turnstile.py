"""Where a real agent waits before each of its requests, until the test has done what it wants to do just then."""

import os
import socket
import threading

_HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "turnstile.rb")


class Turnstile:
    """Use as a context manager around Agent.run(environment=turnstile.environment). `before(k, request)` is called with
    the number of the request, from 1, and "METHOD TARGET"; the request leaves the agent when it returns. The answer to
    the request before has been read whole by then."""

    def __init__(self, path, before=None):
        self.path = path
        self.requests = []
        self.environment = {"LAB_TURNSTILE": path, "RUBYOPT": f"-r{_HOOK}"}
        self._before = before
        self._failure = None

    def __enter__(self):
        self._listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self._listener.bind(self.path)
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._thread.join()
        self._listener.close()
        if kind is None and self._failure:
            raise self._failure

    def _serve(self):
        while True:
            try:
                agent, _ = self._listener.accept()
            except OSError:
                return
            with agent, agent.makefile("r", encoding="utf-8", errors="replace") as reader:
                agent.settimeout(30)
                try:
                    self.requests.append(reader.readline().strip())
                    if self._before:
                        self._before(len(self.requests), self.requests[-1])
                    agent.sendall(b"go\n")
                except BaseException as failure:  # the request fails at the agent, this at the end
                    self._failure = self._failure or failure
