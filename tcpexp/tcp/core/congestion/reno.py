"""Tahoe, Reno and NewReno: the same slow start and congestion avoidance, three answers to a lost
segment.
"""

from __future__ import annotations

from tcpexp.tcp.core.congestion.base import CongestionControl


class Tahoe(CongestionControl):
    """Fast retransmit without fast recovery: every loss starts again at one segment, and all that
    was outstanding is sent again.

    Jacobson, "Congestion Avoidance and Control", SIGCOMM 1988, with the fast retransmit of
    4.3BSD-Tahoe. Slow start and congestion avoidance are those of RFC 5681 section 3.1. DEVIATION
    from RFC 5681 section 3.2: no fast recovery, which Tahoe did not have.
    """

    name = "tahoe"
    recovery = "none"

    def on_recovery(self, flight: int, now: int, inflate_segments: int) -> None:
        """Do as after a time-out. RFC 5681 section 3.1."""
        self.on_timeout(flight, now, repeated=False)


class Reno(CongestionControl):
    """Fast recovery that ends with the first acknowledgment of new data. RFC 5681 section 3.2."""

    name = "reno"
    recovery = "reno"


class NewReno(CongestionControl):
    """Fast recovery that lasts until everything outstanding at its start is acknowledged.

    RFC 6582 section 3.2.
    """

    name = "newreno"
    recovery = "newreno"

    def on_recovered(self, flight: int, now: int) -> None:
        """Deflate without setting a burst free: min(ssthresh, max(FlightSize, SMSS) + SMSS).

        RFC 6582 section 3.2 step 3.
        """
        self.cwnd = min(self.ssthresh, max(flight, self.smss) + self.smss)
