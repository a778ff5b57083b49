"""A real puppet agent with directories of its own, in a mount namespace with the site's hosts and resolv.conf."""

import os
import shutil
import subprocess
from dataclasses import dataclass

from .process import die_with_parent

# Facts that would ask the network (cloud metadata services) are switched off.
_FACTER_CONF = ('facts : { blocklist : [ "EC2", "GCE", "azure", "cloud", "ec2_metadata", "ec2_userdata", "gce", '
                '"az_metadata" ] }\n')
_STATE = ("var", "run", "log", "public")
_NAMESPACE = """set -e
d=$1; shift
mount --bind "$d/resolv.conf" /etc/resolv.conf
mount --bind "$d/hosts" /etc/hosts
mount --bind "$d/facter" /etc/facter
exec "$@"
"""


@dataclass
class AgentRun:
    returncode: int
    output: str

    def __str__(self):
        return f"exit status {self.returncode}\n{self.output}"


class Agent:
    """One node. `ssldir` may be empty (the agent then enrols) or filled by the site's PKI."""

    def __init__(self, site, certname, ssldir):
        for program in ("puppet", "unshare"):
            if not shutil.which(program):
                raise AssertionError(f"{program} is missing: apt-get install puppet-agent util-linux")
        if not os.path.isdir("/etc/facter"):
            raise AssertionError("/etc/facter is missing; make that (empty) directory, a private one is mounted on it")
        self.site = site
        self.certname = certname
        self.ssldir = ssldir
        self.directory = os.path.join(site.directory, "agents", certname)
        self.target = os.path.join(self.directory, "target")
        for name in ("conf", *_STATE, "code", "ns/facter"):
            os.makedirs(os.path.join(self.directory, name))
        os.makedirs(ssldir, exist_ok=True)

    def settings(self, **more):
        """puppet.conf's [main] for this node; None takes a key away."""
        d = self.directory
        settings = {
            "certname": self.certname, "confdir": f"{d}/conf", "codedir": f"{d}/code", "ssldir": self.ssldir,
            "vardir": f"{d}/var", "rundir": f"{d}/run", "logdir": f"{d}/log", "publicdir": f"{d}/public",
            "server": f"compile1.{self.site.domain}", "ca_server": f"ca.{self.site.domain}",
            "serverport": self.site.port, "srv_domain": self.site.domain,
        }
        settings.update(more)
        return {key: value for key, value in settings.items() if value is not None}

    def run(self, *arguments, hosts=None, name_servers=None, environment=None, seconds=240, **settings):
        """`puppet agent --test ARGUMENTS`. hosts: {name: address} instead of the masters' own addresses."""
        return self.puppet("agent", "--test", *arguments, hosts=hosts, name_servers=name_servers,
                           environment=environment, seconds=seconds, **settings)

    def puppet(self, subcommand, *arguments, seconds=240, **more):
        command, env = self.command(subcommand, *arguments, **more)
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=seconds, env=env, check=False, preexec_fn=die_with_parent)
        except subprocess.TimeoutExpired as late:
            text = (late.stdout or b"").decode(errors="replace")
            raise AssertionError(f"puppet {subcommand} took more than {seconds} s; it said:\n{text}") from None
        return AgentRun(done.returncode, done.stdout.decode(errors="replace"))

    def command(self, subcommand, *arguments, hosts=None, name_servers=None, environment=None, **settings):
        """The same as a command line and its environment, for Site.start_process."""
        self.write_config(hosts, name_servers, **settings)
        conf = os.path.join(self.directory, "conf")
        command = self.inside("puppet", subcommand, "--config", f"{conf}/puppet.conf", "--confdir", conf, "--color=false",
                              *map(str, arguments))
        env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        env["FACTER_lab_target"] = self.target
        env.update(environment or {})
        return command, env

    def inside(self, *command):
        """Any command line, to run where the node's hosts, resolv.conf and facter.conf are; see write_config()."""
        prefix = ["unshare", "-m", "--propagation", "private"]
        if os.geteuid() != 0:
            prefix.append("-r")
        return [*prefix, "bash", "-c", _NAMESPACE, "ns", os.path.join(self.directory, "ns"), *command]

    def forget_runs(self):
        """The next run is the first one again: nothing cached, no plugins, no files. Its certificate stays."""
        shutil.rmtree(self.target, ignore_errors=True)
        for name in _STATE:
            shutil.rmtree(os.path.join(self.directory, name))
            os.makedirs(os.path.join(self.directory, name))

    def write_config(self, hosts=None, name_servers=None, **settings):
        """puppet.conf, hosts and resolv.conf as a run with these arguments would have them; for a shim that is started
        before the agent."""
        site = self.site
        table = {name: master.address for master in site.masters.values() for name in master.names}
        table.update(hosts or {})
        ns = os.path.join(self.directory, "ns")
        with open(f"{ns}/hosts", "w", encoding="ascii") as file:
            file.write("127.0.0.1 localhost\n")
            file.writelines(f"{address} {name}\n" for name, address in table.items())
        with open(f"{ns}/resolv.conf", "w", encoding="ascii") as file:
            servers = name_servers if name_servers is not None else [site.dns.address]
            file.writelines(f"nameserver {server}\n" for server in servers)
            file.write(f"search {site.domain}\noptions timeout:2 attempts:2\n")
        with open(f"{ns}/facter/facter.conf", "w", encoding="ascii") as file:
            file.write(_FACTER_CONF)
        with open(os.path.join(self.directory, "conf", "puppet.conf"), "w", encoding="ascii") as file:
            file.write("[main]\n")
            file.writelines(f"{key} = {value}\n" for key, value in self.settings(**settings).items())
