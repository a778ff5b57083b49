"""`bunraku enroll`: the files are the agent's, a killed one is gone on with, one CA alone gets the request, and what is
wrong is said."""

import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import unittest

from labsite import MasterSpec, Site, Srv, until

MASTERS = (MasterSpec("ca", ("ca", "report")), MasterSpec("ca2", ("ca",)), MasterSpec("compile1", alt=("puppet",)))
# Puppet 7.23 cannot make a request with an EC key on OpenSSL 3 ("pkeys are immutable"); it uses such a key well.
AGENTS_KEY = {"key_type": "rsa", "keylength": 2048}
SRV = {"ca": ("ca", "ca2"), "catalog": ("compile1",)}
ENROLLED, NOT_YET, NOT_HERE = 0, 1, 2
CSR_ATTRIBUTES = """custom_attributes:
  1.2.840.113549.1.9.7: "let me in"
  1.3.6.1.4.1.34380.1.3.2: true
extension_requests:
  pp_role: web
  pp_instance_id: 1234
  1.3.6.1.4.1.34380.1.2.1.1: "7.10"
"""


def setUpModule():
    global SITE
    SITE = Site(masters=MASTERS, srv=SRV, agents=(), key="ec", files=("small1",))
    SITE.__enter__()
    unittest.addModuleCleanup(SITE.__exit__, None, None, None)


class Node:
    """A host without a certificate. `files` are in its ssldir, which is not there yet."""
    count = 0

    def __init__(self, **settings):
        Node.count += 1
        self.site = SITE
        self.agent = SITE.agent(f"node{Node.count}")
        self.name = self.agent.certname
        self.ssldir = self.agent.ssldir
        os.rmdir(self.ssldir)
        self.agent_settings = {"key_type": "ec", **settings}
        self.toml = f"{self.agent.directory}/bunraku.toml"
        with open(self.toml, "w", encoding="ascii") as file:
            file.write(f'[puppet]\nconf = "{self.conf}/puppet.conf"\n[connect]\ntimeout = "2s"\n[dns]\nsrv = true\n'
                       f'nameservers = ["{SITE.dns.address}:{SITE.dns.port}"]\nhosts_file = ""\n')

    @property
    def conf(self):
        return f"{self.agent.directory}/conf"

    def path(self, name):
        return f"{self.ssldir}/" + name.format(self.name)

    key = property(lambda self: self.path("private_keys/{}.pem"))
    certificate = property(lambda self: self.path("certs/{}.pem"))

    def command(self, *arguments):
        self.agent.write_config(**self.agent_settings)
        return [SITE.bunraku, "enroll", "--config", self.toml, *arguments]

    def enroll(self, *arguments, trust=True, before=()):
        if trust:
            arguments = ("--ca-fingerprint", fingerprint(), *arguments)
        # The leak checker does not work in a process that is traced already.
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"} if before else None
        done = subprocess.run([*before, *self.command("--once", *arguments)], stdin=subprocess.DEVNULL, env=env,
                              capture_output=True, text=True, check=False, timeout=120)
        done.said = done.stdout + done.stderr
        if "Sanitizer" in done.said or "runtime error:" in done.said:
            raise AssertionError(done.said)
        return done

    def start(self, *arguments):
        return SITE.start_process(f"enroll-{self.name}-{os.urandom(3).hex()}",
                                  self.command("--ca-fingerprint", fingerprint(), *arguments))

    def puppet(self, *arguments):
        return self.agent.puppet(*arguments, **self.agent_settings)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def attributes(self, text):
        with open(f"{self.conf}/csr_attributes.yaml", "w", encoding="utf-8") as file:
            file.write(text)

    def tree(self):
        """{path: (kind and mode, uid, gid)}, with the node's name left out."""
        found = {}
        for folder, folders, names in os.walk(self.ssldir):
            for name in [*folders, *names]:
                about = os.lstat(os.path.join(folder, name))
                path = os.path.relpath(os.path.join(folder, name), self.ssldir).replace(self.name, "NAME")
                found[path] = (stat.filemode(about.st_mode), about.st_uid, about.st_gid)
        about = os.lstat(self.ssldir)
        return {**found, ".": (stat.filemode(about.st_mode), about.st_uid, about.st_gid)}

    def contents(self):
        return {path: read(self.path(path.replace("NAME", self.name))) for path, (kind, *_) in self.tree().items()
                if kind[0] == "-"}


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def ca_file(name):
    return os.path.join(SITE.pki, "ca", name)


