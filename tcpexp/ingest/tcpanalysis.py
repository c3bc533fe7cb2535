"""Wireshark's TCP analysis done again: labels, bytes in flight and the round-trip time of each ACK,
of a capture's TCP segments in order.

The rules are those that Wireshark's User's Guide lists (section "TCP Analysis"), completed by what
tshark 4.0 prints for captures made for the purpose; ``tests/ingest/test_readers_agree.py`` compares
the two. It is our own code, from the behaviour alone. A segment is judged by what was captured
before it, so this is a loop over segments in Python: each costs some microseconds.

A connection in which something rare happens is only named (``strange``), and tshark is asked about
it:

- an ACK for bytes that were not captured (Wireshark's label ``ack_lost_segment``: when it repeats
  follows no simple rule; here it is given once for each ACK number);
- a SYN in the middle of a connection that was seen without one, or a second SYN-ACK with another
  initial number;
- ports used again without a SYN-ACK, a first ACK before the SYN-ACK, and a handshake that took no
  time at all.

Time may go backwards between two segments (two processors stamp them); then neither counts as
following the other within some time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tcpexp.ingest.unacked import HALF, MASK, Unacked

_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_CONTROL = _FIN | _SYN | _RST

#: Bits of the labels, in the order in which they are listed.
(
    RETRANSMISSION,
    FAST_RETRANSMISSION,
    SPURIOUS_RETRANSMISSION,
    OUT_OF_ORDER,
    DUPLICATE_ACK,
    LOST_SEGMENT,
    ACK_LOST_SEGMENT,
    ZERO_WINDOW,
    ZERO_WINDOW_PROBE,
    ZERO_WINDOW_PROBE_ACK,
    WINDOW_FULL,
    WINDOW_UPDATE,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    RTO,
    REUSED_PORTS,
) = (1 << at for at in range(16))

#: A repeated segment is a fast retransmission when it follows the last ACK within this time.
_FAST_NS = 20_000_000
#: A segment below the highest is out of order when it follows within the first round-trip time, or
#: within this time where none is known.
_OUT_OF_ORDER_NS = 3_000_000
_FAST_DUPLICATES = 2
NONE = -1


class Segment(NamedTuple):
    """One TCP segment: connection and direction, raw numbers, and what its options and earlier
    segments say.

    ``scaled`` is the window in bytes, ``base`` the number that relative ones count from,
    ``other_scale`` the shift of the other end's window (-1 while unknown), ``sacked`` how many
    bytes its first three SACK blocks hold, -1 without the option, ``mptcp`` a bit for each subtype
    of MPTCP's options.
    """

    stream: int
    side: int
    seq: int
    ack: int
    size: int
    flags: int
    window: int
    scaled: int
    base: int
    other_scale: int
    at_ns: int
    sacked: int
    reused: int
    mptcp: int


class _Lane:
    """One direction of a connection: what its sender has sent and acknowledged so far.

    A number that is not known yet is 0.
    """

    __slots__ = (
        "dup_acks",
        "last_ack",
        "last_ack_ns",
        "last_labels",
        "mptcp",
        "next_ns",
        "next_seq",
        "sacked",
        "scaled",
        "to_be_acked",
        "unacked",
        "unbroken",
        "window",
    )

    def __init__(self) -> None:
        # one more than the highest number sent, and when that was sent
        self.next_seq = self.next_ns = 0
        self.to_be_acked: int | None = None  # up to here all was captured
        self.last_ack = self.last_ack_ns = self.dup_acks = 0
        self.window = self.scaled = NONE
        self.sacked = self.mptcp = 0
        self.last_labels = 0
        self.unbroken = True  # no gap was seen since the other end's last ACK
        self.unacked = Unacked()


class _Connection:
    __slots__ = ("answered", "first_rtt_ns", "lanes", "opener", "reused", "syn_ns")

    def __init__(self) -> None:
        self.lanes = (_Lane(), _Lane())
        self.first_rtt_ns = 0
        # of the last SYN, until the end that sent it sends its first ACK
        self.syn_ns: int | None = None
        self.opener = NONE
        self.reused = False
        self.answered = False


class Analysis:
    """The connections of a capture up to the segment that was judged last.

    ``strange`` are those about which tshark has to be asked.
    """

    def __init__(self) -> None:
        self.strange: set[int] = set()
        self._connections: list[_Connection] = []

    def judge(self, segments: Iterable[tuple[int, ...]]) -> list[tuple[int, int, int]]:
        """Return labels (bits), bytes in flight (-1 for none) and round-trip time (ns, ``NO_RTT``
        for none) of each segment.
        """
        return [self._judge(segment) for segment in map(Segment._make, segments)]

    def _judge(self, segment: Segment) -> tuple[int, int, int]:
        while segment.stream >= len(self._connections):
            self._connections.append(_Connection())
        connection = self._connections[segment.stream]
        own, other = connection.lanes[segment.side], connection.lanes[1 - segment.side]
        unseen = _acks_unseen(segment, other)
        if _handshake(connection, segment) or unseen:
            self.strange.add(segment.stream)
        labels = REUSED_PORTS if segment.reused else 0
        labels |= _window_and_ack_labels(segment, own, other)
        if unseen:
            labels |= ACK_LOST_SEGMENT
            other.to_be_acked = segment.ack
        end = (segment.seq + segment.size + (segment.flags & (_SYN | _FIN) != 0)) & MASK
        if segment.ack != own.last_ack:
            own.dup_acks = 0
        if (segment.size or end != segment.seq) and not labels & KEEP_ALIVE:
            labels |= _repetition_labels(segment, own, other, end, connection.first_rtt_ns)
        _remember(segment, own, other, end, labels)
        rtt_ns = other.unacked.acknowledge(segment.ack, segment.at_ns)
        return labels, _in_flight(segment, own, other) if segment.size else NONE, rtt_ns


def _handshake(connection: _Connection, segment: Segment) -> bool:
    """Take in what opens a connection and its first round-trip time.

    Return whether this is one of the rare cases.
    """
    flags, side = segment.flags, segment.side
    own = connection.lanes[side]
    if flags & _SYN:
        connection.answered = connection.answered or connection.opener == 1 - side
        if flags & _ACK:
            return segment.reused != 0
        late = (
            connection.opener == NONE and (own.next_seq or connection.lanes[1 - side].next_seq)
        ) or (own.next_seq and segment.size)
        crossed = connection.reused and connection.opener == 1 - side
        connection.syn_ns, connection.opener = segment.at_ns, side
        connection.reused = connection.reused or segment.reused != 0
        return bool(late or crossed)
    if side != connection.opener:
        return connection.reused and not connection.answered and not flags & _RST
    if flags & _ACK and connection.syn_ns is not None:
        took_ns = segment.at_ns - connection.syn_ns
        connection.syn_ns = None
        if not connection.first_rtt_ns:
            connection.first_rtt_ns = took_ns
            return took_ns <= 0 or not connection.answered
    return False


def _acks_unseen(segment: Segment, other: _Lane) -> bool:
    """Return whether it acknowledges more than was captured without a gap."""
    known = other.to_be_acked
    return (
        known is not None and segment.flags & _ACK != 0 and 0 < (segment.ack - known) & MASK < HALF
    )


def _window_and_ack_labels(segment: Segment, own: _Lane, other: _Lane) -> int:
    """Return the labels that tell of windows, gaps, probes and ACKs."""
    seq, size, flags, window = segment.seq, segment.size, segment.flags, segment.window
    if size == 1 and seq == own.next_seq and other.window == 0:
        return ZERO_WINDOW_PROBE
    plain = not flags & _CONTROL
    labels = ZERO_WINDOW if window == 0 and plain else 0
    if own.next_seq and 0 < (seq - own.next_seq) & MASK < HALF and not flags & _RST:
        labels |= LOST_SEGMENT
        own.unbroken = False
    if size <= 1 and seq == (own.next_seq - 1) & MASK and plain:
        labels |= KEEP_ALIVE
    if (
        size
        and plain
        and segment.other_scale != NONE
        and (seq + size) & MASK == (other.last_ack + other.scaled) & MASK
    ):
        labels |= WINDOW_FULL
    if not size and plain and seq == own.next_seq:
        labels |= _pure_ack_labels(segment, own, other)
    return labels


def _pure_ack_labels(segment: Segment, own: _Lane, other: _Lane) -> int:
    """Return the labels of an ACK without data at the sender's next number."""
    window, again = segment.window, segment.ack == own.last_ack
    if window and window != own.window and again:
        return WINDOW_UPDATE
    if window and window == own.window and again and other.last_labels & KEEP_ALIVE:
        return KEEP_ALIVE_ACK
    if not window and not own.window and again and other.last_labels & ZERO_WINDOW_PROBE:
        return ZERO_WINDOW_PROBE_ACK
    # MPTCP repeats ACKs to carry options that it had not yet (RFC 8684 section 4)
    if window and again and (segment.mptcp | other.mptcp | own.mptcp) == own.mptcp:
        own.dup_acks += 1
        return DUPLICATE_ACK
    return 0


