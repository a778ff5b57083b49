# Who compiles this node's catalogs, and how is it? usage: PYTHONPATH=contrib/python master_status.py [PUPPET_CONF [NAME_SERVER]]
import sys

from bunraku import Outcome, Resolver

options = dict(zip(("puppet_conf", "name_servers"), sys.argv[1:]))
with Resolver(options) as resolver, resolver.connect("catalog", seconds=30) as master:
    for why in master.tried:
        print("not", why)
    master.send(b"GET /status/v1/simple/server HTTP/1.0\r\nHost: %s\r\n\r\n" % str(master).encode())
    answer = b""
    while part := master.receive():
        answer += part
    master.report(Outcome.ANSWERED)
    print(master, answer.partition(b"\r\n\r\n")[2].decode())
