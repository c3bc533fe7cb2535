"""The transmission control block: all that one connection knows. RFC 9293 section 3.3.1.

The rules are functions over it, in the modules beside this one. Sequence numbers are unbounded
(:mod:`tcpexp.tcp.core.seqnum`); names are the RFC's.
"""

from __future__ import annotations

from collections import deque

from tcpexp.tcp.core import events
from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.congestion.base import CongestionControl
from tcpexp.tcp.core.congestion.builtin import make_control
from tcpexp.tcp.core.ecnstate import Ecn
from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.lossstate import Frto, Prr, Rack, Tlp
from tcpexp.tcp.core.ratestate import Delivery
from tcpexp.tcp.core.receivebuffer import ReceiveBuffer
from tcpexp.tcp.core.rtt import RttEstimator
from tcpexp.tcp.core.segment import Segment
from tcpexp.tcp.core.sendbuffer import SendBuffer
from tcpexp.tcp.core.states import State
from tcpexp.tcp.core.timers import LABELS, Timer, Timers

SCALE_LIMIT = 14


class Tcb:
    """One connection's state, its events, and the segments that wait to be handed down.

    RFC 9293 section 3.3.1.
    """

    #: Slots, since a busy connection reads these all the time, and CPython has a fast form of plain
    #: attributes for at most 30.
    __slots__ = (
        "ack_now",
        "challenges",
        "config",
        "congestion",
        "congestion_seen",
        "data_came",
        "delivery",
        "duplicate_acks",
        "early",
        "ecn",
        "eff_rcv_mss",
        "eff_snd_mss",
        "events",
        "fast_open",
        "fast_open_old",
        "fast_open_refused",
        "fast_opened",
        "fast_retransmit_from",
        "fin_sent",
        "fin_wanted",
        "frto",
        "in_recovery",
        "in_rto_recovery",
        "irs",
        "iss",
        "last_ack_sent",
        "last_arrival_ns",
        "last_sent_ns",
        "learned_cookie",
        "learned_old",
        "limited_octets",
        "local",
        "max_snd_wnd",
        "nodelay",
        "now",
        "out",
        "outbox",
        "override_sws",
        "passive",
        "probed_ns",
        "probes",
        "prr",
        "quick_acks",
        "rack",
        "rcv_adv",
        "rcv_nxt",
        "rcv_scale",
        "rcv_up",
        "reading_closed",
        "received",
        "recover",
        "remote",
        "repairs",
        "rtt",
        "sack_ok",
        "scaling",
        "send_mss",
        "small_sent",
        "snd_nxt",
        "snd_scale",
        "snd_una",
        "snd_up",
        "snd_wl1",
        "snd_wl2",
        "snd_wnd",
        "state",
        "syn_resent",
        "timeouts",
        "timers",
        "timestamps_ok",
        "tlp",
        "trace",
        "ts_recent",
        "ts_recent_ns",
        "unacked_octets",
        "unacked_segments",
        "write_refused",
    )

    def __init__(self, config: Config, local: Endpoint, remote: Endpoint) -> None:
        """Begin in CLOSED with nothing known of the peer. RFC 9293 section 3.3.1."""
        self.config = config
        self.local = local
        self.remote = remote
        self.state = State.CLOSED
        self.passive = False  # whether SYN-RECEIVED came from LISTEN
        self.now = 0  # the time of the call under way
        self._start_sequence_variables()
        self._start_options()
        self._start_loss_variables()

        # What the application did
        self.fin_wanted = False
        self.fin_sent = False
        self.reading_closed = False
        self.nodelay = not config.nagle
        self.write_refused = False

        # Machinery
        self.out = SendBuffer(config.send_buffer)
        self.received = ReceiveBuffer(config.receive_buffer)
        self.timers = Timers()
        self.rtt = RttEstimator(
            config.rto_initial_ns,
            config.rto_min_ns,
            config.rto_max_ns,
            config.clock_granularity_ns,
            config.rto_spread_min_ns,
        )
        self.congestion: CongestionControl = make_control(self.eff_snd_mss, config)
        self.delivery = Delivery() if self.congestion.paced else None
        # whether acknowledgments concern more than RFC 5681, 6582 and 6675
        self.repairs = config.rack or config.prr or config.frto or self.congestion.paced
        self.ecn = Ecn()
        self.trace = config.trace
        self.events: deque[events.Event] = deque()
        self.outbox: list[Segment] = []

    def _start_sequence_variables(self) -> None:
        """Set the variables of both directions. RFC 9293 section 3.3.1."""
        config = self.config
        # Send sequence variables
        self.iss = 0
        self.snd_una = 0
        self.snd_nxt = 0
        self.snd_wnd = 0
        self.snd_wl1 = 0
        self.snd_wl2 = 0
        self.snd_up: int | None = None
        self.max_snd_wnd = 0
        self.send_mss = config.default_send_mss
        self.eff_snd_mss = min(config.mss, config.default_send_mss)

        # Receive sequence variables
        self.irs = 0
        self.rcv_nxt = 0
        self.rcv_adv = 0  # right edge of what was offered: RCV.NXT + RCV.WND
        self.rcv_up: int | None = None
        self.last_ack_sent = 0

    def _start_options(self) -> None:
        """Set what a SYN offers; the peer's SYN decides.

        RFC 7323 sections 2.2 and 3.2, RFC 2018 section 2.
        """
        config = self.config
        self.snd_scale = 0
        self.rcv_scale = (
            window_shift(config.receive_buffer)
            if config.window_shift is None
            else config.window_shift
        )
        self.scaling = config.window_scaling
        self.sack_ok = config.sack
        self.timestamps_ok = config.timestamps
        self.fast_open: bytes | None = None  # the option of this end's SYN: RFC 7413 section 4.1.1
        self.fast_opened = False  # whether the peer's cookie was right, and its text was taken
        self.fast_open_old = False  # whether the option is the experimental one
        self.fast_open_refused = False
        self.learned_cookie: bytes | None = None
        self.learned_old = False  # whether it came in the experimental option
        self.ts_recent = 0
        self.ts_recent_ns = 0

    def _start_loss_variables(self) -> None:
        """Set what acknowledging and loss detection remember.

        RFC 5681 section 3.2, RFC 6582 section 3.2, RFC 6675 section 5.
        """
        # Acknowledging: RFC 9293 section 3.8.6.3
        self.ack_now = False
        self.unacked_octets = 0
        self.unacked_segments = 0
        self.quick_acks = self.config.quick_acks
        self.data_came = False  # data arrived in order, other than with the SYN
        self.early: Segment | None = None  # came with text while both ends opened
        self.eff_rcv_mss = 1  # the largest segment that has arrived: RFC 1122's RMSS, estimated
        self.challenges: list[int] = []

        # Loss: RFC 5681 section 3.2, RFC 6582 section 3.2, RFC 6675 section 5
        self.duplicate_acks = 0
        self.in_recovery = False
        self.in_rto_recovery = False  # until what was outstanding at a time-out is acknowledged
        self.rack = Rack()
        self.tlp = Tlp()
        self.prr: Prr | None = None  # during a recovery
        self.frto: Frto | None = None  # after a time-out
        self.recover = 0  # recovery lasts until this is acknowledged
        self.fast_retransmit_from = 0  # and another cannot begin before this is
        self.limited_octets = 0  # sent by limited transmit, not part of FlightSize
        self.timeouts = 0  # in a row, of the same segment
        self.probes = 0  # unanswered zero-window or keep-alive probes
        self.probed_ns = 0  # when the last keep-alive probe went out
        self.syn_resent = False
        self.override_sws = False
        self.small_sent = 0  # where the last segment of less than the MSS ended
        self.last_sent_ns: int | None = None
        self.last_arrival_ns = 0
        self.congestion_seen: tuple[int, int, str] | None = None

    @property
    def flight(self) -> int:
        """FlightSize: octets sent and not cumulatively acknowledged. RFC 5681 section 2."""
        return self.snd_nxt - self.snd_una

    def in_use(self, flight: int) -> int:
        """Return what a reduction of the window begins from: ``flight``, RFC 5681 section 3.1."""
        return self.congestion.cwnd if self.config.reduce_from_cwnd else flight

    @property
    def uses_rack(self) -> bool:
        """Whether losses are found by time. RFC 8985 section 4: only with SACK."""
        return self.config.rack and self.sack_ok

    @property
    def fin_acked(self) -> bool:
        """Whether this end's FIN was sent and acknowledged.

        RFC 9293 section 3.10.7.4, fifth step.
        """
        return self.fin_sent and not self.out.queue

    @property
    def mode(self) -> str:
        """Where congestion control stands, in the words of RFC 5681 section 3."""
        if self.in_recovery:
            return "fast recovery"
        if self.congestion.mode:
            return self.congestion.mode
        hystart = self.congestion.hystart
        if hystart is not None and hystart.conservative:  # RFC 9406 section 4.2
            return "conservative slow start"
        return (
            "slow start"
            if self.congestion.cwnd < self.congestion.ssthresh
            else "congestion avoidance"
        )


