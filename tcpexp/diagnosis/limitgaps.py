"""Why the next new segment of a direction was not sent earlier: a reason for the time before each.

Two facts decide. A segment that leaves just when an ACK or a window update comes was waiting for
it. And a segment that does not leave though there is room was not there yet: had it waited, it
would have left with the ACK that made room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.diagnosis.limitreasons import CODES
from tcpexp.diagnosis.limitrounds import Rounds, Stream
from tcpexp.late import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Truths = NDArray[np.bool_]

_NEVER = 2**63 - 1
#: What leaves within this share of a round trip behind an ACK, and within these bounds (ns), left
#: because of it: the sender's own time from the one to the other.
_PROMPT_SHARE, _PROMPT_LEAST, _PROMPT_MOST = 20, 20_000, 1_000_000
#: ... and this share at a capture that lies far from the sender, where both delays vary.
_FAR_SHARE = 8
#: At a far capture what follows a full segment within this time, ns, may have been on its way; it
#: comes evenly when so many times are within this factor of their median.
_APART_NS, _EVEN_FEWEST, _EVEN = 200_000_000, 10, 1.5
#: A pause of nobody's turn counts as idle from here on, ns: the least retransmission timeout of RFC
#: 6298 section 2.4.
PAUSE_NS = 1_000_000_000


@dataclass(frozen=True)
class Pieces:
    """Stretches of time, each with the code of its reason and the number of the packet that ended
    it.
    """

    begin: Ints
    end: Ints
    reason: Ints
    number: Ints

    @classmethod
    def joined(cls, parts: list[Pieces]) -> Pieces:
        """Return all pieces in the order of time, those without length left out."""
        fields = ("begin", "end", "reason", "number")
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in fields]
        kept = columns[1] > columns[0]
        order = np.argsort(columns[0][kept], kind="stable")
        return cls(*(column[kept][order] for column in columns))

    @classmethod
    def one(cls, begin: int, end: int, reason: str, number: int = -1) -> Pieces:
        """Return a single piece."""
        values = (begin, end, CODES[reason], number)
        return cls(*(np.array([value], dtype=np.int64) for value in values))


def prompt_ns(stream: Stream) -> int:
    """Return how long behind an ACK a segment may leave that was waiting for it."""
    rtt = stream.least_rtt
    if rtt is None:
        return _PROMPT_MOST
    near = min(max(rtt // _PROMPT_SHARE, _PROMPT_LEAST), _PROMPT_MOST)
    return max(near, rtt // _FAR_SHARE) if stream.far else near


def gap_pieces(stream: Stream, rounds: Rounds) -> Pieces:
    """Return the pieces between the departures of a direction's new segments, without a gap."""
    lane = stream.lane
    fresh = np.flatnonzero(stream.new)
    if fresh.size < 2:
        return Pieces(*(np.zeros(0, dtype=np.int64) for _ in range(4)))
    gaps = _Gaps(stream, fresh)
    reason = gaps.reasons()
    held = np.isin(reason, [CODES[name] for name in ("clocked", "late", "even")])
    # a queue at the bottleneck says that more could not have got through
    brief = gaps.stop - gaps.start < max(stream.rtt or 0, 1)
    queue = held & brief & rounds.queue_at(gaps.start)
    reason[queue] = CODES["queue"]
    hidden, even = gaps.hidden(reason)
    reason[hidden] = CODES["undecided"]
    reason[even] = CODES["spaced"]
    number = lane.number[fresh[1:]]
    begin, end = gaps.start, gaps.stop
    # from when on nothing was in flight
    empty = np.clip(gaps.emptied, begin, end)
    waited = gaps.waiting & ~hidden
    # ... until then the last ACKs were on their way
    reason[waited & (reason != CODES["queue"])] = CODES["sent"]
    under_way = Pieces(begin, np.where(waited, empty, end), reason, number)
    # ... the other end had its turn until its last data
    heard = np.clip(_last_before(lane.other_data_ns + (lane.beyond_ns or 0), end), empty, end)
    theirs = _some(waited, empty, heard, np.full(end.size, CODES["other"]), number)
    spoken = heard > empty
    long = ~spoken & ~gaps.answers & (end - heard >= PAUSE_NS)
    own = np.where(long, CODES["pause"], CODES["turn"])
    ours = _some(waited, heard, end, own, number)
    return Pieces.joined([under_way, theirs, ours])


def _some(mask: Truths, begin: Ints, end: Ints, reason: Ints, number: Ints) -> Pieces:
    return Pieces(begin[mask], end[mask], reason[mask].astype(np.int64), number[mask])


def _last_before(times: Ints, moments: Ints) -> Ints:
    at = np.searchsorted(times, moments, side="right") - 1
    if not times.size:
        return np.full(moments.size, -_NEVER, dtype=np.int64)
    return np.where(at >= 0, times[np.maximum(at, 0)], -_NEVER)


