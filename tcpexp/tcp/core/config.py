"""The settings of one connection.

Frozen: what a connection does is known when it starts, and a run can save it.
"""

from __future__ import annotations

from dataclasses import dataclass

MS = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
#: ICMP's destination unreachable, codes 0, 1 and 5; time exceeded; parameter problem: RFC 9293
#: section 3.9.2.2 has the application told.
SOFT_ERRORS = (
    "network unreachable",
    "host unreachable",
    "source route failed",
    "time exceeded",
    "parameter problem",
)


@dataclass(frozen=True)
class Config:
    """What a TCP endpoint does, with the value that its RFC recommends as default.

    All times are nanoseconds, all sizes bytes.

    Each mechanism below can be switched off, to see what it is for.
    Raises: ValueError for a setting outside its range, with the range.
    """

    # Segments: RFC 9293 section 3.7.1, RFC 7323 section 2
    mss: int = 1460
    """Largest payload this end can receive.

    It is offered in the MSS option, and is the upper limit of what is sent.
    """
    default_send_mss: int = 536
    """What a peer without an MSS option can receive: 536 for IPv4, 1220 for IPv6."""
    window_scaling: bool = True
    window_shift: int | None = None
    """The shift to offer; None is the least with which a window can offer the whole buffer."""
    timestamps: bool = True
    sack: bool = True

    # Buffers
    receive_buffer: int = 256 * 1024
    send_buffer: int = 256 * 1024

    # Sending: RFC 9293 sections 3.7.4 and 3.8.6
    nagle: bool = True
    nagle_small_only: bool = False
    """Hold a small segment back only while another small one is unacknowledged.

    Minshall's variant (draft-minshall-nagle-01): the end of a long write need not wait. Off is
    the rule of RFC 9293 section 3.7.4: while anything is unacknowledged.
    """
    sender_sws_avoidance: bool = True
    sws_override_ns: int = 200 * MS
    zero_window_probes: bool = True
    empty_probes: bool = False
    """A probe is an ACK with an old sequence number, without an octet of data: Linux."""

    # Acknowledging: RFC 9293 sections 3.8.6.2.2 and 3.8.6.3
    delayed_ack: bool = True
    delayed_ack_ns: int = 40 * MS
    """Longest delay of an acknowledgment; the RFC wants less than 500 ms."""
    ack_every_segments: int = 2
    ack_small_segments: bool = False
    """Count segments of any size, not octets: RFC 5681 section 4.2 speaks of full-sized ones."""
    quick_acks: int = 0
    """Acknowledge so many segments at once at the beginning, until this end sends data: Linux, 16.

    So that the peer's slow start is not held up: RFC 5681 section 4.2 allows it.
    """
    delay_fin_ack: bool = False
    """The acknowledgment of the FIN with which the other end closes may wait, after data: Linux."""
    dsack: bool = False
    """Report what arrived twice: RFC 2883."""
    dsack_controls: bool = False
    """A FIN that arrives twice is reported as well, and the SYN of both ends that open at once:
    Linux. RFC 2883 speaks of data.
    """
    fin_ends_dsack: bool = False
    """Nothing is reported once the FIN has come in order: Linux."""
    receiver_sws_avoidance: bool = True
    updates_by_gain: bool = False
    """An update of the window goes out for a gain of two segments and a quarter of the buffer, also
    while the peer may still send much: BSD.
    """
    round_window_up: bool = False
    """A window that the shift cannot express is rounded up: BSD. Down, unless that would shrink it,
    is what RFC 7323 section 2.3 has.
    """
    offer_all_space: bool = False
    """Offer all the space there is in a segment that goes out anyway, be the gain ever so small.

    What many systems do. The RFC lets the right edge move by a whole segment at least.
    """
    whole_segment_buffers: bool = False
    """Round both buffers up to whole segments once the MSS is agreed on, as BSD systems do."""
    accept_beyond_offer: bool = False
    """Take what fits the buffer, though a window without scaling could not offer it: BSD."""

    # Retransmission: RFC 6298
    rto_initial_ns: int = SECOND
    rto_min_ns: int = SECOND
    rto_spread_min_ns: int = 0
    """How far the RTO is above SRTT at least, beside ``rto_min_ns``: Linux, 200 ms."""
    rto_max_ns: int = 60 * SECOND
    clock_granularity_ns: int = MS
    timestamp_tick_ns: int = MS
    r1_retransmissions: int = 3
    r2_ns: int = 100 * SECOND
    """Give up when data stay unacknowledged this long: RFC 9293 section 3.8.3."""
    r2_syn_ns: int = 3 * MINUTE
    r2_syn_sharp: bool = False
    """An attempt to connect ends exactly then: BSD. Else when the SYN's timer expires next."""
    syn_linear_timeouts: int = 0
    """So often the SYN goes again without doubling the RTO: Linux, 4, against RFC 6298 rule 5.5.
    """
    rto_after_syn_timeout_ns: int = 3 * SECOND
    """The least RTO with which data begin after the SYN's timer expired: RFC 6298 rule 5.7."""

    # Congestion: RFC 5681
    congestion_control: str = "newreno"
    initial_window_segments: int | None = None
    """Segments of the first flight; None follows RFC 5681 section 3.1 (2 to 4 by size)."""
    slow_start_segments: int = 1
    """Slow start adds what an ACK covers, up to so many segments: L of RFC 3465 section 2.3."""
    reduce_from_cwnd: bool = False
    """ssthresh follows from cwnd, not from FlightSize: Linux, against RFC 5681 section 3.1."""
    growth_by_delivery: bool = False
    """cwnd grows by what an ACK newly delivers: what was SACKed, or counted by duplicate ACKs,
    before counts no more. And it was in use if it was so at any time in the last round trip. Linux.
    """
    initial_ssthresh: int = 1 << 30
    fixed_window_segments: int = 8
    """Only for the control ``fixed_window``."""
    limited_transmit: bool = True
    duplicate_threshold: int = 3
    restart_after_idle: bool = True

    hystart: bool = False
    """End the first slow start when the round trip grows: HyStart++, RFC 9406."""

    # Newer ways to find and repair losses, with SACK: RFC 8985, RFC 9937, RFC 2883, RFC 5682
    rack: bool = False
    """A segment is lost when one sent sufficiently later was delivered, instead of by counting."""
    rack_in_sequence: bool = False
    """RACK's round trip is that of the highest segment that an acknowledgment covers, not of the
    one that was sent last: Linux, which does not count a SYN,ACK among them.
    """
    tail_loss_probe: bool = False
    """Send one segment when nothing was heard for two round trips; needs ``rack``."""
    tlp_max_ack_delay_ns: int = 200 * MS
    """What the peer may delay the acknowledgment of a single segment: RFC 8985 section 7.2."""
    prr: bool = False
    """Reduce cwnd step by step during recovery, in proportion to what arrives."""
    frto: bool = False
    """Find out whether a time-out was spurious, and take it back; with or without SACK."""

    # Marks in place of losses: RFC 3168 section 6.1, RFC 9768
    ecn: str = "off"
    """"off"; "accept" what the peer asks for; "request" it too; "accurate": ask for accurate ECN.

    "accurate" also takes the older kind, where the peer has only that.
    """
    ecn_as_client: str | None = None
    """What this end asks for when it opens; None is ``ecn``."""
    ecn_syn_retries: int = 0
    """So many times the SYN goes again with its ECN flags: BSD, 1. RFC 3168 section 6.1.1.1: 0."""
    accecn_option: bool = True
    """Count octets by their mark in an option, beside the marked packets in the header's flags."""

    accecn_order: int = 0
    """1: the option's counters begin with ECT(1). RFC 9768 section 3.2.3 leaves it open."""
    accecn_everywhere: bool = False
    """The option with all its counters in every segment, once the peer's was seen: Linux."""
    accecn_thinned: int = 0
    """With acknowledgments of more packets than this on average, the flags' counter is believed not
    to have gone round; 0 believes the worst, as RFC 9768 appendix A.2.1 has it. Linux has 4.
    """
    accecn_in_time_wait: bool = True
    """False: an acknowledgment in TIME-WAIT has accurate ECN's flags at zero, as with Linux."""
    ecn_on_all: bool = False
    """With accurate ECN, acknowledgments and retransmissions can be marked too: Linux."""

    # Data on the SYN: RFC 7413
    fast_open: bool = False
    """Send data with the SYN to servers that gave a cookie before; as a server, give them."""
    fast_open_without_cookie: bool = False
    """As a server, take data with the SYN from anybody: RFC 7413 section 4.1.2 warns of it."""
    fast_open_asks_again: bool = True
    """False: a server that was asked for a cookie and gave none is left alone: BSD."""
    fast_open_tries_old: bool = False
    """A server that gave no cookie is asked once more in the form that the option had before it had
    a kind: Linux. RFC 7413 section 7 lets it go.
    """
    fast_open_option_space: int = 0
    """What a SYN's data leave to options; 0 is what these need. Linux leaves all that there can be.
    """
    syn_ack_echo: bool = False
    """A SYN,ACK whose timestamp echoes none of this end is answered with a reset: Linux."""
    fast_open_pause_ns: int = 15 * MINUTE
    """How long a server that did not take a SYN's data is left alone: RFC 7413 section 4.1.3.1."""
    fast_open_queue: int = 16
    """Connections that a listener takes by cookie before their handshake: RFC 7413 section 5.1."""

    # Keep-alive: RFC 9293 section 3.8.4
    keepalive: bool = False
    keepalive_idle_ns: int = 120 * MINUTE
    keepalive_interval_ns: int = 75 * SECOND
    keepalive_probes: int = 9

    # The IP header: RFC 9293 sections 3.9.1.9 and 3.9.2; the adapters write it
    dscp: int = 0
    """Differentiated services code point, 0 to 63."""
    hop_limit: int = 64
    """IPv4's time to live, IPv6's hop limit."""

    # Closing and robustness: RFC 9293 section 3.6.1, RFC 5961, RFC 7323 section 5
    msl_ns: int = 2 * MINUTE
    reset_on_unread_data: bool = True
    keep_received_at_reset: bool = False
    """What arrived before a reset can still be read, as with Linux; RFC 9293 flushes all queues."""
    reset_by_segment: bool = False
    """The reset for data after CLOSE, or for an acknowledgment of nothing sent before the handshake
    is over, is that of an unknown connection, as Linux sends it.
    """
    reset_acknowledges: bool = False
    """A reset of this end's own carries ACK and RCV.NXT, as most systems send it."""
    reset_window: bool = True
    """A reset of this end's own offers a window; False: 0, as BSD systems send it."""
    reuse_time_wait: bool = True
    """A newer SYN may take the place of a connection in TIME-WAIT: RFC 9293 MAY-2."""
    rst_ends_time_wait: bool = True
    """False: a RST in TIME-WAIT is ignored. RFC 1337 section 3."""
    icmp_ends_attempts: bool = True
    """A hard ICMP error ends an attempt to connect: RFC 9293 SHLD-26."""
    icmp_soft_ends_attempts: tuple[str, ...] = ()
    """Soft ICMP errors that end one too, against RFC 9293 MUST-56, as most systems have some.

    Words of :data:`SOFT_ERRORS`.
    """
    repeat_syn_ack: bool = False
    """A SYN that comes again in SYN-RECEIVED is answered with the SYN,ACK again, by most systems.

    RFC 9293 section 3.10.7.4 has an acknowledgment.
    """
    take_old_acks: bool = False
    """What an old duplicate acknowledges counts, as with BSD, which cuts off what is old.

    RFC 9293 section 3.10.7.4 drops it all.
    """
    take_early: str = "all"
    """What is kept that comes with the peer's SYN when both ends open at once.

    "all": RFC 9293 section 3.10.7.3; "text", but no FIN: BSD; "nothing": Linux.
    """
    repeat_fin: bool = False
    """An ACK of the peer's FIN carries this end's unacknowledged FIN again, as BSD systems do."""
    challenge_acks: bool = True
    challenge_rst: bool = True
    """Whether a RST has to be at RCV.NXT exactly: RFC 5961 section 3.2."""
    challenge_syn: bool = True
    """Whether a SYN in the window is challenged: RFC 5961 section 4.2."""
    challenge_acks_per_second: int = 10
    paws: bool = True

    # Listening: RFC 4987 section 3
    syn_queue: int = 128
    accept_queue: int = 128
    syn_cookies: str = "overflow"
    """"overflow": cookies once the SYN queue is full; "always"; or "never".

    With "never", SYNs beyond the queue are dropped.
    """

    trace: bool = True
    """Queue an event for each segment, timer and congestion change.

    Without it, only for what an application needs.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        RFC 9293 section 3.8.6.3 (MUST-40), RFC 9293 section 3.8.4 (MUST-27).
        """
        for name, low, high in (
            ("mss", 1, 65535),
            ("default_send_mss", 1, 65535),
            ("receive_buffer", 1, (1 << 30) - 1),
            ("send_buffer", 1, 1 << 40),
            ("delayed_ack_ns", 0, 500 * MS - 1),
            ("ack_every_segments", 1, 1000),
            ("sws_override_ns", 100 * MS, SECOND),
            ("rto_initial_ns", 1, 1 << 62),
            ("rto_min_ns", 1, 1 << 62),
            ("rto_spread_min_ns", 0, 1 << 62),
            ("rto_max_ns", 1, 1 << 62),
            ("clock_granularity_ns", 1, SECOND),
            ("timestamp_tick_ns", MS, SECOND),
            ("duplicate_threshold", 1, 1000),
            ("tlp_max_ack_delay_ns", 0, 10 * SECOND),
            ("fixed_window_segments", 1, 1 << 20),
            ("keepalive_idle_ns", 1, 1 << 62),
            ("keepalive_interval_ns", 1, 1 << 62),
            ("keepalive_probes", 1, 1000),
            ("msl_ns", 0, 1 << 62),
            ("window_shift", 0, 14),
            ("rto_after_syn_timeout_ns", 1, 1 << 62),
            ("quick_acks", 0, 1 << 20),
            ("slow_start_segments", 1, 1 << 20),
            ("accecn_order", 0, 1),
            ("ecn_syn_retries", 0, 100),
            ("accecn_thinned", 0, 1 << 16),
            ("syn_linear_timeouts", 0, 100),
            ("dscp", 0, 63),
            ("hop_limit", 1, 255),
            ("syn_queue", 0, 1 << 20),
            ("fast_open_option_space", 0, 40),
            ("fast_open_pause_ns", 0, 1 << 62),
            ("fast_open_queue", 0, 1 << 20),
            ("accept_queue", 1, 1 << 20),
            ("challenge_acks_per_second", 1, 1 << 20),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}; it can be {low} to {high}")
        if self.rto_max_ns < max(self.rto_initial_ns, self.rto_min_ns):
            raise ValueError(f"rto_max_ns is {self.rto_max_ns}, below rto_min_ns or rto_initial_ns")
        if self.tail_loss_probe and not self.rack:
            raise ValueError("tail_loss_probe needs rack, which finds what the probe has shown")
        for name, choice in (("ecn", self.ecn), ("ecn_as_client", self.ecn_as_client)):
            if choice not in ("off", "accept", "request", "accurate", None) or self.ecn is None:
                raise ValueError(
                    f"{name} is {choice!r}; it can be 'off', 'accept', 'request' or 'accurate'"
                )
        for error in self.icmp_soft_ends_attempts:
            if error not in SOFT_ERRORS:
                raise ValueError(
                    f"icmp_soft_ends_attempts has {error!r}; it can have {', '.join(SOFT_ERRORS)}"
                )
        if self.take_early not in ("all", "text", "nothing"):
            raise ValueError(
                f"take_early is {self.take_early!r}; it can be 'all', 'text' or 'nothing'"
            )
        if self.syn_cookies not in ("overflow", "always", "never"):
            raise ValueError(
                f"syn_cookies is {self.syn_cookies!r}; it can be 'overflow', 'always' or 'never'"
            )
