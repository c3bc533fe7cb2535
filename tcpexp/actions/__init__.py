"""The actions that come with tcpexp, listed once.

Each compiles to plan primitives and executes nothing.
"""

from __future__ import annotations

from tcpexp.actions.base import Action
from tcpexp.registry import Classes

#: By the word after ``do:``, in the order of the documentation; an action's module is imported when
#: it is asked for.
BUILTIN: Classes[Action] = Classes(
    {
        "iperf3": "tcpexp.actions.iperf3:Iperf3",
        "iperf3_pairs": "tcpexp.actions.iperf3_pairs:Iperf3Pairs",
        "incast": "tcpexp.actions.incast:Incast",
        "http_server": "tcpexp.actions.http:HttpServer",
        "http_get": "tcpexp.actions.http:HttpGet",
        "python": "tcpexp.actions.process:Python",
        "command": "tcpexp.actions.process:Command",
        "utcp": "tcpexp.actions.utcp:Utcp",
        "kill": "tcpexp.actions.process:KillAction",
        "fault": "tcpexp.actions.fault:Fault",
        "firewall": "tcpexp.actions.firewall:FirewallAction",
        "syn_flood": "tcpexp.actions.syn_flood:SynFlood",
        "link": "tcpexp.actions.link:LinkAction",
        "netem": "tcpexp.actions.link:Netem",
        "link_steps": "tcpexp.actions.varying:LinkSteps",
        "link_trace": "tcpexp.actions.varying:LinkTrace",
        "link_down": "tcpexp.actions.link:LinkDown",
        "link_up": "tcpexp.actions.link:LinkUp",
        "congestion_control": "tcpexp.actions.kernel:CongestionControlAction",
        "sysctl": "tcpexp.actions.kernel:SysctlAction",
        "initial_window": "tcpexp.actions.kernel:InitialWindowAction",
        "mptcp": "tcpexp.actions.mptcp:Mptcp",
        "snapshot": "tcpexp.actions.observe:SnapshotAction",
        "wait_for": "tcpexp.actions.observe:WaitForAction",
        "mark": "tcpexp.actions.observe:MarkAction",
    }
)
