"""BBR, version 3: as much under way as the path's bandwidth and round trip hold, paced at the
bandwidth. draft-ietf-ccwg-bbr section 5; the model of the path is in
:mod:`tcpexp.tcp.core.congestion.bbrmodel`.

DEVIATION from draft-ietf-ccwg-bbr section 5.3.3.5: how long to wait between two probes for
bandwidth is not random here but a sequence without a pattern, since the core has no random numbers.
DEVIATION from draft-ietf-ccwg-bbr section 5.5.9: acknowledgments that come in bundles are not
allowed for, beyond the segments of ``SLACK``.
"""

from __future__ import annotations

from math import inf

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.congestion.base import NO_LIMIT, AckReport, CongestionControl, RateSample
from tcpexp.tcp.core.congestion.bbrmodel import BETA, LOSS_THRESHOLD, SECOND, Model

MS = 1_000_000
# draft-ietf-ccwg-bbr section 5.6.1: pacing gain and cwnd gain of each state
GAINS = {
    "Startup": (2.77, 2.0),
    "Drain": (0.5, 2.0),
    "ProbeBW down": (0.9, 2.0),
    "ProbeBW cruise": (1.0, 2.0),
    "ProbeBW refill": (1.0, 2.0),
    "ProbeBW up": (1.25, 2.25),
    "ProbeRTT": (1.0, 0.5),
}
PACING_MARGIN = 0.99
HEADROOM = 0.85
LEAST_SEGMENTS = 4
SLACK = 3
PROBE_RTT_NS = 200 * MS
STARTUP_LOSSES = 6
RENO_ROUNDS = 63


