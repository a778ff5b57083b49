"""What status_test.py and admin_test.py have in common: a shim, and its control socket asked in two ways."""

import json
import os
import subprocess

from labsite import ask_on


def bunraku(shim, *words, options=()):
    """A verb of the command line that speaks with this shim's daemon: subprocess.CompletedProcess."""
    return subprocess.run([os.environ["BUNRAKU_BIN"], *words, "--socket", shim.process.control_path, *options],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=120, check=False)


def control(shim, method, target, body=None, path=None):
    """(status, JSON object) of one request to the control socket."""
    body = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    with shim.open_unix(path or shim.process.control_path) as channel:
        answer = ask_on(channel, method, target, body)
    return answer.status, json.loads(answer.body)


def service_in(document, name):
    found, = [one for one in document["services"] if one["service"] == name]
    return found


def candidates_of(shim, service="catalog"):
    """{short name: candidate} by GET /v1/status, in the order of the next request."""
    status, document = control(shim, "GET", "/v1/status")
    assert status == 200, document
    return {one["master"].split(".")[0]: one for one in service_in(document, service)["candidates"]}
