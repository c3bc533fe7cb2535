"""Checks: what a spec's ``expect:`` asks, judged on the recorded data.

``BUILTIN`` lists the checks that come with tcpexp. Importing it is cheap: polars is loaded by the first table that a check
reads, never before.
"""

from __future__ import annotations

from tcpexp.checks.base import Check
from tcpexp.checks.connections import Closer, Labels, Window
from tcpexp.checks.flows import CongestionControl, Goodput, Jain, Retransmissions, RoundTrip, Share
from tcpexp.checks.kernel import Counter, FirewallEmpty, Metric
from tcpexp.checks.links import Measured, Queue
from tcpexp.checks.processes import Download, Exit, Output
from tcpexp.checks.segments import Segments
from tcpexp.checks.sockets import Socket
from tcpexp.checks.states import States

#: Name in a spec to class, in the order of the documentation.
BUILTIN: dict[str, type[Check]] = {
    each.name: each
    for each in (
        Share,
        Goodput,
        Jain,
        RoundTrip,
        Queue,
        Retransmissions,
        Segments,
        Socket,
        States,
        Exit,
        Output,
        Download,
        Counter,
        Window,
        Labels,
        Closer,
        CongestionControl,
        Measured,
        FirewallEmpty,
        Metric,
    )
}