def fingerprint():
    with open(ca_file("ca_crt.pem"), "rb") as file:
        return "SHA256:" + hashlib.sha256(file.read()).hexdigest()


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def puts(master):
    return SITE.masters[master].requests("/puppet-ca/v1/certificate_request/", "PUT")


class EnrollTest(unittest.TestCase):
    def setUp(self):
        for master in SITE.masters.values():
            master.forget_log()
        self.addCleanup(self.mend)

    def mend(self):
        for master in SITE.masters.values():
            if not master.process.is_running():
                master.start()
            master.clear_faults()

    def says(self, done, status, *patterns):
        self.assertEqual(done.returncode, status, done.said)
        for pattern in patterns:
            self.assertRegex(done.said, pattern)

    def fault(self, terms, master="ca", **more):
        SITE.masters[master].fault(terms, **more)

    def signed(self, node):
        self.says(node.enroll(), NOT_YET, "is not signed yet; sign it at the CA: puppetserver ca sign --certname")
        SITE.sign(node.name)
        return node


class LikeTheAgent(EnrollTest):
    def test_files_modes_and_owners_are_the_agents_and_it_accepts_them(self):
        ours, theirs = self.signed(Node(key_type="rsa")), Node(key_type="rsa")
        theirs.puppet("ssl", "submit_request")
        SITE.sign(theirs.name)
        theirs.puppet("ssl", "bootstrap")
        self.says(ours.enroll(), ENROLLED, rf"(?m)^enrolled: {ours.name}, certificate 0x[0-9A-F]+ until 20\d\d-")
        self.assertEqual(ours.tree(), theirs.tree())
        before, agents = ours.contents(), theirs.contents()
        for name in ("certs/ca.pem", "crl.pem"):
            self.assertEqual(before[name], agents[name])
        self.assertIn("Private-Key: (4096 bit", openssl("pkey", "-in", ours.key, "-noout", "-text"))
        self.assertEqual(read(ours.key).splitlines()[0], read(theirs.key).splitlines()[0])
        SITE.masters["ca"].forget_log()
        run = ours.puppet("agent", "--test")
        self.assertIn(run.returncode, (0, 2), run)
        self.assertEqual(ours.contents(), before)
        self.assertEqual(ours.tree(), theirs.tree())
        self.assertEqual(SITE.masters["ca"].requests("/puppet-ca/"), [])
        self.says(ours.enroll(trust=False), ENROLLED, "already enrolled")
        self.assertEqual(SITE.masters["ca"].requests("/puppet-ca/"), [])

    def test_the_request_is_the_agents(self):
        nodes = [Node(dns_alt_names="puppet,IP:192.0.2.1, DNS:two.example.com", **AGENTS_KEY) for _ in range(2)]
        ours, theirs = nodes
        for node in nodes:
            node.attributes(CSR_ATTRIBUTES)
        self.says(ours.enroll(), NOT_YET)
        theirs.puppet("ssl", "submit_request")
        self.assertEqual(ours.tree(), theirs.tree())

        def text(node):
            printed = openssl("req", "-in", node.path("certificate_requests/{}.pem"), "-noout", "-text", "-verify")
            printed = re.sub(r"(?s)Modulus:\n.*?Exponent", "Exponent", printed)
            return re.sub(r"(?s)Signature Value:.*", "", printed).replace(node.name, "NAME")

        self.assertEqual(text(ours), text(theirs))
        for part in ("let me in", "1.3.6.1.4.1.34380.1.1.13", "IP Address:192.0.2.1", "DNS:NAME"):
            self.assertIn(part, text(ours))

    def test_an_agent_goes_on_where_we_stopped_and_we_where_it_stopped(self):
        ours, theirs = Node(**AGENTS_KEY), Node(**AGENTS_KEY)
        self.says(ours.enroll(), NOT_YET)
        theirs.puppet("ssl", "submit_request")
        for node in (ours, theirs):
            SITE.sign(node.name)
        keys = [read(node.key) for node in (ours, theirs)]
        self.assertIn("Completed SSL initialization", ours.puppet("ssl", "bootstrap").output)
        self.says(theirs.enroll(trust=False), ENROLLED)
        self.assertEqual([read(node.key) for node in (ours, theirs)], keys)

    def test_a_passphrase_encrypts_the_key_as_puppet_reads_it(self):
        node = Node()
        node.write("private/password", "secret\n")
        self.says(self.signed(node).enroll(), ENROLLED)
        self.assertIn("DEK-Info: AES-128-CBC", read(node.key))
        self.assertIn("Completed SSL initialization", node.puppet("ssl", "bootstrap").output)


