"""What one end of a connection sent so far, piece by piece, and what became of each: repeated,
acknowledged, timed.

Used where a direction is not simply in order; it is a loop in Python over that direction's packets.
The rules are those that tcptrace's manual names for its counts (retransmitted, out of order,
round-trip times, ambiguous ACKs); the code is our own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple


class Added(NamedTuple):
    """What a packet brought: how many of its sequence numbers were there before, whether it came
    late, how many it added below the highest, the time since its first repeated number was last
    sent, and since the piece above the gap that it filled (each None without one).
    """

    repeated: int
    late: bool
    filled: int
    gap_ns: int | None
    above_ns: int | None


class Timed(NamedTuple):
    """What an ACK tells of time: ``sample``, ``ambiguous`` (since the segment was last sent) or
    ``post_loss`` (no time).
    """

    kind: str
    rtt_ns: int | None


#: A packet whose numbers all lie above those seen before.
NEW = Added(0, False, 0, None, None)


class Pieces:
    """The pieces of one direction, in the order of their sequence numbers; they do not overlap."""

    __slots__ = ("_again", "_begins", "_covered", "_ends", "_newest_ns", "_times")

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._times: list[int] = []
        self._again: list[int] = []
        #: So many pieces from the lowest on lie below the highest ACK, or begin there.
        self._covered = 0
        #: When the newest of these was last sent.
        self._newest_ns = -(1 << 62)

    def add(self, begin: int, end: int, now_ns: int) -> Added:
        """Take in a packet with the sequence numbers from ``begin`` to ``end - 1``."""
        ends = self._ends
        if not ends or begin >= ends[-1]:
            self._begins.append(begin)
            ends.append(end)
            self._times.append(now_ns)
            self._again.append(0)
            return NEW
        at = max(bisect_right(self._begins, begin) - 1, 0)
        at += ends[at] <= begin
        repeated = filled = 0
        late, gap_ns, above_ns = False, None, None
        while at < len(ends) and begin < end:
            if begin < self._begins[at]:
                late = late or end < ends[at]
                upto = min(end, self._begins[at])
                above_ns = now_ns - self._times[at] if above_ns is None else above_ns
                self._insert(at, begin, upto, now_ns)
                filled += upto - begin
                begin, at = upto, at + 1
                continue
            if not repeated:
                gap_ns = now_ns - self._times[at]
                self._send_again(at, now_ns)
            else:
                self._again[at] += 1
            upto = min(end, ends[at])
            repeated += upto - begin
            begin, at = upto, at + 1
        if begin < end:
            self._insert(at, begin, end, now_ns)
        return Added(repeated, late, filled, gap_ns, above_ns)

    def _insert(self, at: int, begin: int, end: int, now_ns: int) -> None:
        self._begins.insert(at, begin)
        self._ends.insert(at, end)
        self._times.insert(at, now_ns)
        self._again.insert(at, 0)
        if at < self._covered:
            self._covered += 1
            self._newest_ns = now_ns

    def _send_again(self, at: int, now_ns: int) -> None:
        self._again[at] += 1
        self._times[at] = now_ns
        if at < self._covered:
            self._newest_ns = now_ns

    def acknowledge(self, ack: int, now_ns: int) -> Timed | None:
        """Take in an ACK: all numbers below ``ack`` arrived.

        A piece gives a time when its end is what is acknowledged: of one that was sent once, and
        before which nothing was sent later, a sample (Karn's algorithm, RFC 6298 section 3).
        """
        begin, begins = self._covered, self._begins
        if begin == len(begins) or begins[begin] >= ack:
            return None
        end = bisect_left(begins, ack, begin)
        self._covered = end
        newest = max(self._newest_ns, *self._times[begin:end])
        self._newest_ns = newest
        last = end - 1
        if self._ends[last] != ack:
            return None
        if newest > self._times[last]:
            return Timed("post_loss", None)
        kind = "ambiguous" if self._again[last] else "sample"
        return Timed(kind, now_ns - self._times[last])
