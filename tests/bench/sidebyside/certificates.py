"""A CA, an agent and two masters, with keys of one kind, as Puppet's CA would issue them."""

import os
import shutil
import subprocess

MASTERS = {"m1": "127.0.0.11", "m2": "127.0.0.12"}
DOMAIN = "bench.test"
AGENT = f"agent.{DOMAIN}"
KINDS = {"rsa4096": ["-newkey", "rsa:4096"], "rsa2048": ["-newkey", "rsa:2048"],
         "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}
YEARS = "1825"  # days; Puppet's default for a certificate


def make(folder, kind):
    """Fills `folder` unless it has been filled before."""
    done = os.path.join(folder, "done")
    if os.path.exists(done):
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def write(name, text):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)

    new_key = [*KINDS[kind], "-nodes", "-sha256"]
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", YEARS,
            "-subj", "/CN=Puppet CA: bench")
    for name, address in {"agent": "127.0.0.1", **MASTERS}.items():
        host = f"{name}.{DOMAIN}"
        write(name + ".ext", f"subjectAltName=DNS:{host},DNS:puppet,IP:{address}\n"
              "extendedKeyUsage=serverAuth,clientAuth\nkeyUsage=digitalSignature,keyEncipherment\n")
        openssl("req", *new_key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", f"/CN={host}")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", YEARS, "-sha256", "-extfile", name + ".ext", "-out", name + ".pem")
    with open(os.path.join(folder, "agent-both.pem"), "wb") as both:  # as HAProxy wants it
        for part in ("agent.pem", "agent.key"):
            with open(os.path.join(folder, part), "rb") as file:
                both.write(file.read())
    write("done", "")
