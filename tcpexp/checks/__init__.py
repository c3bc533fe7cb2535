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
        "share": "tcpexp.checks.share:Share",
        "goodput": "tcpexp.checks.goodput:Goodput",
        "subflow": "tcpexp.checks.subflow:Subflow",
        "jain": "tcpexp.checks.jain:Jain",
        "rtt": "tcpexp.checks.rtt:RoundTrip",
        "in_flight": "tcpexp.checks.in_flight:InFlight",
        "queue": "tcpexp.checks.queue:Queue",
        "discipline": "tcpexp.checks.discipline:Discipline",
        "coupling": "tcpexp.checks.coupling:CouplingLaw",
        "class_rate": "tcpexp.checks.class_rate:ClassRate",
        "ecn": "tcpexp.checks.ecn:Ecn",
        "spacing": "tcpexp.checks.spacing:Spacing",
        "retransmissions": "tcpexp.checks.retransmissions:Retransmissions",
        "phase": "tcpexp.checks.phase:PhaseSeen",
        "phase_time": "tcpexp.checks.phase_time:PhaseTime",
        "growth": "tcpexp.checks.growth:Growth",
        "cwnd_agreement": "tcpexp.checks.cwnd_agreement:CwndAgreement",
        "initial_window": "tcpexp.checks.initial_window:InitialWindow",
        "loss_event": "tcpexp.checks.loss_event:LossEvents",
        "backoff": "tcpexp.checks.backoff:Backoff",
        "recovery": "tcpexp.checks.recovery:Recovery",
        "repair_time": "tcpexp.checks.repair_time:RepairTime",
        "queueing_delay": "tcpexp.checks.queueing_delay:QueueingDelay",
        "convergence": "tcpexp.checks.convergence:Convergence",
        "segments": "tcpexp.checks.segments:Segments",
        "packets": "tcpexp.checks.packets:Packets",
        "socket": "tcpexp.checks.socket:Socket",
        "held": "tcpexp.checks.held:Held",
        "states": "tcpexp.checks.states:States",
        "transition": "tcpexp.checks.transition:TransitionCheck",
        "visited": "tcpexp.checks.visited:Visited",
        "exit": "tcpexp.checks.exit:Exit",
        "output": "tcpexp.checks.output:Output",
        "logged": "tcpexp.checks.logged:Logged",
        "download": "tcpexp.checks.download:Download",
        "counter": "tcpexp.checks.counter:Counter",
        "window": "tcpexp.checks.window:Window",
        "window_step": "tcpexp.checks.window_step:WindowStep",
        "ack_delay": "tcpexp.checks.ack_delay:AckDelay",
        "segment_size": "tcpexp.checks.segment_size:SegmentSize",
        "syn_option": "tcpexp.checks.syn_option:SynOption",
        "labels": "tcpexp.checks.labels:Labels",
        "complaints": "tcpexp.checks.complaints:Complaints",
        "closer": "tcpexp.checks.closer:Closer",
        "congestion_control": "tcpexp.checks.congestion_control:CongestionControl",
        "measured": "tcpexp.checks.measured:Measured",
        "fault": "tcpexp.checks.fault:FaultCheck",
        "displaced": "tcpexp.checks.displaced:Displaced",
        "reordering": "tcpexp.checks.reordering:Reordering",
        "repair": "tcpexp.checks.repair:RepairCheck",
        "tcp_event": "tcpexp.checks.tcp_event:TcpEvent",
        "cwnd_rule": "tcpexp.checks.cwnd_rule:CwndRule",
        "firewall_empty": "tcpexp.checks.firewall_empty:FirewallEmpty",
        "metric": "tcpexp.checks.metric:Metric",
    }
)

__all__ = ["BUILTIN", "Check"]
