"""A DNS server for one made-up domain: every SRV name in it answers with all masters, alike in priority and weight;
HOST.DOMAIN answers with its address. UDP alone."""

import socketserver
import struct

A, SRV = 1, 33
REFUSED, NO_SUCH_NAME = 5, 3


def _wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"


def _question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += packet[at] + 1
    kind, _ = struct.unpack("!HH", packet[at + 1:at + 5])
    return ".".join(labels), kind, packet[12:at + 5]


class _Asked(socketserver.BaseRequestHandler):
    def handle(self):
        packet, socket = self.request
        try:
            name, kind, raw = _question(packet)
        except (IndexError, struct.error):
            return
        found, code = self.server.answers(name, kind)
        answers = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, self.server.ttl, len(one)) + one for one in found)
        head = packet[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(found), 0, 0)
        socket.sendto(head + raw + answers, self.client_address)


class SrvStub(socketserver.UDPServer):
    ttl = 60

    def __init__(self, domain, masters):
        """`masters`: {host: (address, port)}"""
        super().__init__(("127.0.0.1", 0), _Asked)
        self.domain, self.masters = domain, masters
        self.place = "127.0.0.1:%d" % self.server_address[1]

    def answers(self, name, kind):
        if not name.endswith("." + self.domain):
            return [], REFUSED
        host = name.removesuffix("." + self.domain)
        if host.startswith("_"):
            return [struct.pack("!HHH", 0, 5, port) + _wire_name(f"{one}.{self.domain}")
                    for one, (_, port) in self.masters.items() if kind == SRV], 0
        if host not in self.masters:
            return [], NO_SUCH_NAME
        return [bytes(map(int, self.masters[host][0].split(".")))] if kind == A else [], 0