class _Gaps:
    """The times between the departures of new segments, and what is true of each."""

    def __init__(self, stream: Stream, fresh: Ints) -> None:
        lane = stream.lane
        self.stream, self.prompt = stream, prompt_ns(stream)
        before, after = fresh[:-1], fresh[1:]
        self.start, self.stop = lane.sent_ns[before], lane.sent_ns[after]
        self.size = lane.end[after] - lane.begin[after]
        self.sent_size = lane.end[before] - lane.begin[before]
        self.top = stream.top[before]
        need = np.minimum(self.size, lane.mss)
        #: When the window let the next segment pass, when so much had been acknowledged as it
        #: holds, and when all was.
        self.opened = stream.when(stream.edge, self.top + need)
        una = stream.acked_by(self.start)
        self.freed = stream.when(stream.una, una + np.maximum(self.size, 1))
        self.emptied = stream.when(stream.una, self.top)
        self.edge = stream.edge_by(self.start)
        # before its first ACK nobody knows of a window that is in the way
        self.opened[self.edge >= self.top + need] = -_NEVER
        self.zero = self.edge <= una
        if not lane.scale_known:
            self._see_closed()
        self.window = self._by_window(fresh)
        self.answers = self._answers(lane.other_data_ns + (lane.beyond_ns or 0))

    def _see_closed(self) -> None:
        """Take in closed windows where the scale is not known: 0 is 0 with any scale."""
        lane = self.stream.lane
        shut = lane.window == 0
        begins = np.flatnonzero(shut & ~np.concatenate([[False], shut[:-1]]))
        if not begins.size:
            return
        opens = np.flatnonzero(~shut & np.concatenate([[False], shut[:-1]]))
        ends = np.append(lane.effect_ns[opens], _NEVER)[: begins.size]
        at = np.searchsorted(lane.effect_ns[begins], self.stop, side="left") - 1
        end = np.where(at >= 0, ends[np.maximum(at, 0)], -_NEVER)
        within = end > self.start
        self.opened = np.where(within, end, self.opened)
        self.zero = self.zero | within

    def _by_window(self, fresh: Ints) -> Truths:
        """Return where the receive window kept the next segment back.

        It was full, and the segment left as soon as the window let it; or the sender tried the
        closed window meanwhile. Or the segment is short and fills the window to its edge: the
        sender had waited for room for a full one (RFC 9293 section 3.8.6.2.1).
        """
        full = self.opened > self.start
        let = self.stop <= np.minimum(self.opened, _NEVER - self.prompt) + self.prompt
        lane = self.stream.lane
        tried = np.searchsorted(lane.probe_ns, self.stop) > np.searchsorted(
            lane.probe_ns, np.minimum(np.maximum(self.start, self.emptied), self.stop)
        )
        reached = self.stream.edge_by(self.stop)
        fills = (self.size < lane.mss) & (self.stream.top[fresh[1:]] == reached)
        kept: Truths = (full & (let | tried)) | fills
        return kept

    def _answers(self, heard: Ints) -> Truths:
        """Return whether the other end's data came since the last segment of one's own."""
        last = _last_before(heard, self.stop)
        return last > self.start

    def hidden(self, reason: Ints) -> tuple[Truths, Truths]:
        """Return where it is not known whether the next segment was on its way already, and where
        it comes at an even distance as from a bottleneck.

        That is so behind a full segment at a capture far from the sender, where no time stamps
        tell of a queue before the capture.
        """
        lane = self.stream.lane
        none = np.zeros(self.stop.size, dtype=np.bool_)
        if not self.stream.far or (lane.followed and lane.beyond_ns is not None):
            return none, none
        open_ended = np.isin(reason, [CODES[name] for name in ("late", "even")]) | (
            self.waiting & (reason != CODES["emptied"]) & (reason != CODES["nagle"])
        )
        gap = self.stop - self.start
        hidden = open_ended & (self.sent_size % lane.mss == 0) & (gap < _APART_NS)
        clocked = (reason == CODES["clocked"]) & (self.sent_size % lane.mss == 0)
        full = (hidden | clocked) & (gap > 0)
        if np.count_nonzero(full) < _EVEN_FEWEST:
            return hidden, none
        middle = float(np.median(gap[full]))
        even = full & (gap * _EVEN >= middle) & (gap <= _EVEN * middle)
        mostly = np.count_nonzero(even) * 2 > np.count_nonzero(full)
        return hidden, even if mostly else none

    @property
    def waiting(self) -> Truths:
        """Whether all was acknowledged some time before the next segment left, and the window did
        not keep it.
        """
        return ((self.emptied < self.stop - self.prompt) | self._turned) & ~self.window

    @property
    def _turned(self) -> Truths:
        """Whether the next segment left with an ACK of all that carried data, as an answer."""
        return (self.emptied <= self.stop) & self.answers

    def reasons(self) -> Ints:
        """Return the code of each gap's reason, as far as something was in flight."""
        window = self.window
        near = self._near_ack()
        freed = np.minimum(self.freed, _NEVER - self.prompt) + self.prompt
        released = near & (self.stop <= freed)
        mss = self.stream.lane.mss
        cut = self.top >= self.edge
        short = (self.sent_size % mss != 0) & ~cut
        alone = near & (self.emptied <= self.stop) & ~self._turned & (self.size % mss != 0)
        late = self.stop > freed
        reason = np.full(self.stop.size, CODES["even"], dtype=np.int64)
        for mask, name in (
            (late, "late"),
            (released, "clocked"),
            (short, "emptied"),
            (short & alone, "nagle"),
            (window, "window_full"),
            (window & self.zero, "window_zero"),
        ):
            reason[mask] = CODES[name]
        return _carried(reason, (self.stop - self.start <= self.prompt) & ~near)

    def _near_ack(self) -> Truths:
        """Return whether an ACK of something new came just before each segment left."""
        una, lane = self.stream.una, self.stream.lane
        rises = np.concatenate([[True], una[1:] > una[:-1]]) if una.size else np.zeros(0, bool)
        times = lane.effect_ns[rises | lane.selective]
        near: Truths = self.stop - _last_before(times, self.stop) <= self.prompt
        return near


def _carried(reason: Ints, follows: Truths) -> Ints:
    """Return reasons where what leaves at once behind another segment has that one's reason."""
    own = np.flatnonzero(~follows)
    if not own.size:
        return reason
    at = np.searchsorted(own, np.arange(reason.size), side="right") - 1
    carried: Ints = reason[own[np.maximum(at, 0)]]
    return carried
