"""Sequence-number arithmetic on whole columns: unwrapping, first arrivals of bytes, and round-trip times.

Arrays in, arrays out; one element per packet, in the order of the capture. No Python loop runs over packets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


def unwrap_seq(seq: Int64) -> Int64:
    """Return 32-bit sequence numbers as 64-bit positions in the stream; neighbours differ by less than 2**31.

    RFC 9293 section 3.4: all arithmetic on sequence numbers is modulo 2**32. The first element stays as it is.
    """
    if seq.size == 0:
        return seq.astype(np.int64)
    steps = np.diff(seq.astype(np.int64)).astype(np.int64)
    steps = (steps + 2**31) % 2**32 - 2**31
    return np.concatenate([seq[:1].astype(np.int64), seq[0] + np.cumsum(steps)])


def first_arrival_bytes(left: Int64, length: Int64) -> Int64:
    """Return for each segment ``[left, left + length)`` how many of its bytes no earlier segment held.

    Exact for any overlap: the positions where segments begin and end cut the stream into pieces; each piece belongs to the
    first segment that covers it. The sum is the number of distinct bytes.
    """
    cover = _Cover(left, length)
    return np.bincount(cover.first_owner, weights=cover.sizes, minlength=left.size).astype(np.int64)[: left.size]


class _Cover:
    """The pieces between all edges of the segments: their sizes, first owners, and how often each is covered."""

    def __init__(self, left: Int64, length: Int64) -> None:
        self.edges = np.unique(np.concatenate([left, left + length]))
        begin = np.searchsorted(self.edges, left)
        count = np.searchsorted(self.edges, left + length) - begin
        owner = np.repeat(np.arange(left.size), count)
        offset = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
        piece = np.repeat(begin, count) + offset
        pieces = max(self.edges.size - 1, 0)
        first = np.full(pieces, -1, dtype=np.int64)
        first[piece[::-1]] = owner[::-1]  # of repeated indices the last assignment stays: the earliest segment
        covered = first >= 0
        self.times_sent = np.bincount(piece, minlength=pieces)
        self.first_owner = first[covered]
        self.sizes = np.diff(self.edges)[covered]


def rtt_samples(seq_end: Int64, seq_left: Int64, sent_ns: Int64, ack: Int64, ack_ns: Int64) -> tuple[Int64, Int64]:
    """Return (time of the ACK, round-trip time), both ns, of each data segment that gives an unambiguous sample.

    ``seq_left``, ``seq_end`` and ``sent_ns`` describe the data segments as sent, ``ack`` and ``ack_ns`` the acknowledgements as received;
    both are in capture order, in one unwrapped numbering. A segment's sample ends at the first ACK that covers all of it.
    No sample comes from an ACK that newly covers a byte that was sent twice (Karn's algorithm, RFC 6298 section 3): which
    copy it answers is unknown, and segments behind the hole waited for its repair.
    """
    empty = np.zeros(0, dtype=np.int64)
    if seq_left.size == 0 or ack.size == 0:
        return empty, empty
    cover = _Cover(seq_left, seq_end - seq_left)
    highest = np.maximum.accumulate(ack)
    before = np.concatenate([[min(int(seq_left.min()), int(highest[0]))], highest[:-1]])
    ambiguous = _bytes_sent_twice(cover, highest) > _bytes_sent_twice(cover, before)
    index = np.searchsorted(highest, seq_end, side="left")
    found = index < ack.size
    index = np.where(found, index, 0)
    good = found & ~ambiguous[index] & (ack_ns[index] >= sent_ns)
    return ack_ns[index][good], (ack_ns[index] - sent_ns)[good]


def _bytes_sent_twice(cover: _Cover, position: Int64) -> Int64:
    """Return how many bytes below each ``position`` were sent more than once."""
    size = np.where(cover.times_sent > 1, np.diff(cover.edges), 0)
    total = np.concatenate([[0], np.cumsum(size)])
    index = np.clip(np.searchsorted(cover.edges, position, side="right") - 1, 0, cover.edges.size - 1)
    inside = np.append(cover.times_sent > 1, False)[index]
    partial = np.where(inside, position - cover.edges[index], 0)
    below = position < cover.edges[0]
    return np.where(below, 0, total[index] + partial).astype(np.int64)
