"""Programs under callgrind, and what its files say of them."""

import os
import re
import subprocess

from labsite import until


class Counted:
    """One program's runs under callgrind, as `command` starts them. It runs as a stripped copy: Debian's valgrind cannot read all that clang 19
    writes for debuggers."""

    def __init__(self, program, strip, directory, *options):
        self.directory = directory
        self.name = os.path.basename(program)
        self.program = os.path.join(os.path.realpath(directory), self.name)
        subprocess.run([strip, "--strip-debug", "-o", self.program, program], check=True)

        self.command = os.path.join(self.directory, f"{self.name}.sh")
        with open(self.command, "w", encoding="utf-8", opener=lambda path, how: os.open(path, how, 0o755)) as file:
            file.write(f"#!/bin/sh\nexec valgrind -q --tool=callgrind {' '.join(options)} --callgrind-out-file='{directory}/{self.name}.%p' "
                       f"'{self._place()}' '{self.program}' \"$@\"\n")

    def zero(self, pid):
        """Counts from 0 on, in a program that waits for something."""
        self._control(pid, "--zero")

    def count(self, pid, name):
        """Instructions since the last zero() or count(). `name` must be another one each time."""
        return own_instructions(self.dump(pid, name), self.program)[0]

    def dump(self, pid, name):
        """The file of what ran since the last zero(), count() or dump(). `name` must be another one each time."""
        before = set(self._files(pid))
        self._control(pid, f"--dump={name}")

        def dumped():
            return [path for path in set(self._files(pid)) - before if own_instructions(path, self.program)[1] == name]

        return until(dumped, f"callgrind to write {name}", 60)[0]

    def marks(self, pid):
        """{mark: instructions} of a program that has ended and dumped at marks of its own."""
        found = {}
        for path in sorted(self._files(pid)):
            cost, mark = own_instructions(path, self.program)
            if mark:
                found[mark] = cost
        return found

    def _place(self):
        return f"--vgdb-prefix={self.directory}/vgdb"

    def _files(self, pid):
        return [os.path.join(self.directory, name) for name in os.listdir(self.directory)
                if name.startswith(f"{self.name}.{pid}")]

    def _control(self, pid, what):
        done = subprocess.run(["callgrind_control", self._place(), what, str(pid)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        if done.returncode != 0 or "OK" not in done.stdout:
            raise AssertionError(f"callgrind_control {what}: {done.returncode}\n{done.stdout}")


def own_instructions(path, program):
    """(sum of the self costs of the functions in this object, the name that the dump was asked for by) of a file of
    callgrind's: its format is in valgrind's manual."""
    objects, total, ours, of_callee, mark = {}, 0, False, False, ""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("desc: Trigger:"):
                asked = re.search(r"(?:dump|Client Request:) (\S+)$", line)
                mark = asked[1] if asked else ""
            elif line.startswith(("ob=", "cob=")):
                number, name = re.match(r"c?ob=\((\d+)\)(?: (.+))?", line).groups()
                if name:
                    objects[number] = name.strip()
                if line.startswith("ob="):
                    ours = objects[number] == program
            elif line.startswith("calls="):
                of_callee = True  # the next line is what the callee cost
            elif re.match(r"[+*\-\d]", line):
                if ours and not of_callee:
                    total += int(line.split()[1])
                of_callee = False
    return total, mark
