"""Windows that never change: one segment at a time, and a fixed number.

What congestion control is measured against.
"""

from __future__ import annotations

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.congestion.base import NO_LIMIT, AckReport, CongestionControl


class FixedWindow(CongestionControl):
    """Always ``Config.fixed_window_segments`` segments.

    DEVIATION from RFC 5681 section 3: does not react to loss, for a link of one's own.
    """

    name = "fixed_window"
    recovery = "newreno"
    reduces_in_steps = False

    def __init__(self, smss: int, config: Config) -> None:
        """Set the window for good. DEVIATION from RFC 5681 section 3.1."""
        super().__init__(smss, config)
        self.cwnd = config.fixed_window_segments * smss
        self.ssthresh = NO_LIMIT

    def on_ack(self, report: AckReport) -> None:
        """Stay. DEVIATION from RFC 5681 section 3.1."""

    def on_recovery(self, flight: int, now: int, inflate_segments: int) -> None:
        """Stay. DEVIATION from RFC 5681 section 3.2."""

    def on_duplicate_ack(self) -> None:
        """Stay. DEVIATION from RFC 5681 section 3.2."""

    def on_partial_ack(self, octets: int) -> None:
        """Stay. DEVIATION from RFC 6582 section 3.2."""

    def on_recovered(self, flight: int, now: int) -> None:
        """Stay. DEVIATION from RFC 5681 section 3.2."""

    def on_congestion(self, flight: int, now: int) -> None:
        """Stay. DEVIATION from RFC 3168 section 6.1.2."""

    def on_timeout(self, flight: int, now: int, repeated: bool) -> None:
        """Stay. DEVIATION from RFC 5681 section 3.1."""

    def on_idle(self) -> None:
        """Stay. DEVIATION from RFC 5681 section 4.1."""

    def on_syn_lost(self) -> None:
        """Stay. DEVIATION from RFC 5681 section 3.1."""


class StopAndWait(FixedWindow):
    """One segment, then wait for its acknowledgment.

    DEVIATION from RFC 5681 section 3, as :class:`FixedWindow`.
    """

    name = "stop_and_wait"

    def __init__(self, smss: int, config: Config) -> None:
        """Set the window to one segment. DEVIATION from RFC 5681 section 3.1."""
        super().__init__(smss, config)
        self.cwnd = smss
