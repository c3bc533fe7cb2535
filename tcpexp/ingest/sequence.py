"""Sequence-number arithmetic on whole columns: unwrapping, first arrivals of bytes, and round-trip
times.

Arrays in, arrays out; one element per packet, in the order of the capture. No Python loop runs over
packets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.late import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]


def unwrap_seq(seq: Int64) -> Int64:
    """Return 32-bit sequence numbers as 64-bit positions in the stream; neighbours differ by less
    than 2**31.

    RFC 9293 section 3.4: all arithmetic on sequence numbers is modulo 2**32. The first element
    stays as it is.
    """
    if seq.size == 0:
        return seq.astype(np.int64)
    steps = np.diff(seq.astype(np.int64)).astype(np.int64)
    steps = (steps + 2**31) % 2**32 - 2**31
    return np.concatenate([seq[:1].astype(np.int64), seq[0] + np.cumsum(steps)])


def first_arrival_bytes(left: Int64, length: Int64) -> Int64:
    """Return for each segment ``[left, left + length)`` how many of its bytes no earlier segment
    held.

    Exact for any overlap: the positions where segments begin and end cut the stream into pieces;
    each piece belongs to the first segment that covers it. The sum is the number of distinct bytes.
    Segments that share nothing with another, which are most of them, are not cut.
    """
    new = length.astype(np.int64)
    some = np.flatnonzero(_shares_bytes(left, left + length))
    if some.size:
        cover = _Cover(left[some], length[some])
        own = np.bincount(cover.first_owner, weights=cover.sizes, minlength=some.size)
        new[some] = own.astype(np.int64)[: some.size]
    return new


def _shares_bytes(left: Int64, right: Int64) -> NDArray[np.bool_]:
    """Return which segments may hold bytes that another one holds, too: those that begin below the
    highest byte before them, and those that they reach into.
    """
    highest = np.maximum.accumulate(right)
    shares = np.zeros(left.size, dtype=bool)
    shares[1:] = left[1:] < highest[:-1]
    rising = np.flatnonzero(~shares)  # one begins where the one before ends, or behind it
    low = np.searchsorted(right[rising], left[shares], side="right")
    high = np.maximum(np.searchsorted(left[rising], right[shares], side="left"), low)
    reached = np.zeros(rising.size + 1, dtype=np.int64)
    np.add.at(reached, low, 1)
    np.add.at(reached, high, -1)
    shares[rising[np.cumsum(reached)[:-1] > 0]] = True
    return shares


class _Cover:
    """The pieces between all edges of the segments: their sizes, first owners, and how often each
    is covered.
    """

    def __init__(self, left: Int64, length: Int64) -> None:
        self.edges = np.unique(np.concatenate([left, left + length]))
        begin = np.searchsorted(self.edges, left)
        count = np.searchsorted(self.edges, left + length) - begin
        owner = np.repeat(np.arange(left.size), count)
        offset = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
        piece = np.repeat(begin, count) + offset
        pieces = max(self.edges.size - 1, 0)
        first = np.full(pieces, -1, dtype=np.int64)
        # of repeated indices the last assignment stays: the earliest segment
        first[piece[::-1]] = owner[::-1]
        covered = first >= 0
        self.times_sent = np.bincount(piece, minlength=pieces)
        self.first_owner = first[covered]
        self.sizes = np.diff(self.edges)[covered]


@dataclass(frozen=True)
class Acks:
    """Acknowledgements as received, in capture order: number, time in ns, and the right edge of the
    newest SACK block (0 for none).
    """

    ack: Int64
    t_ns: Int64
    sack_right: Int64


def rtt_samples(left: Int64, end: Int64, sent_ns: Int64, acks: Acks) -> tuple[Int64, Int64]:
    """Return (time of the acknowledgement, round-trip time), both ns, one sample per
    acknowledgement that gives an unambiguous one.

    ``left``, ``end`` and ``sent_ns`` describe the data segments as sent, in capture order and in
    one unwrapped numbering with ``acks``. A sample is of the newest segment that an ACK covers (the
    older one of a pair waited for the receiver's delayed ACK, not for the network). It ends at the
    ACK that first covers the segment, cumulatively or because the newest SACK block ends where the
    segment does (RFC 2018 section 4: the first block holds the segment that triggered the ACK).
    Left out, after Karn (RFC 6298 section 3): segments of which a byte was sent twice, and those
    that waited behind such a byte for a cumulative ACK.
    """
    empty = np.zeros(0, dtype=np.int64)
    if left.size == 0 or acks.ack.size == 0:
        return empty, empty
    cover = _Cover(left, end - left)
    highest = np.maximum.accumulate(acks.ack)
    before = np.concatenate([[min(int(left.min()), int(highest[0]))], highest[:-1]])
    ambiguous = _bytes_sent_twice(cover, highest) > _bytes_sent_twice(cover, before)
    index = np.searchsorted(highest, end, side="left")
    found = index < acks.ack.size
    index = np.where(found, index, 0)
    never = acks.ack.size
    cumulative = np.where(found & ~ambiguous[index], index, never)
    by = np.minimum(cumulative, _sacked_by(end, acks, never))
    when = acks.t_ns[np.minimum(by, never - 1)]
    once = _bytes_sent_twice(cover, end) == _bytes_sent_twice(cover, left)
    good = once & (by != never) & (when >= sent_ns)
    by, rtt = by[good], (when - sent_ns)[good]
    order = np.lexsort((rtt, by))
    by, rtt = by[order], rtt[order]
    # per ACK, also of two that came at the same instant
    newest = np.concatenate([[True], np.diff(by) > 0])[: by.size]
    return acks.t_ns[by[newest]], rtt[newest]


def _sacked_by(end: Int64, acks: Acks, never: int) -> Int64:
    """Return which ACK's newest SACK block first ended at each ``end``, or ``never``.

    A block below the ACK repeats old data (RFC 2883).
    """
    fresh = acks.sack_right > acks.ack
    edges, first = np.unique(acks.sack_right[fresh], return_index=True)
    if edges.size == 0:
        return np.full(end.size, never, dtype=np.int64)
    index = np.clip(np.searchsorted(edges, end), 0, edges.size - 1)
    return np.where(edges[index] == end, np.flatnonzero(fresh)[first[index]], never)


def _bytes_sent_twice(cover: _Cover, position: Int64) -> Int64:
    """Return how many bytes below each ``position`` were sent more than once."""
    size = np.where(cover.times_sent > 1, np.diff(cover.edges), 0)
    total = np.concatenate([[0], np.cumsum(size)])
    index = np.clip(
        np.searchsorted(cover.edges, position, side="right") - 1, 0, cover.edges.size - 1
    )
    inside = np.append(cover.times_sent > 1, False)[index]
    partial = np.where(inside, position - cover.edges[index], 0)
    below = position < cover.edges[0]
    return np.where(below, 0, total[index] + partial).astype(np.int64)
