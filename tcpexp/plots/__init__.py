"""Figures of a run: each plot reads tables and draws one matplotlib figure.

Importing this package imports no matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.registry import Classes

if TYPE_CHECKING:
    from tcpexp.plots.base import Plot

#: The built-in plots, in the order in which a report shows them.
BUILTIN: Classes[Plot] = Classes(
    {
        "throughput": "tcpexp.plots.throughput:Throughput",
        "subflows": "tcpexp.plots.subflows:Subflows",
        "share": "tcpexp.plots.share:Share",
        "cwnd": "tcpexp.plots.cwnd:CongestionWindow",
        "cwnd_compared": "tcpexp.plots.cwnd_compared:CongestionWindowsCompared",
        "variables": "tcpexp.plots.variables:Variables",
        "rtt": "tcpexp.plots.rtt:RoundTripTime",
        "rtt_cdf": "tcpexp.plots.rtt_cdf:RoundTripTimeCdf",
        "tradeoff": "tcpexp.plots.tradeoff:Tradeoff",
        "queue": "tcpexp.plots.queue:Queue",
        "discipline": "tcpexp.plots.discipline:Discipline",
        "classes": "tcpexp.plots.classes:Classes",
        "spacing": "tcpexp.plots.spacing:Spacing",
        "retransmissions": "tcpexp.plots.retransmissions:Retransmissions",
        "sequence": "tcpexp.plots.sequence:Sequence",
        "limits": "tcpexp.plots.limits:Limits",
        "window": "tcpexp.plots.window:Window",
        "window_table": "tcpexp.plots.window_table:WindowTable",
        "ladder": "tcpexp.plots.ladder:Ladder",
        "timers": "tcpexp.plots.timers:Timers",
        "calls": "tcpexp.plots.calls:Calls",
        "header": "tcpexp.plots.header:HeaderTable",
        "states": "tcpexp.plots.states:States",
        "state_diagram": "tcpexp.plots.state_diagram:StateDiagram",
        "sockets": "tcpexp.plots.sockets:Sockets",
        "counters": "tcpexp.plots.counters:Counters",
        "labels": "tcpexp.plots.labels:Labels",
        "label_table": "tcpexp.plots.label_table:LabelTable",
    }
)

__all__ = ["BUILTIN"]
