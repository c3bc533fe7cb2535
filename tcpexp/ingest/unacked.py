"""The segments of one direction that nobody has acknowledged yet, for round-trip times and bytes in
flight as Wireshark counts them.
"""

from __future__ import annotations

from collections import deque

MASK, HALF = 0xFFFFFFFF, 0x80000000
#: So many are remembered; Wireshark 4.0 forgets what comes beyond.
MOST = 10_000
#: Stands for no round-trip time; a real one may be negative when time went backwards.
NO_RTT = -(1 << 62)

# first byte, byte behind the last, when it was captured (ns), how many came before it
Segment = list[int]


class Unacked:
    """Segments in flight. Those in order are apart from the few that are not, so that an ACK seldom
    looks at many.
    """

    __slots__ = ("_added", "_in_order", "_others")

    def __init__(self) -> None:
        self._in_order: deque[Segment] = deque()
        self._others: list[Segment] = []
        self._added = 0

    def add(self, begin: int, end: int, at_ns: int) -> None:
        """Remember a segment, also one that is sent again."""
        if len(self._in_order) + len(self._others) >= MOST:
            return
        self._added += 1
        segment = [begin, end, at_ns, self._added]
        if not self._in_order or (begin - self._in_order[-1][1]) & MASK < HALF:
            self._in_order.append(segment)
        else:
            self._others.append(segment)

    def acknowledge(self, ack: int, now_ns: int) -> int:
        """Forget what ``ack`` covers.

        Return the time since the first segment that ends there was captured; ``NO_RTT`` when none
        does, or no time passed.
        """
        matches = []
        in_order = self._in_order
        while in_order and (ack - in_order[0][1]) & MASK < HALF:
            segment = in_order.popleft()
            if segment[1] == ack:
                matches.append(segment)
        if in_order and 0 < (ack - in_order[0][0]) & MASK < HALF:
            in_order[0][0] = ack
        if self._others:
            matches += self._acknowledge_others(ack)
        if not matches:
            return NO_RTT
        first = matches[0] if len(matches) == 1 else min(matches, key=_age)
        return now_ns - first[2] or NO_RTT

    def _acknowledge_others(self, ack: int) -> list[Segment]:
        left, matches = [], []
        for segment in self._others:
            if segment[1] == ack:
                matches.append(segment)
            if (ack - segment[1]) & MASK < HALF:
                continue
            if 0 < (ack - segment[0]) & MASK < HALF:
                segment[0] = ack
            left.append(segment)
        self._others = left
        return matches

    def oldest_ns(self) -> int | None:
        """Return when the segment that was remembered first was captured.

        None when there is none.
        """
        candidates = [*list(self._in_order)[:1], *self._others[:1]]
        return min(candidates, key=_age)[2] if candidates else None

    def extent(self, base: int) -> int:
        """Return the bytes between the lowest and the highest, counted from ``base`` without a
        sign; 0 when there is none.
        """
        in_order = self._in_order
        if not in_order and not self._others:
            return 0
        low, high = MASK, 0
        if in_order:
            low, high = (in_order[0][0] - base) & MASK, (in_order[-1][1] - base) & MASK
            if low > high:  # the numbers pass the base within: look at each
                low, high = _extent(in_order, base)
        if self._others:
            others = _extent(self._others, base)
            low, high = min(low, others[0]), max(high, others[1])
        return (high - low) & MASK


def _age(segment: Segment) -> int:
    return segment[3]


def _extent(segments: deque[Segment] | list[Segment], base: int) -> tuple[int, int]:
    return min((segment[0] - base) & MASK for segment in segments), max(
        (segment[1] - base) & MASK for segment in segments
    )
