"""When a sender repaired losses: from what it sent again until all was acknowledged that had been
under way (RFC 6675's recovery point), and the silence before a timer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.diagnosis.limitrounds import Stream
from tcpexp.late import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Truths = NDArray[np.bool_]


#: Shorter silences are no timer's.
_LEAST_TIMEOUT_NS, _USUAL_TIMEOUT_NS = 10_000_000, 200_000_000


@dataclass(frozen=True)
class Repair:
    """One recovery.

    ``begin_ns`` is when the first segment was sent again, ``silent_ns`` since when nothing had
    come or gone before, where a timer had to notice; else the same. ``numbers`` are the packets
    sent again.
    """

    silent_ns: int
    begin_ns: int
    end_ns: int
    numbers: tuple[int, ...]


def repairs_of(stream: Stream) -> list[Repair]:
    """Return the recoveries of a direction in order.

    What was acknowledged before it was sent again, what tries a closed window, and what comes late
    within half a round trip (reordered before the capture) repairs nothing. Nor does a tail loss
    probe (RFC 8985 section 7) whose ACK comes sooner than it could: it is that of the original.
    """
    lane = stream.lane
    again = np.flatnonzero(~stream.new)
    if not again.size:
        return []
    t, end = lane.sent_ns[again], lane.end[again]
    acked = stream.acked_by(t) >= end
    closed = stream.edge_by(t) < end
    passed = lane.sent_ns[np.searchsorted(stream.top, lane.begin[again], side="right")]
    soon = t - passed < (stream.least_rtt or 0) // 2
    answered = stream.when(stream.una, end) - t < (stream.least_rtt or 0) // 2
    needless = answered & (end == stream.top[again])
    rows = again[~acked & ~closed & ~soon & ~needless]
    found: list[Repair] = []
    for row in rows.tolist():
        begin = int(lane.sent_ns[row])
        if found and begin <= found[-1].end_ns:
            last = found[-1]
            found[-1] = Repair(
                last.silent_ns, last.begin_ns, last.end_ns, (*last.numbers, int(lane.number[row]))
            )
            continue
        point = int(stream.top[row])
        at = int(np.searchsorted(stream.una, point, side="left"))
        over = int(lane.effect_ns[at]) if at < stream.una.size else lane.last_ns
        found.append(
            Repair(_silent(stream, row, begin), begin, max(over, begin), (int(lane.number[row]),))
        )
    return found


def _silent(stream: Stream, row: int, begin: int) -> int:
    """Return since when nothing had come or gone, else ``begin``: for longer than one and a half
    round trips and 10 ms, or where none is known than the usual least timeout, 200 ms.
    """
    lane = stream.lane
    sent = int(lane.sent_ns[row - 1]) if row else begin
    at = int(np.searchsorted(lane.effect_ns, begin, side="left")) - 1
    heard = int(lane.effect_ns[at]) if at >= 0 else sent
    last = max(sent, heard)
    rtt = stream.rtt
    least = _USUAL_TIMEOUT_NS if rtt is None else max(3 * rtt // 2, _LEAST_TIMEOUT_NS)
    return last if begin - last > least else begin
