"""Processes under test: where they run, what the kernel says they cost, and their end."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time


def which(name):
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")


def placed(place):
    """A preexec_fn for subprocess: "load" is the first core, "proxy" the last. One core: nothing to place."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    chosen = {cores[0] if place == "load" else cores[-1]}
    return lambda: os.sched_setaffinity(0, chosen)


@contextlib.contextmanager
def working_at(place):
    """What is started in this block is `placed` there, its threads too."""
    before, move = os.sched_getaffinity(0), placed(place)
    if move:
        move()
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _fields(pid):
    """/proc/PID/stat behind the name, which may have anything in it."""
    stat = text_of(f"/proc/{pid}/stat")
    return stat[stat.rindex(")") + 2:].split() if stat else []


def family(pid):
    """The process and its descendants."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        fields = _fields(entry)
        if fields:
            parents[int(entry)] = int(fields[1])
    found = [pid]
    for one in found:
        found.extend(child for child, parent in parents.items() if parent == one)
    return found


class Usage:
    """CPU time and context switches of a family at one moment."""

    def __init__(self, pid):
        self.threads = {}
        self.ticks = 0.0
        self.switches = self.wakeups = 0
        hertz = os.sysconf("SC_CLK_TCK")
        for one in family(pid):
            fields = _fields(one)
            if not fields:
                continue
            self.ticks += (int(fields[11]) + int(fields[12])) / hertz
            with contextlib.suppress(OSError):
                for thread in os.listdir(f"/proc/{one}/task"):
                    self._add_thread(one, thread)

    def _add_thread(self, pid, thread):
        schedule = text_of(f"/proc/{pid}/task/{thread}/schedstat").split()
        if schedule:
            self.threads[pid, thread] = int(schedule[0]) / 1e9
        for line in text_of(f"/proc/{pid}/task/{thread}/status").splitlines():
            name, _, value = line.partition(":")
            if name in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"):
                self.switches += int(value)
            if name == "voluntary_ctxt_switches":
                self.wakeups += int(value)

    def cpu_since(self, before):
        """Seconds; to the nanosecond, but in clock ticks where threads that did much of it ended in between: they count
        there alone."""
        ticks = self.ticks - before.ticks
        exact = sum(spent - before.threads.get(thread, 0.0) for thread, spent in self.threads.items())
        return exact if self.threads and ticks - exact < 0.03 + 0.05 * exact else ticks


def _sum_of(pid, file, field):
    total = 0
    for one in family(pid):
        for line in text_of(f"/proc/{one}/{file}").splitlines():
            if line.startswith(field + ":"):
                total += int(line.split()[1])
    return total


def rss_kib(pid):
    return _sum_of(pid, "smaps_rollup", "Rss")


def pss_kib(pid):
    return _sum_of(pid, "smaps_rollup", "Pss")


def peak_rss_kib(pid):
    return _sum_of(pid, "status", "VmHWM")


def forget_peak(pid):
    for one in family(pid):
        try:
            with open(f"/proc/{one}/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        except FileNotFoundError:  # a peer's helper that has ended since
            continue


@contextlib.contextmanager
def counting_syscalls(pid):
    """A dictionary that is filled with {system call: how often} when the block ends."""
    counts = {}
    with tempfile.NamedTemporaryFile("r") as out:
        pids = family(pid)
        attach = [word for one in pids for word in ("-p", str(one))]
        tracer = subprocess.Popen([which("strace"), "-c", "-f", "-o", out.name, *attach], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while any(_sum_of(one, "status", "TracerPid") == 0 for one in pids) and time.monotonic() < end:
            time.sleep(0.01)
        yield counts
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        for line in text_of(out.name).splitlines():
            found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if found and found[2] != "total":
                counts[found[2]] = int(found[1])


def stop(process):
    """Ends it and what it started; politely first, so that it can tidy up."""
    if process is None:
        return
    pids = family(process.pid)
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    for child in pids[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
