"""Checks: what a spec's ``expect:`` asks, judged on the recorded data.

``BUILTIN`` lists the checks that come with tcpexp. A check's module is imported when it is asked for by name, polars with the
first table that a check reads.
"""

from __future__ import annotations

from tcpexp.checks.base import Check
from tcpexp.registry import Classes

#: Name in a spec to class, in the order of the documentation.
BUILTIN: Classes[Check] = Classes(
    {
        "share": "tcpexp.checks.flows:Share",
        "goodput": "tcpexp.checks.flows:Goodput",
        "jain": "tcpexp.checks.flows:Jain",
        "rtt": "tcpexp.checks.flows:RoundTrip",
        "queue": "tcpexp.checks.links:Queue",
        "retransmissions": "tcpexp.checks.flows:Retransmissions",
        "segments": "tcpexp.checks.segments:Segments",
        "socket": "tcpexp.checks.sockets:Socket",
        "states": "tcpexp.checks.states:States",
        "exit": "tcpexp.checks.processes:Exit",
        "output": "tcpexp.checks.processes:Output",
        "download": "tcpexp.checks.processes:Download",
        "counter": "tcpexp.checks.kernel:Counter",
        "window": "tcpexp.checks.connections:Window",
        "labels": "tcpexp.checks.connections:Labels",
        "closer": "tcpexp.checks.connections:Closer",
        "congestion_control": "tcpexp.checks.flows:CongestionControl",
        "measured": "tcpexp.checks.links:Measured",
        "firewall_empty": "tcpexp.checks.kernel:FirewallEmpty",
        "metric": "tcpexp.checks.kernel:Metric",
    }
)

__all__ = ["BUILTIN", "Check"]