def window_shift(buffer: int) -> int:
    """Return the smallest shift with which a 16-bit window can offer the whole buffer.

    RFC 7323 section 2.2.
    """
    shift = 0
    while shift < SCALE_LIMIT and buffer >> shift > 0xFFFF:
        shift += 1
    return shift


def go_to(tcb: Tcb, state: State, cause: str) -> None:
    """Change the state, and say so. RFC 9293 section 3.3.2."""
    old, tcb.state = tcb.state, state
    if tcb.trace:
        tcb.events.append(events.StateChanged(tcb.now, old, state, cause))


def set_timer(tcb: Tcb, timer: Timer, delay_ns: int) -> None:
    """Set, or set anew, a timer. RFC 9293 section 3.10.8."""
    expires_ns = tcb.now + delay_ns
    tcb.timers.deadlines[timer] = expires_ns
    if tcb.trace:
        tcb.events.append(events.TimerChanged(tcb.now, LABELS[timer], "set", expires_ns))


def stop_timer(tcb: Tcb, timer: Timer) -> None:
    """Turn a timer off. RFC 9293 section 3.10.8."""
    if tcb.timers.deadlines[timer] is not None:
        tcb.timers.deadlines[timer] = None
        if tcb.trace:
            tcb.events.append(events.TimerChanged(tcb.now, LABELS[timer], "stopped", None))


