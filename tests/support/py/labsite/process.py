"""Processes a test starts: each is ended by its own pid, and dies with the test."""

import ctypes
import os
import re
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """For preexec_fn: the kernel kills the child when this process ends, however it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def until(condition, what, seconds=30.0):
    """Polls `condition` until it gives something true and returns that. After `seconds` it fails, naming `what`
    (a text, or a function that makes one then)."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {seconds:g} s for {what() if callable(what) else what}")
        time.sleep(0.01)


class Process:
    """A child with its output in files. `name` is for messages; `pass_fds` are descriptors that it inherits."""

    def __init__(self, name, command, output_dir, env=None, cwd=None, pass_fds=()):
        self.name = name
        self.command = [str(word) for word in command]
        self.stdout_path = os.path.join(output_dir, f"{name}.out")
        self.stderr_path = os.path.join(output_dir, f"{name}.err")
        with open(self.stdout_path, "ab") as out, open(self.stderr_path, "ab") as err:
            self._seen = err.tell()
            self._child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env,
                                           cwd=cwd, preexec_fn=die_with_parent, pass_fds=pass_fds)

    @property
    def pid(self):
        return self._child.pid

    @property
    def returncode(self):
        return self._child.poll()

    def is_running(self):
        return self._child.poll() is None

    def signal(self, number):
        if self.is_running():
            self._child.send_signal(number)

    def pause(self):
        """SIGSTOP: the kernel still accepts connections, nobody answers. Returns once it has stopped."""
        self.signal(signal.SIGSTOP)
        until(lambda: self._state() in ("T", "t"), f"{self.name} to stop")

    def resume(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL: its port refuses connections from now on."""
        self.signal(signal.SIGKILL)
        self._child.wait()

    def terminate(self, seconds=60.0):
        """SIGTERM and wait; returns the exit status. Fails when it does not end in time (it is killed then)."""
        if not self.is_running():
            return self._child.returncode
        # In this order: LeakSanitizer stops the process at its exit, and a SIGCONT would undo that.
        self.resume()
        self._child.terminate()
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds:g} s of SIGTERM\n{self.stderr()}") from None

    def wait(self, seconds=30.0):
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds:g} s\n{self.stderr()}") from None

    def stdout(self):
        return _read(self.stdout_path)

    def stderr(self):
        return _read(self.stderr_path)[self._seen:]

    def wait_for_line(self, pattern, stream="stderr", seconds=30.0):
        """The first match of `pattern` in what it has written. Fails at once when the process ends without it."""
        read = self.stderr if stream == "stderr" else self.stdout

        def look():
            running = self.is_running()
            found = re.search(pattern, read(), re.MULTILINE)
            if not found and not running:
                raise AssertionError(f"{self.name} ended with {self.returncode} before /{pattern}/:\n"
                                     f"{self.stdout()}{self.stderr()}")
            return found

        return until(look, lambda: f"/{pattern}/ from {self.name}; it said:\n{self.stdout()}{self.stderr()}", seconds)

    def rss_kib(self):
        return int(re.search(r"^VmRSS:\s+(\d+)", _read(f"/proc/{self.pid}/status"), re.MULTILINE)[1])

    def _state(self):
        return _read(f"/proc/{self.pid}/stat").rsplit(") ", 1)[1][0]


def _read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
