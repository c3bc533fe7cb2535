"""Internet checksums (RFC 1071) of many packets at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.pcap import Bytes, Int64, headers_at

#: Ranges up to this size are gathered size by size, longer ones are summed where they lie.
_SHORT_BYTES = 128


def is_wrong(data: Bytes, at: Int64, size: Int64, more: Int64 | int = 0) -> NDArray[np.bool_]:
    """Return for each range ``[at, at + size)`` of ``data``, checksum included, whether its 16-bit
    words and ``more`` do not add up.

    ``more`` is what a pseudo-header adds: a number. The ranges are in the order in which they lie
    and do not overlap.
    """
    total = ones_sum(data, at, size)
    total = _swapped(total) + more
    return np.asarray(_fold(total) != 0xFFFF)


def ones_sum(data: Bytes, at: Int64, size: Int64) -> Int64:
    """Return the folded sum of the little-endian 16-bit words of each range.

    An odd last byte counts as if a zero followed.
    """
    total = np.zeros(at.size, dtype=np.int64)
    short = size <= _SHORT_BYTES
    for length in np.unique(size[short & (size > 1)]).tolist():
        rows = np.flatnonzero(size == length)
        layout = np.dtype([("words", "<u2", (length >> 1,))])
        total[rows] = headers_at(data, at[rows], layout)["words"].sum(axis=1, dtype=np.int64)
    for parity in (0, 1):
        rows = np.flatnonzero(~short & (at & 1 == parity))
        if rows.size:
            begin = (at[rows] - parity) >> 1
            words: NDArray[np.uint16] = data[parity : parity + (data.size - parity) // 2 * 2].view(
                "<u2"
            )
            total[rows] = _sums(words, begin, begin + (size[rows] >> 1))
    odd = size & 1 == 1
    total[odd] += data[at[odd] + size[odd] - 1]
    return _fold(total)


def _sums(words: NDArray[np.uint16], begin: Int64, end: Int64) -> Int64:
    """Return the sum of ``words[begin:end]`` for each pair; ``end > begin``."""
    edges = np.empty(2 * begin.size, dtype=np.int64)
    edges[0::2], edges[1::2] = begin, end
    return np.add.reduceat(words, edges, dtype=np.uint64)[0::2].astype(np.int64)


def _fold(total: Int64) -> Int64:
    while (total > 0xFFFF).any():
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _swapped(total: Int64) -> Int64:
    """Turn sums of little-endian words into sums of big-endian ones: RFC 1071 section 2 (B)."""
    return ((total & 0xFF) << 8) | (total >> 8)