def note_congestion(tcb: Tcb, cause: str) -> None:
    """Say what became of cwnd, ssthresh and mode, if one of them changed. RFC 5681 section 3."""
    if not tcb.trace:
        return
    seen = (tcb.congestion.cwnd, tcb.congestion.ssthresh, tcb.mode)
    if seen != tcb.congestion_seen:
        tcb.congestion_seen = seen
        tcb.events.append(events.CongestionChanged(tcb.now, *seen, cause))


def drop(tcb: Tcb, segment: Segment, reason: str) -> None:
    """Say that a segment is discarded, and why. RFC 9293 section 3.10.7."""
    if tcb.trace:
        tcb.events.append(events.SegmentDropped(tcb.now, segment, reason))


def delete_tcb(tcb: Tcb, reason: str, cause: str) -> None:
    """Enter CLOSED: all timers off, all queues flushed, the application told.

    RFC 9293 section 3.10.7.4, RFC 9293 section 3.6 (MUST-12).
    """
    for timer in Timer:
        stop_timer(tcb, timer)
    tcb.out = SendBuffer(tcb.config.send_buffer)
    tcb.ack_now = False
    kept = tcb.config.keep_received_at_reset and reason in ("reset", "refused")
    if reason != "closed" and not kept:
        tcb.received.readable.clear()
    if tcb.state is not State.CLOSED:
        go_to(tcb, State.CLOSED, cause)
    tcb.events.append(events.Closed(tcb.now, reason))


def agree_on_mss(tcb: Tcb, offered: int | None) -> None:
    """Set the effective send MSS: what both ends can take, less the options that each segment
    carries.

    RFC 9293 section 3.7.1 (MUST-14, MUST-15, MUST-16).
    """
    tcb.send_mss = tcb.config.default_send_mss if offered is None else max(offered, 1)
    size = whole = min(tcb.send_mss, tcb.config.mss)
    if tcb.timestamps_ok:
        size -= 12
    tcb.eff_snd_mss = max(size, 1)
    if tcb.config.whole_segment_buffers:
        for buffer in (tcb.received, tcb.out):
            buffer.capacity = -(-buffer.capacity // whole) * whole
    tcb.congestion = make_control(tcb.eff_snd_mss, tcb.config)
