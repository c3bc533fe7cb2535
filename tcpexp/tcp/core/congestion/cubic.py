"""CUBIC. RFC 9438; windows are computed in segments as there, and kept in bytes outside."""

from __future__ import annotations

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.congestion.base import AckReport, CongestionControl

C = 0.4
BETA = 0.7
#: RFC 9438 section 4.3: makes the Reno-friendly window as large on average as Reno's.
ALPHA = 3 * (1 - BETA) / (1 + BETA)


def cubic_window(elapsed_s: float, k_s: float, w_max: float) -> float:
    """Return W_cubic(t) in segments, ``elapsed_s`` after the epoch began.

    RFC 9438 section 4.2, figure 1.
    """
    return C * (elapsed_s - k_s) ** 3 + w_max


def plateau_time(w_max: float, cwnd_epoch: float) -> float:
    """Return K in seconds: how long from ``cwnd_epoch`` back up to ``w_max`` (segments).

    RFC 9438 section 4.2, figure 2.
    """
    return float(((w_max - cwnd_epoch) / C) ** (1 / 3)) if w_max > cwnd_epoch else 0.0


class Cubic(CongestionControl):
    """A window that is a cubic function of the time since the last loss. RFC 9438 section 4."""

    name = "cubic"
    recovery = "newreno"

    def __init__(self, smss: int, config: Config) -> None:
        """Begin in slow start without an epoch. RFC 9438 section 4.1.2."""
        super().__init__(smss, config)
        self.w_max = 0.0
        self.k_s = 0.0
        self.w_est = 0.0
        self.cwnd_prior = 0.0
        self.epoch_ns: int | None = None
        self.window = self.cwnd / smss  # segments, with its fraction

    def avoid_congestion(self, report: AckReport) -> None:
        """Grow towards the cubic, or with Reno where that is larger.

        RFC 9438 sections 4.2 to 4.5.
        """
        if self.window * self.smss < self.cwnd or self.window * self.smss >= self.cwnd + self.smss:
            self.window = self.cwnd / self.smss
        if self.epoch_ns is None:
            self._begin_epoch(report.now)
        assert self.epoch_ns is not None
        elapsed_s = (report.now - self.epoch_ns) / 1e9
        acked = report.octets / self.smss
        # RFC 9438 section 4.3: after W_est has reached the window before the loss, Reno's own
        # increase of one segment per round trip
        self.w_est += (1.0 if self.w_est >= self.cwnd_prior else ALPHA) * acked / self.window
        if cubic_window(elapsed_s, self.k_s, self.w_max) < self.w_est:
            # RFC 9438 section 4.3: the Reno-friendly region
            self.window = max(self.window, self.w_est)
        else:
            target = cubic_window(elapsed_s + (report.srtt_ns or 0) / 1e9, self.k_s, self.w_max)
            target = min(max(target, self.window), 1.5 * self.window)  # RFC 9438 section 4.2
            # RFC 9438 sections 4.4 and 4.5
            self.window += acked * (target - self.window) / self.window
        self.cwnd = int(self.window * self.smss)

    def _begin_epoch(self, now: int) -> None:
        """Start the clock of congestion avoidance. RFC 9438 section 4.2."""
        self.epoch_ns = now
        self.w_est = self.window
        self.w_max = max(self.w_max, self.window)
        self.k_s = plateau_time(self.w_max, self.window)

    def reduced(self, flight: int) -> int:
        """Return ssthresh: 0.7 of what is outstanding, two segments at least.

        RFC 9438 section 4.6.
        """
        return max(int(flight * BETA), 2 * self.smss)

    def _remember(self, cwnd: int) -> None:
        """Set W_max from the window at the loss, lower if it had not come back to the last one.

        RFC 9438 sections 4.6 and 4.7.
        """
        window = cwnd / self.smss
        self.cwnd_prior = window
        self.w_max = window * (1 + BETA) / 2 if window < self.w_max else window
        self.epoch_ns = None

    def on_recovery(self, flight: int, now: int, inflate_segments: int) -> None:
        """Reduce to 0.7. RFC 9438 section 4.6."""
        self._remember(self.cwnd)
        super().on_recovery(flight, now, inflate_segments)

    def on_congestion(self, flight: int, now: int) -> None:
        """Reduce to 0.7 for a mark. RFC 9438 section 4.6."""
        self._remember(self.cwnd)
        super().on_congestion(flight, now)

    def on_timeout(self, flight: int, now: int, repeated: bool) -> None:
        """Reduce ssthresh to 0.7, the window to one segment.

        The next epoch begins at its own window, with K = 0. RFC 9438 section 4.8.
        """
        if not repeated:
            self.cwnd_prior = self.cwnd / self.smss
        super().on_timeout(flight, now, repeated)
        self.w_max = 0.0
        self.epoch_ns = None

    def on_idle(self) -> None:
        """Restart as RFC 5681 section 4.1 says, and begin a new epoch. RFC 9438 section 4.2."""
        super().on_idle()
        self.epoch_ns = None
