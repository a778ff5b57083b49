"""A small real Puppet site for one test: certificates, DNS, masters, agents, the shim. See tests/support/README.md."""

from .agent import Agent, AgentRun
from .client import Client
from .dns import Srv
from .net import FullBacklog, own_network
from .process import Process, until
from .shim import Shim, ask_on, service_requests
from .site import Bunraku, Master, MasterSpec, Site
from .turnstile import Turnstile

__all__ = ["Agent", "AgentRun", "Bunraku", "Client", "FullBacklog", "Master", "MasterSpec", "Process", "Shim", "Site",
           "Srv", "Turnstile", "ask_on", "own_network", "service_requests",
           "until"]