class Bbr(CongestionControl):
    """The state machine and the control of sending. draft-ietf-ccwg-bbr section 5.3."""

    name = "bbr"
    recovery = "newreno"
    reduces_in_steps = False
    paced = True

    def __init__(self, smss: int, config: Config) -> None:
        """Begin in Startup, at a rate that is a guess. draft-ietf-ccwg-bbr section 5.2.1."""
        super().__init__(smss, config)
        self.hystart = None
        self.ssthresh = NO_LIMIT
        self.model = Model()
        self.pacing_rate = GAINS["Startup"][0] * self.initial_cwnd * 1000  # octets in a millisecond
        self.state = "Startup"
        self.prior_cwnd = 0
        self.probes = 0
        self.cycle_ns = 0
        self.wait_ns = 0
        self.rounds_since_probe = 0
        self.refill_round = 0
        self.up_rounds = 0
        self.up_acked = 0
        self.probe_rtt_done_ns: int | None = None
        self.probe_rtt_round = 0
        self.round_losses = 0

    @property
    def mode(self) -> str:
        """The state, for events. draft-ietf-ccwg-bbr section 5.3."""
        return self.state

    @property
    def probing(self) -> bool:
        """Whether this state looks for more bandwidth, so that losses in it do not bound it.

        draft-ietf-ccwg-bbr section 5.5.10.3.
        """
        return self.state in ("Startup", "ProbeBW refill", "ProbeBW up")

    # What other controls do at an acknowledgment or a loss

    def on_ack(self, report: AckReport) -> None:
        """Wait for the sample. draft-ietf-ccwg-bbr section 5.2.3."""

    def on_recovery(self, flight: int, now: int, inflate_segments: int) -> None:
        """Remember the window; losses bound it by the model.

        draft-ietf-ccwg-bbr section 5.6.4.4.
        """
        self.prior_cwnd = max(self.prior_cwnd, self.cwnd)

    def on_duplicate_ack(self) -> None:
        """Stay. draft-ietf-ccwg-bbr section 5.6.4.4."""

    def on_partial_ack(self, octets: int) -> None:
        """Stay. draft-ietf-ccwg-bbr section 5.6.4.4."""

    def on_recovered(self, flight: int, now: int) -> None:
        """Go back to the window before. draft-ietf-ccwg-bbr section 5.6.4.4 (BBRRestoreCwnd)."""
        self.cwnd, self.prior_cwnd = max(self.cwnd, self.prior_cwnd), 0

    def on_congestion(self, flight: int, now: int) -> None:
        """Stay: the draft has no response to ECN. draft-ietf-ccwg-bbr section 5.5.10."""

    def on_timeout(self, flight: int, now: int, repeated: bool) -> None:
        """Send one segment, and come back with what is acknowledged.

        draft-ietf-ccwg-bbr section 5.6.4.4 (BBROnEnterRTO).
        """
        self.cwnd = self.smss

    def on_idle(self) -> None:
        """Stay: pacing keeps a burst apart. draft-ietf-ccwg-bbr section 5.4.1."""

    def on_syn_lost(self) -> None:
        """Begin with the initial window: the rate bounds it. draft-ietf-ccwg-bbr section 5.2.1."""

    # At each sample: draft-ietf-ccwg-bbr section 5.2.3

    def on_sample(self, sample: RateSample) -> None:
        """Update the model, then the state, then what may be sent.

        draft-ietf-ccwg-bbr section 5.2.3 (BBRUpdateOnACK).
        """
        model = self.model
        model.update(sample, self.probing, self.cwnd)
        if model.round_start:
            self.rounds_since_probe += 1
        self._leave_startup(sample)
        if self.state.startswith("ProbeBW"):
            self._turn_cycle(sample)
        self._probe_rtt(sample)
        self._set_rate()
        self._set_cwnd(sample)

    def _leave_startup(self, sample: RateSample) -> None:
        """Go from Startup to Drain when the rate grows no more, or losses are many; and from there
        to ProbeBW when the queue is gone.

        draft-ietf-ccwg-bbr sections 5.3.1.2 and 5.3.1.3, draft-ietf-ccwg-bbr section 5.3.2.
        """
        model = self.model
        if self.state == "Startup":
            self.round_losses = sample.newly_lost + (0 if model.round_start else self.round_losses)
            if self.round_losses >= STARTUP_LOSSES and self._too_high(sample):
                model.full_bw_reached = True
                model.inflight_longterm = max(model.bdp(), model.inflight_latest)
            if model.full_bw_reached:
                self.state = "Drain"
        if self.state == "Drain" and sample.in_flight <= model.bdp():
            self._begin_down(sample.now)

    def _too_high(self, sample: RateSample) -> bool:
        """Return whether more than 2 % of what was under way is lost.

        draft-ietf-ccwg-bbr section 5.5.10.2 (IsInflightTooHigh).
        """
        return sample.lost * self.smss > LOSS_THRESHOLD * sample.tx_in_flight

    def _turn_cycle(self, sample: RateSample) -> None:
        """Go round: down, cruise, refill, up. draft-ietf-ccwg-bbr section 5.3.3.6."""
        model = self.model
        if self.state == "ProbeBW up":
            self._probe_up(sample)
        elif self.state == "ProbeBW refill":
            if model.round_count > self.refill_round:
                self.state = "ProbeBW up"
                self.cycle_ns, self.up_rounds, self.up_acked = sample.now, 0, 0
                model.reset_full_bw(sample.rate)
        elif self._time_to_probe(sample.now):
            model.reset_lower_bounds()
            self.up_rounds, self.refill_round = 0, model.round_count
            self.state = "ProbeBW refill"
        elif self.state == "ProbeBW down":
            room = min(model.inflight_longterm * HEADROOM, model.bdp())
            if sample.in_flight <= max(room, LEAST_SEGMENTS * self.smss):
                self.state = "ProbeBW cruise"

    def _begin_down(self, now: int) -> None:
        """Send a little less than the rate, until what the probe queued is gone.

        draft-ietf-ccwg-bbr section 5.3.3.1.
        """
        self.state = "ProbeBW down"
        self.model.end_cycle()
        self.probes += 1
        # 2 to 3 seconds: draft-ietf-ccwg-bbr section 5.3.3.5.2
        self.wait_ns = 2 * SECOND + round(self.probes * 0.618034 % 1 * SECOND)
        self.cycle_ns, self.rounds_since_probe = now, 0

    def _time_to_probe(self, now: int) -> bool:
        """Return whether it is time to look for more bandwidth: after two to three seconds, or as
        many round trips as Reno would need to grow by what is under way.

        draft-ietf-ccwg-bbr section 5.3.3.5.
        """
        reno = min(self.model.bdp() / self.smss, RENO_ROUNDS)
        return now - self.cycle_ns > self.wait_ns or self.rounds_since_probe >= reno

    def _probe_up(self, sample: RateSample) -> None:
        """Raise the bound, faster each round, until losses are many or the rate grows no more.

        draft-ietf-ccwg-bbr section 5.3.3.4, draft-ietf-ccwg-bbr section 5.5.10.2.
        """
        model = self.model
        if self._too_high(sample) and sample.lost >= 2:
            model.inflight_longterm = max(sample.tx_in_flight, BETA * model.bdp())
            self._begin_down(sample.now)
            return
        if sample.cwnd_limited and self.cwnd >= model.inflight_longterm:
            model.reset_full_bw(sample.rate)
            self.up_rounds += model.round_start
            self.up_acked += sample.newly_delivered
            step = max(1.0, self.cwnd / (1 << min(self.up_rounds, 30)))
            while self.up_acked >= step:
                self.up_acked -= round(step)
                model.inflight_longterm += self.smss
        elif model.full_bw_now:
            self._begin_down(sample.now)

    def _probe_rtt(self, sample: RateSample) -> None:
        """Every five seconds drain the pipe to half, for 200 ms and a round trip, unless a shorter
        round trip was seen anyway. draft-ietf-ccwg-bbr section 5.3.4.
        """
        model, now = self.model, sample.now
        if self.state != "ProbeRTT":
            if model.probe_rtt_expired:
                self.prior_cwnd = self.cwnd
                self.state, self.probe_rtt_done_ns = "ProbeRTT", None
            return
        if self.probe_rtt_done_ns is None:
            if sample.in_flight <= self._probe_rtt_cwnd():
                self.probe_rtt_done_ns = now + PROBE_RTT_NS
                self.probe_rtt_round = model.round_count
        elif now > self.probe_rtt_done_ns and model.round_count > self.probe_rtt_round:
            model.probe_rtt_ns_at = now
            self.cwnd, self.prior_cwnd = max(self.cwnd, self.prior_cwnd), 0
            model.reset_lower_bounds()
            if model.full_bw_reached:
                self._begin_down(now)
            else:
                self.state = "Startup"

    def _probe_rtt_cwnd(self) -> int:
        """Return the window of ProbeRTT: half of what the path holds.

        draft-ietf-ccwg-bbr section 5.6.4.5.
        """
        half = GAINS["ProbeRTT"][1] * self.model.bdp()
        return max(round(half), LEAST_SEGMENTS * self.smss)

    def _set_rate(self) -> None:
        """Set the pacing rate, a hundredth below the bandwidth; in Startup it never falls.

        draft-ietf-ccwg-bbr section 5.6.2.
        """
        rate = GAINS[self.state][0] * self.model.bandwidth * PACING_MARGIN
        if self.model.full_bw_reached or rate > self.pacing_rate:
            self.pacing_rate = rate or self.pacing_rate

    def _set_cwnd(self, sample: RateSample) -> None:
        """Set cwnd: towards twice what the path holds, by what was delivered, within the bounds.

        draft-ietf-ccwg-bbr sections 5.6.4.5 to 5.6.4.7.
        """
        model, least = self.model, LEAST_SEGMENTS * self.smss
        most = GAINS[self.state][1] * model.bdp() + SLACK * self.smss
        grown = self.cwnd + sample.newly_delivered
        if model.full_bw_reached:
            grown = min(grown, round(most))
        elif self.cwnd >= most and sample.total_delivered >= self.initial_cwnd:
            grown = self.cwnd
        bound = inf
        if self.state in ("ProbeRTT", "ProbeBW cruise"):
            bound = HEADROOM * model.inflight_longterm
        elif self.state.startswith("ProbeBW"):
            bound = model.inflight_longterm
        bound = max(min(bound, model.inflight_shortterm), least)
        self.cwnd = round(min(max(grown, least), bound))
        if self.state == "ProbeRTT":
            self.cwnd = min(self.cwnd, self._probe_rtt_cwnd())