def _repetition_labels(
    segment: Segment, own: _Lane, other: _Lane, end: int, first_rtt_ns: int
) -> int:
    """Return the labels of a segment that holds what was sent before."""
    seq, size, now = segment.seq, segment.size, segment.at_ns
    if size and other.last_ack and (other.last_ack - (seq + size)) & MASK < HALF:
        return SPURIOUS_RETRANSMISSION | RETRANSMISSION
    behind = (own.next_seq - seq) & MASK
    # a byte that probed is sent again with what follows it
    if not own.next_seq or not 0 < behind < HALF or (size > 1 and behind == 1):
        return 0
    if (
        other.dup_acks >= _FAST_DUPLICATES
        and other.last_ack == seq
        and 0 <= now - other.last_ack_ns < _FAST_NS
    ):
        return FAST_RETRANSMISSION | RETRANSMISSION
    if 0 <= now - own.next_ns < (first_rtt_ns or _OUT_OF_ORDER_NS) and own.next_seq != end:
        return OUT_OF_ORDER
    oldest = own.unacked.oldest_ns()
    return (
        RETRANSMISSION
        if now == (own.next_ns if oldest is None else oldest)
        else RETRANSMISSION | RTO
    )


def _remember(segment: Segment, own: _Lane, other: _Lane, end: int, labels: int) -> None:
    """Take in what a segment sends and acknowledges."""
    seq, now = segment.seq, segment.at_ns
    first = not own.next_seq
    if end != seq:
        own.unacked.add(seq, end, now)
    if not labels & ZERO_WINDOW_PROBE:
        if first or 0 < (end - own.next_seq) & MASK < HALF:
            own.next_seq, own.next_ns = end, now
        if first or seq == own.to_be_acked:
            own.to_be_acked = own.next_seq
    if segment.flags & _ACK:
        other.unbroken = True
    own.window, own.scaled = segment.window, segment.scaled
    own.sacked = max(segment.sacked, 0)
    own.mptcp |= segment.mptcp | other.mptcp
    own.last_ack, own.last_ack_ns = segment.ack, now
    own.last_labels = labels


def _in_flight(segment: Segment, own: _Lane, other: _Lane) -> int:
    """Return the bytes in flight once it is sent, -1 when a gap keeps them from being known."""
    if not own.unbroken:
        return NONE
    found = own.unacked.extent(segment.base) - other.sacked - (segment.flags & (_SYN | _FIN) != 0)
    return found if 0 < found < HALF else NONE
