"""Checks: what a spec's ``expect:`` asks, judged on the recorded data.

``BUILTIN`` lists the checks that come with tcpexp. A check's module is imported when it is asked
for by name, polars with the first table that a check reads.
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
        "rtt": "tcpexp.checks.senders:RoundTrip",
        "in_flight": "tcpexp.checks.senders:InFlight",
        "queue": "tcpexp.checks.links:Queue",
        "retransmissions": "tcpexp.checks.senders:Retransmissions",
        "phase": "tcpexp.checks.congestion:PhaseSeen",
        "phase_time": "tcpexp.checks.congestion:PhaseTime",
        "growth": "tcpexp.checks.congestion:Growth",
        "cwnd_agreement": "tcpexp.checks.agreement:CwndAgreement",
        "initial_window": "tcpexp.checks.congestion:InitialWindow",
        "loss_event": "tcpexp.checks.losses:LossEvents",
        "backoff": "tcpexp.checks.losses:Backoff",
        "repair_time": "tcpexp.checks.losses:RepairTime",
        "queueing_delay": "tcpexp.checks.losses:QueueingDelay",
        "convergence": "tcpexp.checks.losses:Convergence",
        "segments": "tcpexp.checks.segments:Segments",
        "packets": "tcpexp.checks.packets:Packets",
        "socket": "tcpexp.checks.sockets:Socket",
        "held": "tcpexp.checks.buffers:Held",
        "states": "tcpexp.checks.states:States",
        "transition": "tcpexp.checks.transitions:TransitionCheck",
        "visited": "tcpexp.checks.transitions:Visited",
        "exit": "tcpexp.checks.processes:Exit",
        "output": "tcpexp.checks.processes:Output",
        "logged": "tcpexp.checks.logs:Logged",
        "download": "tcpexp.checks.processes:Download",
        "counter": "tcpexp.checks.kernel:Counter",
        "window": "tcpexp.checks.connections:Window",
        "window_step": "tcpexp.checks.receiving:WindowStep",
        "ack_delay": "tcpexp.checks.receiving:AckDelay",
        "segment_size": "tcpexp.checks.headers:SegmentSize",
        "syn_option": "tcpexp.checks.headers:SynOption",
        "labels": "tcpexp.checks.connections:Labels",
        "complaints": "tcpexp.checks.complaints:Complaints",
        "closer": "tcpexp.checks.connections:Closer",
        "congestion_control": "tcpexp.checks.senders:CongestionControl",
        "measured": "tcpexp.checks.links:Measured",
        "fault": "tcpexp.checks.faults:FaultCheck",
        "displaced": "tcpexp.checks.faults:Displaced",
        "reordering": "tcpexp.checks.faults:Reordering",
        "repair": "tcpexp.checks.repairs:RepairCheck",
        "tcp_event": "tcpexp.checks.userspace:TcpEvent",
        "cwnd_rule": "tcpexp.checks.userspace:CwndRule",
        "firewall_empty": "tcpexp.checks.kernel:FirewallEmpty",
        "metric": "tcpexp.checks.kernel:Metric",
    }
)

__all__ = ["BUILTIN", "Check"]
