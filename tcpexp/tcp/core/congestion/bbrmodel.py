"""BBR's model of the path: bandwidth, round trip, and how much may be under way.

draft-ietf-ccwg-bbr section 5.5. Rates are octets per second, times nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from tcpexp.tcp.core.congestion.base import RateSample

SECOND = 1_000_000_000
LOSS_THRESHOLD, BETA = 0.02, 0.7
MIN_RTT_LIFE_NS, PROBE_RTT_LIFE_NS = 10 * SECOND, 5 * SECOND
FULL_BW_GROWTH, FULL_BW_ROUNDS = 1.25, 3


@dataclass(slots=True)
class Model:
    """What samples say of the path. draft-ietf-ccwg-bbr section 5.5."""

    round_count: int = 0
    round_start: bool = False
    next_round_delivered: int = 0
    #: The largest rate of this cycle of probing, and of the one before: section 5.5.5.
    max_bw: list[float] = field(default_factory=lambda: [0.0, 0.0])
    min_rtt_ns: int | None = None
    min_rtt_ns_at: int = 0
    probe_rtt_ns: int | None = None
    probe_rtt_ns_at: int = 0
    probe_rtt_expired: bool = False
    full_bw: float = 0.0
    full_bw_count: int = 0
    full_bw_now: bool = False
    full_bw_reached: bool = False
    bw_shortterm: float = inf
    inflight_shortterm: float = inf
    inflight_longterm: float = inf
    bw_latest: float = 0.0
    inflight_latest: float = 0.0
    loss_in_round: bool = False

    @property
    def bandwidth(self) -> float:
        """The rate to build on. draft-ietf-ccwg-bbr section 5.5.4 (BBRBoundBWForModel)."""
        return min(max(self.max_bw), self.bw_shortterm)

    def bdp(self) -> float:
        """Return the octets that the path holds without a queue.

        draft-ietf-ccwg-bbr section 5.6.4.2 (BBRBDPMultiple).
        """
        return self.bandwidth * (self.min_rtt_ns or 0) / SECOND

    def update(self, sample: RateSample, probing: bool, cwnd: int) -> None:
        """Take a sample. ``probing`` says whether losses are a part of looking for bandwidth.

        draft-ietf-ccwg-bbr section 5.2.3 (BBRUpdateModelAndState).
        """
        self.round_start = sample.prior_delivered >= self.next_round_delivered
        if self.round_start:  # section 5.5.1: the first segment of a round has come back
            self.round_count += 1
            self.next_round_delivered = sample.total_delivered
        if sample.rate >= max(self.max_bw) or not sample.app_limited:  # section 5.5.2.3
            self.max_bw[0] = max(self.max_bw[0], sample.rate)
        self._bound_by_losses(sample, probing, cwnd)
        self._look_for_the_end(sample)
        self._take_round_trip(sample)

    def _bound_by_losses(self, sample: RateSample, probing: bool, cwnd: int) -> None:
        """After a round with losses, believe what that round delivered, but not less than 0.7 of
        what was believed before. draft-ietf-ccwg-bbr section 5.5.10.3.
        """
        self.bw_latest = max(self.bw_latest, sample.rate)
        self.inflight_latest = max(self.inflight_latest, sample.delivered)
        self.loss_in_round = self.loss_in_round or sample.newly_lost > 0
        if not self.round_start:
            return
        if self.loss_in_round and not probing:
            bandwidth = self.bandwidth if self.bw_shortterm == inf else self.bw_shortterm
            inflight = cwnd if self.inflight_shortterm == inf else self.inflight_shortterm
            self.bw_shortterm = max(self.bw_latest, BETA * bandwidth)
            self.inflight_shortterm = max(self.inflight_latest, BETA * inflight)
        self.loss_in_round = False
        self.bw_latest, self.inflight_latest = sample.rate, float(sample.delivered)

    def _look_for_the_end(self, sample: RateSample) -> None:
        """Find that the rate has not grown by a quarter in three rounds: the path is full.

        draft-ietf-ccwg-bbr section 5.3.1.2 (BBRCheckFullBWReached).
        """
        if self.full_bw_now or not self.round_start or sample.app_limited:
            return
        if sample.rate >= self.full_bw * FULL_BW_GROWTH:
            self.reset_full_bw(sample.rate)
            return
        self.full_bw_count += 1
        self.full_bw_now = self.full_bw_count >= FULL_BW_ROUNDS
        self.full_bw_reached = self.full_bw_reached or self.full_bw_now

    def _take_round_trip(self, sample: RateSample) -> None:
        """Keep the least round trip of ten seconds, and that of five, whose end asks for a look.

        draft-ietf-ccwg-bbr section 5.3.4.3 (BBRUpdateMinRTT).
        """
        now, rtt_ns = sample.now, sample.rtt_ns
        self.probe_rtt_expired = (
            self.probe_rtt_ns is not None and now > self.probe_rtt_ns_at + PROBE_RTT_LIFE_NS
        )
        if rtt_ns is not None and (
            self.probe_rtt_ns is None or rtt_ns < self.probe_rtt_ns or self.probe_rtt_expired
        ):
            self.probe_rtt_ns, self.probe_rtt_ns_at = rtt_ns, now
        old = now > self.min_rtt_ns_at + MIN_RTT_LIFE_NS
        least_ns = self.probe_rtt_ns
        if least_ns is not None and (self.min_rtt_ns is None or least_ns < self.min_rtt_ns or old):
            self.min_rtt_ns, self.min_rtt_ns_at = least_ns, self.probe_rtt_ns_at

    def reset_full_bw(self, rate: float) -> None:
        """Begin to look for growth anew. draft-ietf-ccwg-bbr section 5.3.1.2 (BBRResetFullBW)."""
        self.full_bw, self.full_bw_count, self.full_bw_now = rate, 0, False

    def reset_lower_bounds(self) -> None:
        """Forget what losses have bounded. draft-ietf-ccwg-bbr section 5.5.10.3."""
        self.bw_shortterm = self.inflight_shortterm = inf

    def end_cycle(self) -> None:
        """Let the largest rate of the cycle before the last go.

        draft-ietf-ccwg-bbr section 5.5.6 (BBRAdvanceMaxBwFilter). A cycle in which nothing was
        measured leaves the last one's.
        """
        if self.max_bw[0]:
            self.max_bw = [0.0, self.max_bw[0]]
