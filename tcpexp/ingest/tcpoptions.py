"""The options of TCP headers to columns (RFC 9293 section 3.2, RFC 7323, RFC 2018), many packets at
once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.mptcpoptions import MptcpOptions
from tcpexp.ingest.pcap import Bytes, Int64, UnusualCaptureError, headers_at

_END, _NOP, _MSS, _WSCALE, _SACK_PERMITTED, _SACK, _TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
#: Lengths that these options must have.
_LENGTHS = {_MSS: 4, _WSCALE: 3, _SACK_PERMITTED: 2, _TIMESTAMPS: 10}
_MPTCP = 30
_FAST_OPEN = 34
#: Accurate ECN: it is skipped, for nothing of it is in the tables.
_SKIPPED = (172, 174)
_HEADER_BYTES = 20
_MOST_BLOCKS = 4
_USUAL = 0x0101080A  # two NOPs, time stamps: all that most packets have
_STAMPS = np.dtype([("kind", ">u4"), ("ts_val", ">u4"), ("ts_ecr", ">u4")])
_TWO = np.dtype([("kind", "u1"), ("length", "u1")])
_WORD, _SHORT = np.dtype([("value", ">u4")]), np.dtype([("value", ">u2")])


@dataclass(frozen=True)
class Options:
    """A column per option, -1 without it.

    ``sack_edges`` has a column for each edge (left, right, left...), raw numbers.
    """

    mss: Int64
    wscale: Int64
    ts_val: Int64
    ts_ecr: Int64
    sack_permitted: NDArray[np.bool_]
    sack_count: Int64
    sack_edges: Int64
    fast_open: Int64
    mptcp: MptcpOptions


def read_options(data: Bytes, at: Int64, header_bytes: Int64) -> Options:
    """Return the options of the TCP headers that begin at ``at``.

    Raises ``UnusualCaptureError`` for options that are left to tshark.
    """
    count = at.size
    mss, wscale, ts_val, ts_ecr = (np.full(count, -1, dtype=np.int64) for _ in range(4))
    edges = np.full((count, 2 * _MOST_BLOCKS), -1, dtype=np.int64)
    found = Options(
        mss,
        wscale,
        ts_val,
        ts_ecr,
        np.zeros(count, dtype=np.bool_),
        np.zeros(count, dtype=np.int64),
        edges,
        np.full(count, -1, dtype=np.int64),
        MptcpOptions.none(count),
    )
    begin, end = at + _HEADER_BYTES, at + header_bytes
    has = np.flatnonzero(header_bytes >= _HEADER_BYTES + _STAMPS.itemsize)
    usual = has[_read_usual(data, begin, has, found)]
    begin[usual] += _STAMPS.itemsize
    rows = np.flatnonzero(begin < end)
    while rows.size:
        rows = _step(data, rows, begin, end, found)
    return found


def _read_usual(data: Bytes, begin: Int64, rows: Int64, found: Options) -> NDArray[np.bool_]:
    head = headers_at(data, begin[rows], _STAMPS)
    usual = np.asarray(head["kind"] == _USUAL)
    found.ts_val[rows[usual]] = head["ts_val"][usual]
    found.ts_ecr[rows[usual]] = head["ts_ecr"][usual]
    return usual


def _step(data: Bytes, rows: Int64, begin: Int64, end: Int64, found: Options) -> Int64:
    """Read one option of each of ``rows``, move ``begin`` behind it, and return the rows that have
    more.
    """
    head = headers_at(data, begin[rows], _TWO)
    kind, length = head["kind"].astype(np.int64), head["length"].astype(np.int64)
    length[kind == _NOP] = 1
    length[kind == _END] = (end - begin)[rows][kind == _END]
    if ((length < 1) | (begin[rows] + length > end[rows]) | ((length < 2) & (kind > _NOP))).any():
        raise UnusualCaptureError("TCP options whose lengths cannot be right")
    for number in np.unique(kind):
        if number > _NOP:
            which = kind == number
            _take(data, int(number), rows[which], begin[rows[which]], length[which], found)
    begin[rows] += length
    left: Int64 = rows[begin[rows] < end[rows]]
    return left


def _take(data: Bytes, kind: int, rows: Int64, at: Int64, length: Int64, found: Options) -> None:
    if kind == _SACK:
        _take_sack(data, rows, at, length, found)
        return
    if kind == _FAST_OPEN:
        _first(found.fast_open, rows, length - 2)
        return
    if kind in _SKIPPED:
        return
    if kind == _MPTCP:
        found.mptcp.take(data, rows, at, length)
        return
    if kind not in _LENGTHS or (length != _LENGTHS[kind]).any():
        raise UnusualCaptureError(f"a TCP option of kind {kind}")
    if kind == _MSS:
        _first(found.mss, rows, headers_at(data, at + 2, _SHORT)["value"])
    elif kind == _WSCALE:
        _first(found.wscale, rows, data[at + 2])
    elif kind == _SACK_PERMITTED:
        found.sack_permitted[rows] = True
    else:
        _first(found.ts_val, rows, headers_at(data, at + 2, _WORD)["value"])
        _first(found.ts_ecr, rows, headers_at(data, at + 6, _WORD)["value"])


def _first(column: Int64, rows: Int64, values: NDArray[np.generic]) -> None:
    if (column[rows] >= 0).any():
        raise UnusualCaptureError("a TCP option that occurs twice")
    column[rows] = values


def _take_sack(data: Bytes, rows: Int64, at: Int64, length: Int64, found: Options) -> None:
    blocks = (length - 2) // 8
    if (length != 2 + 8 * blocks).any() or (blocks < 1).any() or (found.sack_count[rows] > 0).any():
        raise UnusualCaptureError("a SACK option whose length cannot be right")
    found.sack_count[rows] = blocks
    for edge in range(2 * int(blocks.max())):
        has = 2 * blocks > edge
        found.sack_edges[rows[has], edge] = headers_at(data, at[has] + 2 + 4 * edge, _WORD)["value"]