class Lock(EnrollTest):
    def test_an_agent_waits_for_us(self):
        node = Node()
        self.fault("hang_before_answer", path_prefix="/puppet-ca/v1/certificate/ca")
        process = node.start()
        until(lambda: SITE.masters["ca"].events("arrived"), "the request")
        self.assertEqual(read(node.path("ssl.lock")), str(process.pid))
        run = node.puppet("ssl", "bootstrap")
        self.assertRegex(run.output, r"Another (puppet|OpenVox) instance is already running")
        process.signal(signal.SIGTERM)
        self.assertEqual(process.wait(), NOT_YET)
        self.assertFalse(os.path.exists(node.path("ssl.lock")))

    def test_we_wait_for_an_agent_and_not_for_a_dead_one(self):
        node = Node()
        os.makedirs(f"{node.agent.directory}/bin")
        shutil.copy("/bin/sleep", f"{node.agent.directory}/bin/puppet")
        agent = SITE.start_process("puppet", [f"{node.agent.directory}/bin/puppet", "600"])
        until(lambda: read(f"/proc/{agent.pid}/comm") == "puppet\n", "its name")
        node.write("ssl.lock", str(agent.pid))
        held = rf"ssl.lock: error: another Puppet .*: process {agent.pid}, "
        self.says(node.enroll(), NOT_YET, held, "no longer waiting: waitforlock is 0; run it again")
        self.says(node.enroll("--waitforlock", "1", "--max-wait-for-lock", "2s"), NOT_YET, held, "looking again in",
                  "no longer waiting: maxwaitforlock is over")
        waiting = node.start("--wait-for-lock", "1", "--maxwaitforlock", "unlimited", "--max-wait-for-cert", "0")
        waiting.wait_for_line("looking again in", "stdout")
        self.assertEqual(read(node.path("ssl.lock")), str(agent.pid))
        self.assertEqual(SITE.masters["ca"].events(), [])
        agent.kill()
        self.assertEqual(waiting.wait(60), NOT_YET)
        self.assertRegex(waiting.stderr(), "(?s)is not signed yet.*no longer waiting: maxwaitforcert is over")
        self.assertFalse(os.path.exists(node.path("ssl.lock")))

    def test_it_waits_without_the_lock_until_the_request_is_signed(self):
        node = Node()
        process = node.start("--wait-for-cert", "1")
        process.wait_for_line("asking again in", "stdout")
        until(lambda: not os.path.exists(node.path("ssl.lock")), "the lock to go")
        SITE.sign(node.name)
        self.assertEqual(process.wait(60), ENROLLED, process.stdout() + process.stderr())

    def test_how_long_is_puppet_confs_and_the_command_line_comes_first(self):
        node = Node(waitforcert="1", maxwaitforcert="2s")
        process = SITE.start_process("brief", node.command("--ca-fingerprint", fingerprint()))
        self.assertEqual(process.wait(60), NOT_YET)
        self.assertIn("no longer waiting: maxwaitforcert is over", process.stderr())
        self.assertIn("asking again in", process.stdout())
        process = node.start("--waitforcert", "0")
        self.assertEqual(process.wait(60), NOT_YET)
        self.assertIn("no longer waiting: waitforcert is 0", process.stderr())
        self.assertNotIn("asking again", process.stdout())
        for option, text in (("--wait-for-cert", "unlimited"), ("--maxwaitforcert", "1 h"), ("--wait-for-lock", "-1"),
                             ("--max-wait-for-lock", "soon")):
            done = subprocess.run(node.command(f"{option}={text}"), capture_output=True, text=True, check=False,
                                  timeout=60)
            self.assertEqual(done.returncode, NOT_HERE, done.stderr)
            self.assertRegex(done.stderr, f"wait-for-[a-z]+: error: `{text}` is no time; write seconds, or")

    def test_two_at_once_make_one_key_and_one_request(self):
        node = Node(waitforlock="1")
        both = [node.start("--wait-for-cert", "1") for _ in range(2)]
        for one in both:
            one.wait_for_line("asking again in", "stdout")
        SITE.sign(node.name)
        for one in both:
            self.assertEqual(one.wait(60), ENROLLED, one.stdout() + one.stderr())
        self.assertEqual(sum(one.stdout().count("new private key") for one in both), 1)


