"""What a congestion control is told, and what it decides: cwnd and ssthresh in bytes, nothing about
which segments are lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.congestion.hystart import HyStart

#: ssthresh when nothing limits the first slow start: RFC 5681 section 3.1, "arbitrarily high".
NO_LIMIT = 1 << 30


def initial_window(smss: int) -> int:
    """Return the largest first flight in bytes. RFC 5681 section 3.1."""
    if smss > 2190:
        return 2 * smss
    return 3 * smss if smss > 1095 else 4 * smss


@dataclass(frozen=True, slots=True)
class AckReport:
    """An acknowledgment of new data outside recovery: octets it covers, when, and what is known of
    the round trip (None: nothing yet).
    """

    octets: int
    now: int
    srtt_ns: int | None
    flight: int  # octets outstanding before it arrived
    rtt_ns: int | None = None  # the round trip that it measured, if it did
    snd_una: int = 0
    snd_nxt: int = 0


@dataclass(frozen=True, slots=True)
class RateSample:
    """What an acknowledgment tells a paced control; octets, nanoseconds, octets per second.

    It is about the segment sent last among those that it delivered. ``delivered`` came between that
    segment's sending and now, ``prior_delivered`` before it, ``total_delivered`` in all;
    ``newly_delivered`` and ``newly_lost`` (segments) with this acknowledgment; ``lost`` (segments)
    since that segment was sent, when ``tx_in_flight`` were under way. draft-ietf-ccwg-bbr section
    4.1.2.1.
    """

    now: int
    rate: float
    rtt_ns: int | None
    delivered: int
    prior_delivered: int
    total_delivered: int
    newly_delivered: int
    newly_lost: int
    lost: int
    tx_in_flight: int
    in_flight: int
    app_limited: bool
    cwnd_limited: bool


class CongestionControl:
    """The base of all: sizes in bytes, Reno's window arithmetic as default, since most controls are
    Reno with a difference.

    ``recovery`` says how loss is repaired when the peer has no SACK: ``none`` (as after a
    time-out), ``reno`` (RFC 5681 section 3.2: until the next new acknowledgment) or ``newreno``
    (RFC 6582 section 3.2: until all that was outstanding is acknowledged).
    """

    name = ""
    recovery = "newreno"
    #: Whether proportional rate reduction may reduce cwnd in its place: RFC 9937 section 6.
    reduces_in_steps = True
    #: Whether segments are spread over time at ``pacing_rate`` (octets per second; 0: not yet), and
    #: the rate of delivery is measured. draft-ietf-ccwg-bbr sections 4.1 and 5.6.2.
    paced = False
    pacing_rate = 0.0

    def __init__(self, smss: int, config: Config) -> None:
        """Begin in slow start. RFC 5681 section 3.1."""
        self.smss = smss
        segments = config.initial_window_segments
        self.initial_cwnd = initial_window(smss) if segments is None else segments * smss
        self.cwnd = self.initial_cwnd
        self.ssthresh = config.initial_ssthresh
        self.bytes_acked = 0
        self.most_per_ack = config.slow_start_segments * smss
        # RFC 9406 section 4.3: for the first slow start only, whose end is not known
        self.hystart = HyStart() if config.hystart else None

    def on_ack(self, report: AckReport) -> None:
        """Grow by slow start below ssthresh, else by congestion avoidance.

        RFC 5681 section 3.1, RFC 9293 section 3.8.2 (MUST-19).

        A window that was not in use does not grow: half of it in slow start, all but a segment
        later. RFC 7661 section 4.
        """
        if self.cwnd < self.ssthresh:
            if self.hystart is not None:
                self._start_with_care(self.hystart, report)
            elif 2 * report.flight > self.cwnd:
                # equation 2; with more than one segment RFC 3465 section 2.2
                self.cwnd += min(report.octets, self.most_per_ack)
        elif report.flight + self.smss > self.cwnd:
            self.avoid_congestion(report)

    def _start_with_care(self, hystart: HyStart, report: AckReport) -> None:
        """Grow by slow start that watches the round trip, until that ends it.

        RFC 9406 section 4.2.
        """
        if 2 * report.flight > self.cwnd:
            self.cwnd += hystart.growth(report.octets, self.smss)
        if hystart.on_ack(report.rtt_ns, report.snd_una, report.snd_nxt):
            self.ssthresh = self.cwnd
            self.hystart = None

    def avoid_congestion(self, report: AckReport) -> None:
        """Grow by one segment for each window of octets acknowledged.

        RFC 5681 section 3.1, the recommended way in place of equation 3.
        """
        self.bytes_acked += report.octets
        if self.bytes_acked >= self.cwnd:
            self.bytes_acked -= self.cwnd
            self.cwnd += self.smss

    def reduced(self, flight: int) -> int:
        """Return ssthresh after a loss with ``flight`` octets outstanding.

        RFC 5681 section 3.1, equation 4.
        """
        return max(flight // 2, 2 * self.smss)

    def on_recovery(self, flight: int, now: int, inflate_segments: int) -> None:
        """Begin fast recovery.

        ``inflate_segments`` duplicate ACKs each stand for a segment that left (0 with SACK, where
        pipe counts that).

        RFC 5681 section 3.2 steps 2 and 3, RFC 6675 section 5 step 4.2.
        """
        self.hystart = None
        self.ssthresh = self.reduced(flight)
        self.cwnd = self.ssthresh + inflate_segments * self.smss
        self.bytes_acked = 0

    def on_duplicate_ack(self) -> None:
        """Inflate by one segment for a further duplicate ACK in fast recovery.

        RFC 5681 section 3.2 step 4.
        """
        self.cwnd += self.smss

    def on_partial_ack(self, octets: int) -> None:
        """Deflate by what a partial ACK covers, and add a segment back if that was at least one.

        RFC 6582 section 3.2 step 3.
        """
        self.cwnd = max(self.cwnd - octets, self.smss)
        if octets >= self.smss:
            self.cwnd += self.smss

    def on_recovered(self, flight: int, now: int) -> None:
        """Deflate when recovery ends. RFC 5681 section 3.2 step 6."""
        self.cwnd = self.ssthresh

    def on_congestion(self, flight: int, now: int) -> None:
        """Reduce at once, without a recovery: a mark, or a loss that is repaired already.

        RFC 3168 section 6.1.2: as for a lost segment.
        """
        self.hystart = None
        self.ssthresh = self.reduced(flight)
        self.cwnd = self.ssthresh
        self.bytes_acked = 0

    def on_timeout(self, flight: int, now: int, repeated: bool) -> None:
        """Fall back to one segment; ssthresh stays when the same segment times out again.

        RFC 5681 section 3.1, RFC 6298 section 5.
        """
        self.hystart = None
        if not repeated:
            self.ssthresh = self.reduced(flight)
        self.cwnd = self.smss
        self.bytes_acked = 0

    def on_sample(self, sample: RateSample) -> None:
        """Take a sample of the rate of delivery; only paced controls get any.

        draft-ietf-ccwg-bbr section 4.1.2.3.
        """

    @property
    def mode(self) -> str:
        """What to call the state instead of slow start and congestion avoidance; "": those words.

        RFC 5681 section 3.
        """
        return ""

    def on_idle(self) -> None:
        """Restart with no more than the initial window after an idle time of more than one RTO.

        RFC 5681 section 4.1.
        """
        self.cwnd = min(self.cwnd, self.initial_cwnd)

    def on_syn_lost(self) -> None:
        """Begin with one segment when the SYN had to be repeated. RFC 5681 section 3.1."""
        self.cwnd = self.smss
