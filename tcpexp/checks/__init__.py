"""Checks: what a spec's ``expect:`` asks, judged on the recorded data.

``BUILTIN`` lists the checks that come with tcpexp. Importing it is cheap: polars is loaded by the first table that a check
reads, never before.
"""

from __future__ import annotations

from tcpexp.checks.base import Check
from tcpexp.checks.flows import CongestionControl, Goodput, Jain, Retransmissions, RoundTrip, Share

#: Name in a spec to class, in the order of the documentation.
BUILTIN: dict[str, type[Check]] = {
    each.name: each for each in (Share, Goodput, Jain, RoundTrip, Retransmissions, CongestionControl)
}
