"""nginx and HAProxy on a free address of loopback, in front of a port that a test has."""

import contextlib
import os
import socket

from labsite import Process, until
from labsite.net import AddressRange

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = {"nginx": ("nginx.conf", ("nginx", "-c")), "haproxy": ("haproxy.cfg", ("haproxy", "-db", "-f"))}


def start_proxy(case, name, directory, port_behind):
    """(address, port) of one, which ends with the class of the test."""
    conf, command = KINDS[name]
    numbers = AddressRange()
    case.addClassCleanup(numbers.close)
    place = (numbers.address(1), numbers.free_port((1,)))
    with open(f"{HERE}/readers/{conf}.in", encoding="ascii") as file:
        text = file.read().replace("127.0.0.1:@PORT@", "{}:{}".format(*place))
    text = text.replace("@DIRECTORY@", directory).replace("@RECORDER@", str(port_behind))
    with open(f"{directory}/{conf}", "w", encoding="ascii") as file:
        file.write(text)
    process = Process(name, (*command, f"{directory}/{conf}"), directory)
    case.addClassCleanup(process.kill)

    def answers():
        if not process.is_running():
            raise AssertionError(f"{name} ended:\n{process.stderr()}")
        with contextlib.suppress(OSError), socket.create_connection(place, 5):
            return True
        return False

    until(answers, f"{name} to listen")
    return place
