"""What this end still has to deliver: octets not yet sent, and the retransmission queue of those
sent but not acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tcpexp.tcp.core.ratestate import Stamp
from tcpexp.tcp.core.segment import FIN, PSH, SYN


@dataclass(slots=True)
class Sent:
    """One segment on the retransmission queue.

    ``seq`` to ``end`` are unbounded, SYN and FIN count one. RFC 9293 section 3.4.
    """

    seq: int
    end: int
    payload: bytes
    flags: int  # SYN, FIN and PSH of the segment
    first_sent_ns: int
    sent_ns: int
    times: int = 1
    sacked: bool = False
    lost: bool = False
    # again since it was last taken for lost by the timer: HighRxt of RFC 6675 section 2, segment by
    # segment
    resent: bool = False
    delivered: bool = False  # counted once, also if its SACK mark is forgotten and comes again
    stamp: Stamp | None = None  # where the rate of delivery is measured
    sampled: bool = False  # its round-trip time was taken when a SACK block covered it


class SendBuffer:
    """The send side's octets.

    ``pipe`` counts those believed in the network (RFC 6675 section 2): neither SACKed nor
    lost-and-not-resent.

    RFC 9293 section 3.10.2.
    """

    __slots__ = (
        "capacity",
        "delivered",
        "delivered_segments",
        "in_queue",
        "lost_segments",
        "newly_acknowledged",
        "newly_delivered",
        "newly_lost",
        "pipe",
        "queue",
        "sacked_segments",
        "unsent",
    )

    def __init__(self, capacity: int) -> None:
        """Hold at most ``capacity`` octets, sent or not. RFC 9293 section 3.10.2."""
        self.capacity = capacity
        self.unsent = bytearray()
        self.queue: deque[Sent] = deque()
        self.in_queue = 0
        self.pipe = 0
        self.lost_segments = 0
        self.sacked_segments = 0
        # of the acknowledgment under way: the segments that it delivered, SACKed or acknowledged;
        # the octets of those, and of what it acknowledged; and the segments found lost
        self.delivered: list[Sent] = []
        self.delivered_segments = 0  # of the whole connection, the SYN too
        self.newly_delivered = 0
        self.newly_acknowledged = 0
        self.newly_lost = 0

    def begin_ack(self) -> None:
        """Forget what the acknowledgment before delivered. RFC 8985 section 6.2."""
        if self.delivered:
            self.delivered = []
        self.newly_delivered = self.newly_acknowledged = self.newly_lost = 0

    @property
    def space(self) -> int:
        """Octets that :meth:`write` would take now. RFC 9293 section 3.10.2."""
        space = self.capacity - len(self.unsent) - self.in_queue
        return space if space > 0 else 0

    def write(self, data: bytes) -> int:
        """Append as much of ``data`` as there is room for and return how much.

        RFC 9293 section 3.10.2.
        """
        taken = self.space
        if taken >= len(data):
            self.unsent += data
            return len(data)
        self.unsent += data[:taken]
        return taken

    def take(self, length: int) -> bytes:
        """Remove the next ``length`` unsent octets. RFC 9293 section 3.7."""
        data = bytes(self.unsent[:length])
        del self.unsent[:length]
        return data

    def add(self, sent: Sent) -> None:
        """Put a segment that goes out for the first time at the queue's end.

        RFC 9293 section 3.4.
        """
        self.queue.append(sent)
        self.in_queue += len(sent.payload)
        self.pipe += sent.end - sent.seq

    def cut(self, most: int) -> None:
        """Cut what is queued into segments of at most ``most`` octets, for what goes again: data on
        a SYN were as long as the peer's MSS of another time. PSH and FIN go with the last.

        RFC 9293 section 3.7.1 (MUST-16).
        """
        for _ in range(len(self.queue)):
            rest = self.queue.popleft()
            while len(rest.payload) > most:
                at = rest.seq + most
                head = replace(rest, end=at, payload=rest.payload[:most])
                head.flags = rest.flags & ~(PSH | FIN)
                rest = replace(rest, seq=at, payload=rest.payload[most:], flags=rest.flags & ~SYN)
                self.queue.append(head)
                self.lost_segments += head.lost
                self.sacked_segments += head.sacked
            self.queue.append(rest)

    def acknowledge(self, ack: int) -> tuple[int, int | None]:
        """Remove what ``ack`` covers; a segment covered in part keeps its rest.

        Return the octets of data, and when the newest segment that was sent only once left (None:
        none such). RFC 9293 section 3.10.7.4, fifth step; RFC 6298 section 3.
        """
        octets, sent_ns = 0, None
        queue = self.queue
        while queue and (sent := queue[0]).seq < ack:
            if sent.end <= ack:
                queue.popleft()
                octets += len(sent.payload)
                if sent.sacked:
                    self.sacked_segments -= 1
                else:
                    if not sent.delivered:
                        self._deliver(sent)
                    if sent.lost:
                        self.lost_segments -= 1
                    else:
                        self.pipe -= sent.end - sent.seq
                if sent.times == 1 and not sent.sampled:
                    sent_ns = sent.sent_ns
            else:
                covered = ack - sent.seq
                data = covered - (1 if sent.flags & SYN else 0)
                octets += data
                self.newly_delivered += 0 if sent.delivered else covered
                if not (sent.sacked or sent.lost):
                    self.pipe -= covered
                sent.payload, sent.seq, sent.flags = sent.payload[data:], ack, sent.flags & ~SYN
        self.in_queue -= octets
        self.newly_acknowledged += octets
        return octets, sent_ns

    def _deliver(self, sent: Sent) -> None:
        """Note that a segment was delivered, for those who count. RFC 8985 section 6.2."""
        if not sent.delivered:
            sent.delivered = True
            self.delivered.append(sent)
            self.delivered_segments += 1
            self.newly_delivered += sent.end - sent.seq

    def mark_sacked(self, sent: Sent) -> None:
        """Note that the peer holds this segment. RFC 2018 section 5, RFC 6675 section 4."""
        if sent.lost:
            sent.lost = False
            self.lost_segments -= 1
        else:
            self.pipe -= sent.end - sent.seq
        sent.sacked = True
        self.sacked_segments += 1
        self._deliver(sent)

    def mark_lost(self, sent: Sent) -> None:
        """Note that this segment is no longer in the network and is to be sent again.

        RFC 6675 section 4.
        """
        if not sent.lost and not sent.sacked:
            sent.lost = True
            self.lost_segments += 1
            self.newly_lost += 1
            self.pipe -= sent.end - sent.seq

    def unmark_lost(self) -> None:
        """Take back all losses: nothing was lost. RFC 5682 section 2.1."""
        for sent in self.queue:
            if sent.lost:
                sent.lost = False
                self.lost_segments -= 1
                self.pipe += sent.end - sent.seq

    def mark_all_lost(self) -> None:
        """After a time-out nothing is in the network any more.

        RFC 2018 section 5, RFC 6675 section 5.1.

        SACK marks are forgotten too, since the peer may have discarded what it had only SACKed.
        """
        for sent in self.queue:
            if sent.sacked:
                sent.sacked = False
                self.sacked_segments -= 1
                self.pipe += sent.end - sent.seq
            sent.resent = False
            self.mark_lost(sent)

    def mark_resent(self, sent: Sent, now: int) -> None:
        """Note that the segment has just gone out again. RFC 6675 section 4."""
        if sent.lost:
            sent.lost = False
            self.lost_segments -= 1
            self.pipe += sent.end - sent.seq
        sent.resent = True
        sent.times += 1
        sent.sent_ns = now

    def lost(self) -> Iterator[Sent]:
        """Yield the lost segments in order. RFC 6675 section 4, NextSeg rule 1."""
        return (sent for sent in self.queue if sent.lost)
