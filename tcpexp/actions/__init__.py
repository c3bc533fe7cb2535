"""The actions that come with tcpexp, listed once. Each compiles to plan primitives and executes nothing."""

from __future__ import annotations

from tcpexp.actions.base import Action
from tcpexp.actions.firewall import FirewallAction
from tcpexp.actions.http import HttpGet, HttpServer
from tcpexp.actions.iperf3 import Iperf3
from tcpexp.actions.kernel import CongestionControlAction, SysctlAction
from tcpexp.actions.link import LinkAction, LinkDown, LinkUp, Netem
from tcpexp.actions.observe import MarkAction, SnapshotAction, WaitForAction
from tcpexp.actions.process import Command, KillAction, Python
from tcpexp.actions.syn_flood import SynFlood

#: By the word after ``do:``, in the order of the documentation.
BUILTIN: dict[str, type[Action]] = {
    "iperf3": Iperf3,
    "http_server": HttpServer,
    "http_get": HttpGet,
    "python": Python,
    "command": Command,
    "kill": KillAction,
    "firewall": FirewallAction,
    "syn_flood": SynFlood,
    "link": LinkAction,
    "netem": Netem,
    "link_down": LinkDown,
    "link_up": LinkUp,
    "congestion_control": CongestionControlAction,
    "sysctl": SysctlAction,
    "snapshot": SnapshotAction,
    "wait_for": WaitForAction,
    "mark": MarkAction,
}
