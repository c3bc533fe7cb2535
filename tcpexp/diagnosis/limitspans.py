"""From reasons for every moment to intervals that a reader can follow: what goes before everything
else is laid over the rest, and what is shorter than a round trip is summed.
"""

from __future__ import annotations

from tcpexp.diagnosis.limitgaps import Pieces
from tcpexp.diagnosis.limitlanes import NONE
from tcpexp.diagnosis.limitreasons import CODES, NAMES, REASONS
from tcpexp.late import numpy as np

#: Round trips shorter than this are summed, ns; and a direction has at most so many intervals of
#: one length.
_LEAST_ROUND_NS, _MOST_ROUNDS = 1_000_000, 4_000
#: What begins and ends at moments that packets show is never summed.
_EXACT = ("opening", "closing", "repair", "silence", "marked")
_FIXED = frozenset(CODES[name] for name in _EXACT)
_LIMITS = list(dict.fromkeys(reason.limit for reason in REASONS.values()))


def overlaid(pieces: Pieces, special: list[tuple[int, int, int]]) -> Pieces:
    """Return pieces with the special ones laid over them, the earlier ones first."""
    begin = pieces.begin
    parts: list[Pieces] = []
    reached = int(begin[0]) if begin.size else 0
    cuts = []
    for start, stop, reason in special:
        low, high = max(start, reached), stop
        if high > low:
            cuts.append((low, high, reason))
            reached = high
    position = int(begin[0]) if begin.size else 0
    for low, high, reason in [*cuts, (2**63 - 1, 2**63 - 1, NONE)]:
        parts.append(_between(pieces, position, low))
        if reason != NONE:
            parts.append(Pieces.one(low, high, NAMES[reason]))
        position = high
    return Pieces.joined(parts)


def _between(pieces: Pieces, low: int, high: int) -> Pieces:
    """Return the part of the pieces between two times."""
    first = int(np.searchsorted(pieces.end, low, side="right"))
    last = int(np.searchsorted(pieces.begin, high, side="left"))
    part = slice(first, max(last, first))
    return Pieces(
        np.maximum(pieces.begin[part], low),
        np.minimum(pieces.end[part], high),
        pieces.reason[part],
        pieces.number[part],
    )


def intervals(pieces: Pieces, rtt_ns: int) -> list[tuple[int, int, int]]:
    """Return (begin, end, reason): long pieces as they are, short ones summed over round trips, and
    neighbours of one limit joined.
    """
    if not pieces.begin.size:
        return []
    spent = int(pieces.end[-1] - pieces.begin[0])
    width = max(rtt_ns, _LEAST_ROUND_NS, spent // _MOST_ROUNDS)
    merged = _merged(pieces)
    own = np.isin(merged.reason, [CODES[name] for name in _EXACT])
    long = (merged.end - merged.begin >= width) | own
    found: list[tuple[int, int, int]] = []
    at, size = 0, merged.begin.size
    while at < size:
        if long[at]:
            found.append((int(merged.begin[at]), int(merged.end[at]), int(merged.reason[at])))
            at += 1
            continue
        stop = at
        while stop < size and not long[stop]:
            stop += 1
        after = stop < size and int(merged.reason[stop]) not in _FIXED
        before = bool(found) and found[-1][2] not in _FIXED
        found += _summed(merged, at, stop, width, alone=not (before or after))
        at = stop
    return _by_limit(_closed(found, int(merged.begin[0]), int(merged.end[-1])))


def _closed(found: list[tuple[int, int, int]], begin: int, end: int) -> list[tuple[int, int, int]]:
    """Return intervals without gaps: what was too short for one of its own goes to the one before
    it, unless that ends at a moment that packets show.
    """
    closed: list[tuple[int, int, int]] = []
    for low, high, reason in found:
        if not closed:
            closed.append((begin if reason not in _FIXED else low, high, reason))
            continue
        start, stop, before = closed[-1]
        if before in _FIXED:
            closed.append((stop, high, reason))
        else:
            closed[-1] = (start, low, before)
            closed.append((low, high, reason))
    if closed and closed[-1][2] not in _FIXED:
        closed[-1] = (closed[-1][0], end, closed[-1][2])
    return closed


def _merged(pieces: Pieces) -> Pieces:
    """Return pieces with neighbours of one reason joined."""
    starts = np.flatnonzero(np.concatenate([[True], pieces.reason[1:] != pieces.reason[:-1]]))
    ends = np.append(starts[1:] - 1, pieces.reason.size - 1)
    return Pieces(
        pieces.begin[starts], pieces.end[ends], pieces.reason[starts], pieces.number[starts]
    )


def _summed(
    pieces: Pieces, first: int, stop: int, width: int, *, alone: bool
) -> list[tuple[int, int, int]]:
    """Return round trips from the short pieces ``first`` to ``stop``, each with the limit that took
    most of it, and of that limit the reason that did. Less than half a round trip is none, unless
    it is ``alone``: no neighbour can take it.
    """
    begin, end = int(pieces.begin[first]), int(pieces.end[stop - 1])
    if 2 * (end - begin) < width and not alone:
        return []
    count = max((end - begin) // width, 1)
    edges = np.linspace(begin, end, count + 1).astype(np.int64)
    times = np.append(pieces.begin[first:stop], end)
    took = np.diff(times)
    reasons = pieces.reason[first:stop]
    shares = np.zeros((len(NAMES), count))
    for code in np.unique(reasons).tolist():
        spent = np.concatenate([[0], np.cumsum(np.where(reasons == code, took, 0))])
        shares[code] = np.diff(np.interp(edges, times, spent))
    limits_of = np.array([_LIMITS.index(reason.limit) for reason in REASONS.values()])
    totals = np.zeros((len(_LIMITS), count))
    np.add.at(totals, limits_of, shares)
    best = np.argmax(totals, axis=0)
    within = np.where(limits_of[:, None] == best[None, :], shares, -1.0)
    chosen = np.argmax(within, axis=0)
    return [(int(edges[at]), int(edges[at + 1]), int(chosen[at])) for at in range(count)]


def _by_limit(found: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return neighbours of one limit as one interval, with the reason that took most of it."""
    joined: list[tuple[int, int, dict[int, int]]] = []
    for begin, end, reason in found:
        limit = REASONS[NAMES[reason]].limit
        if joined and REASONS[NAMES[next(iter(joined[-1][2]))]].limit == limit:
            start, _, spent = joined[-1]
            spent[reason] = spent.get(reason, 0) + end - begin
            joined[-1] = (start, end, spent)
        else:
            joined.append((begin, end, {reason: end - begin}))
    return [(begin, end, max(spent, key=spent.__getitem__)) for begin, end, spent in joined]