class Interrupted(EnrollTest):
    def test_killed_at_every_request_it_goes_on(self):
        node = Node()
        name = node.name
        for path in ("certificate/ca", "certificate_revocation_list/ca", f"certificate_request/{name}",
                     f"certificate/{name}"):
            SITE.masters["ca"].forget_log()
            self.fault("hang_before_answer", path_prefix=f"/puppet-ca/v1/{path}")
            process = node.start()
            until(lambda: any(path in line["target"] for line in SITE.masters["ca"].events("arrived")), path)
            process.kill()
            SITE.masters["ca"].clear_faults()
            if path == f"certificate_request/{name}":
                key = read(node.key)
        self.says(self.signed(node).enroll(), ENROLLED)
        self.assertEqual(read(node.key), key)
        self.assertEqual(sorted(node.contents()), ["certs/NAME.pem", "certs/ca.pem", "crl.pem", "private_keys/NAME.pem"])

    def test_killed_at_every_step_of_every_write_it_goes_on(self):
        for call in ("renameat2", "rename", "fsync", "fchmod"):
            for nth in range(1, 30):
                node = Node()
                trace = ("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                         f"inject={call}:signal=KILL:when={nth}")
                done = node.enroll(before=trace)
                if done.returncode == NOT_YET:
                    break
                self.assertEqual(done.returncode, -signal.SIGKILL, done.said)
                key = read(node.key) if os.path.exists(node.key) else None
                for path, text in node.contents().items():
                    if path.endswith(".pem"):
                        self.assertRegex(text, r"(?s)\A-----BEGIN .*-----END [A-Z0-9 ]+-----\n\Z", (call, nth, path))
                self.says(self.signed(node).enroll(), ENROLLED)
                self.assertIn(key, (None, read(node.key)))
                self.assertEqual(sorted(node.contents()),
                                 ["certs/NAME.pem", "certs/ca.pem", "crl.pem", "private_keys/NAME.pem"])
            self.assertGreater(nth, 1, call)

    def test_a_full_disk_leaves_nothing_half_written(self):
        node = Node()
        os.makedirs(node.ssldir)
        # One page too few for each file in turn; then room for all.
        script = """set -e
mount -t tmpfs -o size=4k,mode=755 none "$1"; d=$1; shift
for pages in 1 2 3 4 5 6 7 8 9; do
  mount -o remount,size=$((pages * 4))k "$d"
  status=0; "$@" || status=$?
  echo "pages=$pages status=$status"
  find "$d" -type f -printf 'left %P\\n'
  find "$d" -name '*.pem' -size 0 -printf 'empty %P\\n'
done
"""
        root = [] if os.geteuid() == 0 else ["-r"]
        command = node.command("--once", "--ca-fingerprint", fingerprint())
        done = subprocess.run(["unshare", "-m", *root, "--propagation", "private", "bash", "-c", script, "full",
                               node.ssldir, *command], capture_output=True, text=True, check=True, timeout=240)
        said = done.stdout + done.stderr
        statuses = [int(one) for one in re.findall(r"status=(\d)", done.stdout)]
        self.assertEqual(statuses[0], NOT_HERE, said)
        self.assertEqual(statuses[-1], NOT_YET, said)
        self.assertIn("No space left on device; make room on that file system and run this again", said)
        self.assertNotRegex(said, r"bunraku-new|ssl\.lock$|empty ")
        self.assertEqual(said.count("new private key"), 1, said)


class SeveralMasters(EnrollTest):
    def tearDown(self):
        SITE.srv("ca", *SRV["ca"])

    def test_reading_goes_on_at_the_next_master_and_the_request_goes_to_one(self):
        node = Node()
        SITE.masters["ca"].kill()
        self.says(node.enroll(), NOT_YET, "CA bundle from ca2.lab.test", "CRLs from ca2.lab.test",
                  r"the signing request did not come through to the CA .*ca.lab.test.*Connection refused")
        self.assertEqual(puts("ca2"), [])
        SITE.masters["ca"].start()
        self.signed(node)
        self.assertEqual(len(puts("ca")), 1)
        # Its request is kept, and so is the CA that has it: another one may hand out what that one has signed.
        self.fault("status:500", path_prefix=f"/puppet-ca/v1/certificate/{node.name}")
        self.says(node.enroll(), ENROLLED, "certificate from ca2.lab.test")
        self.assertEqual(puts("ca2"), [])

    def test_it_waits_for_its_ca_and_gives_the_request_to_no_other(self):
        node = Node()
        self.says(node.enroll(), NOT_YET, "signing request sent to ca.lab.test")
        SITE.masters["ca"].kill()
        process = node.start("--wait-for-cert", "1")
        until(lambda: process.stdout().count("asking again in") >= 2, "it to ask again")
        self.assertRegex(process.stderr(), r"did not come through to the CA \(others .*: ca\.lab\.test.*refused")
        self.assertEqual(puts("ca2"), [])
        SITE.sign(node.name)
        SITE.masters["ca"].start()
        self.assertEqual(process.wait(60), ENROLLED, process.stdout() + process.stderr())
        self.assertEqual(puts("ca2"), [])

    def test_when_dns_names_another_ca_that_one_gets_the_request(self):
        def live(seconds):
            SITE.dns.ttl = seconds
            SITE.publish()

        self.addCleanup(live, SITE.dns.ttl)
        live(1)  # else the first answer may be good for longer than this waits
        node = Node()
        self.fault("status:503", path_prefix="/puppet-ca/v1/certificate_request/")
        process = node.start("--wait-for-cert", "1")
        process.wait_for_line("the CA answered 503")
        SITE.srv("ca", "ca2")
        until(lambda: puts("ca2"), "the request at the new CA", 60)
        SITE.sign(node.name)
        self.assertEqual(process.wait(60), ENROLLED, process.stdout() + process.stderr())

    def test_answers_that_are_none_go_on_at_the_next_master(self):
        for fault, body in (("status:404", "Not Found"), ("status:400", "Bad"), ("status:200", "<html>Sorry</html>"),
                            ("close_before_answer", None), ("raw", "SSH-2.0-x\r\n\r\n")):
            node = Node()
            self.fault(fault, body=body, path_prefix="/puppet-ca/v1/certificate/ca")
            self.says(node.enroll(), NOT_YET, "CA bundle from ca2", "signing request sent to ca.lab.test")
            SITE.masters["ca"].clear_faults()

    def test_a_compiler_before_the_ca_is_told(self):
        SITE.srv("ca", "compile1", "ca")
        self.says(Node().enroll(), NOT_YET, "CA bundle from ca.lab.test",
                  "compile1.lab.test:.*it is no CA that takes requests: it answered 404")
        self.assertEqual(puts("ca"), [])

    def test_ca_server_does_without_srv(self):
        SITE.srv("ca")
        self.says(Node().enroll(), NOT_YET, "signing request sent to ca.lab.test")

    def test_a_master_that_is_not_valid_yet_is_not_trusted(self):
        with Site(masters=(MasterSpec("ca", ("ca",), ssldir="late.lab.test"),), srv={"ca": ("ca",)}, agents=(), key="ec",
                  pki=("--not-yet", "late.lab.test,ca.lab.test"), files=("small1",)) as site:
            global SITE
            kept, SITE = SITE, site
            try:
                self.says(Node().enroll(), NOT_YET, "CA bundle from", r"is not valid before .*\(local clock: ")
            finally:
                SITE = kept


class BadAnswers(EnrollTest):
    def one_ca(self):
        SITE.srv("ca", "ca")
        self.addCleanup(SITE.srv, "ca", *SRV["ca"])

    def test_a_bundle_that_is_none_is_told_and_nothing_is_kept(self):
        self.one_ca()
        for fault, body, pattern in (
                ("status:400", "Bad Request", "answered 400: Bad Request"),
                ("status:404", "Not Found", "answered 404: Not Found"),
                ("status:500", "<html>oops\n</html>", "answered 500: <html>oops </html>"),
                ("status:200", "<html>Login</html>", "no CA bundle that can be used: .*no PEM certificate.*<html>Login"),
                ("raw", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "more than 32 MiB"),
                ("raw", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "no proper HTTP"),
                ("close_after_bytes:100", None, "before its answer was whole"),
                ("reset_after_accept", None, "[Rr]eset|closed the connection")):
            node = Node()
            if fault == "reset_after_accept":
                self.fault(fault, body=body)
            else:
                self.fault(fault, body=body, path_prefix="/puppet-ca/v1/certificate/ca")
            self.says(node.enroll(), NOT_YET, pattern)
            self.assertEqual(node.contents(), {}, fault)
            SITE.masters["ca"].clear_faults()

    def test_crls_that_are_none_are_told(self):
        self.one_ca()
        node = Node()
        self.fault("status:200", body="<html>Login</html>", path_prefix="/puppet-ca/v1/certificate_revocation_list")
        self.says(node.enroll(), NOT_YET, "no CRLs that can be used: .*no PEM CRL")
        self.assertEqual(list(node.contents()), ["certs/ca.pem"])

    def test_what_the_ca_says_to_the_request_is_told(self):
        self.one_ca()
        for fault, body, pattern in (
                ("status:400", "CSR 'x' contains subject alternative names", "refused .* 400: CSR 'x' contains subject"),
                ("status:400", "x already has a revoked certificate; ignoring", "the CA has revoked a certificate"),
                ("status:500", "Internal", "the CA answered 500: Internal"),
                ("status:403", "Forbidden request", "the CA refused .* 403: Forbidden request")):
            self.fault(fault, body=body, path_prefix="/puppet-ca/v1/certificate_request/")
            self.says(Node().enroll(), NOT_YET, pattern)
            SITE.masters["ca"].clear_faults()

    def test_a_certificate_of_another_key_is_refused(self):
        node = Node()
        other = Node()
        SITE.run_lab("pki", SITE.pki, "--key", "ec", "--agent", f"for-{node.name}")
        shutil.copy(ca_file(f"signed/for-{node.name}.pem"), ca_file(f"signed/{node.name}.pem"))
        self.says(node.enroll(), NOT_YET, rf"the certificate of {node.name} .* is for another key than .*private_keys",
                  f"puppetserver ca clean --certname {node.name}")
        self.assertFalse(os.path.exists(node.certificate))
        self.says(self.signed(other).enroll(), ENROLLED)

    def test_a_revoked_certificate_is_refused(self):
        node = self.signed(Node())
        os.unlink(node.path("crl.pem"))
        SITE.revoke(node.name)
        self.says(node.enroll(), NOT_YET, "this node's certificate is revoked")
        self.assertFalse(os.path.exists(node.certificate))

    def test_a_certificate_that_is_none_is_refused(self):
        node = self.signed(Node())
        self.fault("status:200", body="<html>Login</html>", path_prefix=f"/puppet-ca/v1/certificate/{node.name}")
        self.says(node.enroll(), NOT_YET, "this is no PEM certificate", "it begins with `<html>Login</html>`")


class WhichCa(EnrollTest):
    def test_without_a_word_about_it_nobody_is_asked(self):
        node = Node()
        self.says(node.enroll(trust=False), NOT_HERE, "nothing says which one to believe; give --ca-fingerprint what `sha256sum ca_crt.pem`")
        self.assertEqual(SITE.masters["ca"].events(), [])

    def test_another_fingerprint_is_refused_for_good(self):
        node = Node()
        process = SITE.start_process("wrong", node.command("--wait-for-cert", "1", "--ca-fingerprint", "SHA256:" + "0" * 64))
        self.assertEqual(process.wait(), NOT_YET)
        self.assertRegex(process.stderr(), "another fingerprint: SHA256:[0-9A-F:]{95}, its root SHA256:[0-9A-F:]{95}")
        self.assertEqual(node.contents(), {})
        self.says(node.enroll("--ca-fingerprint", "SHA1:00", trust=False), NOT_HERE, "is no SHA-256 fingerprint")

    def test_the_root_speaks_for_the_bundle_and_so_does_puppet_conf(self):
        root = openssl("x509", "-in", ca_file("root.pem"), "-noout", "-fingerprint", "-sha256").strip().split("=")[1]
        self.says(Node().enroll("--ca-fingerprint", root, trust=False), NOT_YET, "signing request sent")
        self.says(Node(ca_fingerprint=fingerprint()[7:]).enroll(trust=False), NOT_YET, "signing request sent")

    def test_the_first_ca_is_trusted_only_when_told_and_said_so(self):
        self.says(Node().enroll("--trust-first-ca", trust=False), NOT_YET,
                  "warning: the CA bundle of ca.lab.test.* is believed without proof: SHA256:")

    def test_a_bundle_that_is_there_is_used(self):
        node = Node()
        node.write("certs/ca.pem", read(ca_file("ca_crt.pem")))
        self.says(node.enroll(trust=False), NOT_YET, "signing request sent")
        self.assertEqual(SITE.masters["ca"].requests("/puppet-ca/v1/certificate/ca"), [])
        other = Node()
        SITE.run_lab("pki", SITE.pki, "--key", "ec", "--other-ca", "stranger.lab.test")
        other.write("certs/ca.pem", read(os.path.join(SITE.pki, "other-ca", "ca_crt.pem")))
        self.says(other.enroll(), NOT_YET, "warning: .*has another fingerprint than the one given", "tls: ")


class BadHost(EnrollTest):
    def refused(self, node, *patterns, sends=False):
        before = node.contents() if os.path.isdir(node.ssldir) else {}
        self.says(node.enroll(), NOT_HERE, *patterns)
        if not sends:
            self.assertEqual(SITE.masters["ca"].events(), [])
            self.assertEqual(node.contents() if os.path.isdir(node.ssldir) else {}, before)

    def test_settings_that_cannot_be(self):
        self.refused(Node(certname="Node.lab.test"), "capital letters")
        self.refused(Node(certname="a/b"), "character that Puppet does not allow")
        self.refused(Node(dns_alt_names="a b"), "dns_alt_names: error: `a b` is no name")
        self.refused(Node(key_type="dsa"), "there is no key type `dsa`", sends=True)
        self.refused(Node(key_type="rsa", keylength="1024"), "keylength: error", sends=True)

    def test_csr_attributes_that_cannot_be(self):
        for text, pattern in (("extension_requests:\n  pp_role: 'web\n", r"csr_attributes.yaml:2: error: it is no YAML"),
                              ("- a list\n", "is not a map"), ("extensions:\n  a: b\n", "yaml:1: error: there is no section"),
                              ("extension_requests:\n  pp_role: 1.10\n", "yaml:2: .*put it in quotes")):
            node = Node()
            node.attributes(text)
            self.refused(node, pattern)
        node = Node()
        node.attributes("extension_requests:\n  nothingKnown: a\n")
        self.refused(node, "yaml:2: error: `nothingKnown` is neither an OID", sends=True)

    def test_keys_that_cannot_be(self):
        node = self.signed(Node())
        self.says(node.enroll(), ENROLLED)
        key = read(node.key)
        SITE.masters["ca"].forget_log()
        os.chmod(node.key, 0o644)
        self.refused(node, "every user of this host can read or change the private key")
        os.chmod(node.key, 0o640)
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", node.key)
        self.refused(node, rf"{node.name}.pem: error: the certificate .* is for another key")
        node.write("private_keys/{}.pem", "nothing")
        self.refused(node, "there is no PEM private key in it; restore it")
        node.write("private_keys/{}.pem", key)
        openssl("ec", "-in", node.key, "-aes128", "-passout", "pass:right", "-out", node.key)
        os.chmod(node.key, 0o640)
        self.refused(node, r"the private key is encrypted and there is no passphrase file .*private/password")
        node.write("private/password", "wrong")
        self.refused(node, r"private/password: error: the passphrase does not open the private key .*private_keys/")
        node.write("private/password", "right")
        self.says(node.enroll(), ENROLLED, "already enrolled")
        os.unlink(node.path("private/password"))
        os.unlink(node.key)
        self.refused(node, "the private key is not there, but its certificate is")
        node.write("private_keys/{}.pem", key)
        os.chmod(node.key, 0o640)
        self.says(node.enroll(), ENROLLED, "already enrolled")


if __name__ == "__main__":
    del EnrollTest
    unittest.main()
