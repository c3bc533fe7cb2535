"""Round trips of one direction of a connection: their lengths, and whether a queue stood in one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.diagnosis.limitlanes import Lane, stamps_after
from tcpexp.ingest.sequence import first_arrival_bytes
from tcpexp.late import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Truths = NDArray[np.bool_]

#: A round-trip time counts as the least one up to this share above it, or this many ns.
_NEAR, _NEAR_NS = 0.1, 200_000
#: How often a sender's time stamps count in a second: what RFC 7323 section 5.4 allows is 1 to
#: 1000; these are in use. What is measured may be this share off.
_RATES, _RATE_OFF = (1000, 250, 100, 10, 2), 0.02
#: A queue is said to stand where so many round-trip times were taken in the round.
_FEW = 3


@dataclass(frozen=True)
class Stream:
    """A lane with what follows from it: which segments are new, what was acknowledged, windows.

    ``new`` marks segments that go beyond all before; ``top`` is the highest byte sent so far,
    ``una`` the highest one acknowledged so far and ``edge`` the furthest that the receive window
    reached, after each ACK. ``rtt_at`` and ``rtt_ns`` are the round-trip times of segments sent
    once. ``fresh`` is how many bytes of each segment were in none before it.
    """

    lane: Lane
    new: Truths
    top: Ints
    una: Ints
    edge: Ints
    rtt_at: Ints
    rtt_ns: Ints
    fresh: Ints

    @property
    def rtt(self) -> int | None:
        """The median round-trip time, ns, None where there is none."""
        return int(np.median(self.rtt_ns)) if self.rtt_ns.size else None

    @property
    def least_rtt(self) -> int | None:
        """The least round-trip time, ns, None where there is none."""
        return int(self.rtt_ns.min()) if self.rtt_ns.size else None

    @property
    def far(self) -> bool:
        """Whether the capture lies nearer to the receiver, or nobody knows where it lies."""
        least, beyond = self.least_rtt, self.lane.beyond_ns
        return least is None or beyond is None or 4 * beyond > least

    def acked_by(self, t: Ints) -> Ints:
        """Return the highest byte that was acknowledged by each time."""
        return _stand(self.lane.effect_ns, self.una, t, 1)

    def edge_by(self, t: Ints) -> Ints:
        """Return how far the receive window reached by each time."""
        return _stand(self.lane.effect_ns, self.edge, t, np.iinfo(np.int64).max // 2)

    def when(self, levels: Ints, values: Ints) -> Ints:
        """Return when ``levels`` (una or edge) first reached ``values``; never: the largest."""
        at = np.searchsorted(levels, values, side="left")
        found = np.full(at.size, np.iinfo(np.int64).max, dtype=np.int64)
        known = at < levels.size
        found[known] = self.lane.effect_ns[at[known]]
        return found


def _stand(times: Ints, levels: Ints, t: Ints, before: int) -> Ints:
    at = np.searchsorted(times, t, side="right") - 1
    if not times.size:
        return np.full(np.shape(t), before, dtype=np.int64)
    return np.where(at >= 0, levels[np.maximum(at, 0)], before)


def stream_of(lane: Lane) -> Stream:
    """Return what follows from a lane's segments and ACKs."""
    top = np.maximum.accumulate(lane.end)
    before = np.concatenate([[lane.begin[0]], top[:-1]])
    new = lane.end > before
    una = np.maximum.accumulate(lane.ack_to) if lane.ack_to.size else lane.ack_to
    reach = np.where(lane.window < 0, np.iinfo(np.int64).max // 2, lane.ack_to + lane.window)
    edge = np.maximum.accumulate(reach) if reach.size else reach
    rtt_at, rtt_ns = _round_trips(lane, new, top, una)
    fresh = first_arrival_bytes(lane.begin, lane.end - lane.begin)
    return Stream(lane, new, top, una, edge, rtt_at, rtt_ns, fresh)


def _round_trips(lane: Lane, new: Truths, top: Ints, una: Ints) -> tuple[Ints, Ints]:
    """Return when ACKs took effect and the time since the newest segment that each is the first to
    cover. With anything sent again meanwhile there is none (Karn's algorithm, RFC 6298 section 3).
    """
    none = np.zeros(0, dtype=np.int64)
    fresh = np.flatnonzero(new)
    if not una.size:
        return none, none
    ends, times = lane.end[fresh], lane.sent_ns[fresh]
    rises = np.concatenate([[una[0] > 1], una[1:] > una[:-1]])
    acks = np.flatnonzero(rises)
    newest = np.searchsorted(ends, una[acks], side="right") - 1
    fits = newest >= 0
    acks, newest = acks[fits], newest[fits]
    # the newest one must be newly covered
    first = np.concatenate([[True], newest[1:] > newest[:-1]]) if newest.size else newest > 0
    acks, newest = acks[first], newest[first]
    arrived, left = lane.effect_ns[acks], times[newest]
    again = lane.sent_ns[~new]
    between = np.searchsorted(again, arrived, "right") - np.searchsorted(again, left, "left")
    good = (between == 0) & (arrived >= left)
    return arrived[good], (arrived - left)[good]


@dataclass(frozen=True)
class Rounds:
    """Round trips, each from a segment's departure to its ACK: where they begin, and whether a
    queue stood all the time in each.
    """

    begin_ns: Ints
    queue: Truths

    def queue_at(self, t: Ints) -> Truths:
        """Return whether a queue stood in the round trip of each time."""
        if not self.begin_ns.size:
            return np.zeros(t.size, dtype=np.bool_)
        at = np.maximum(np.searchsorted(self.begin_ns, t, side="right") - 1, 0)
        found: Truths = self.queue[at]
        return found


def rounds_of(stream: Stream) -> Rounds:
    """Return the round trips of a direction.

    A queue stood in one when no round-trip time in it came near the least one of the connection: a
    packet that found no queue would have taken no longer than that. Where the queue lies between
    the sender and the capture, the sender's time stamps show it too.
    """
    lane = stream.lane
    begins: list[int] = []
    # plain lists: each round asks for a few places only
    sent, effect, top, una = (
        column.tolist() for column in (lane.sent_ns, lane.effect_ns, stream.top, stream.una)
    )
    now, last, place, at = sent[0], sent[-1], 0, 0
    while now <= last and una:
        begins.append(now)
        # places only ever grow
        place = bisect_right(sent, now, lo=place)
        at = bisect_left(una, top[place - 1], lo=at)
        if at >= len(una):
            break
        after = effect[at]
        if after <= now:
            # nothing was in flight: the next round begins with what is sent next
            if place >= len(sent):
                break
            after = sent[place]
        now = max(after, now + 1)
    begin = np.array(begins, dtype=np.int64)
    return Rounds(begin, _queues(stream, begin))


def _queues(stream: Stream, begin: Ints) -> Truths:
    least = stream.least_rtt
    if least is None or not begin.size:
        return np.zeros(begin.size, dtype=np.bool_)
    bound = max(int(least * _NEAR), _NEAR_NS)
    stands = _above(begin, stream.rtt_at, stream.rtt_ns, least + bound)
    if stream.far:
        at, waited, tick = upstream_delays(stream.lane)
        stands |= _above(begin, at, waited, max(bound, 2 * tick))
    return stands


def _above(begin: Ints, at: Ints, values: Ints, bound: int) -> Truths:
    """Return in which rounds there are enough values and all lie above ``bound``."""
    which = np.searchsorted(begin, at, side="right") - 1
    kept = which >= 0
    lowest = np.full(begin.size, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(lowest, which[kept], values[kept])
    count = np.bincount(which[kept], minlength=begin.size)
    result: Truths = (count >= _FEW) & (lowest > bound)
    return result


def upstream_delays(lane: Lane) -> tuple[Ints, Ints, int]:
    """Return when segments passed, how much longer than the fastest one each had been on its way to
    the capture (ns), and how coarse that is (ns): by the time stamps that the sender put in.

    Nothing where it put none in, or its clock's rate is none of those in use.
    """
    none = np.zeros(0, dtype=np.int64)
    stamped = np.flatnonzero(lane.stamp > 0)
    if stamped.size < 2 * _FEW:
        return none, none, 0
    t = lane.sent_ns[stamped]
    counted = stamps_after(lane.stamp[stamped], int(lane.stamp[stamped[0]]))
    span = int(t[-1] - t[0])
    if span <= 0:
        return none, none, 0
    measured = float(counted[-1]) * 1e9 / span
    rate = min(_RATES, key=lambda known: abs(measured - known) / known)
    tick = 1_000_000_000 // rate
    if abs(measured - rate) > rate * _RATE_OFF + 2e9 / span:
        return none, none, 0
    late = t - counted * tick
    return t, late - late.min(), tick
