"""The options of TCP headers to columns, whatever they hold (RFC 9293 section 3.1).

Reading of a header's options ends at the first one that cannot be right; the packet is then marked.
Of an option that occurs twice the first counts.
"""

from __future__ import annotations

import numpy as np

from tcpexp.ingest.foreign.frames import MOST_BLOCKS, Frames
from tcpexp.ingest.mptcpoptions import MptcpOptions
from tcpexp.ingest.pcap import Int64, headers_at

_END, _NOP, _MSS, _WSCALE, _SACK_PERMITTED, _SACK, _TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
_MPTCP, _FAST_OPEN, _ACCURATE_ECN = 30, 34, (172, 174)
#: Experiments share a kind (RFC 6994); this is Fast Open's number, and accurate ECN's two.
_EXPERIMENTS, _FAST_OPEN_ID, _ACCURATE_ECN_ID = (253, 254), 0xF989, (0xACC0, 0xACC1)
_LENGTHS = {_MSS: 4, _WSCALE: 3, _SACK_PERMITTED: 2, _TIMESTAMPS: 10}
_USUAL = 0x0101080A
_STAMPS = np.dtype([("kind", ">u4"), ("ts_val", ">u4"), ("ts_ecr", ">u4")])
_TWO = np.dtype([("kind", "u1"), ("length", "u1")])
_HEADER_BYTES = 20


def read_options(frames: Frames, rows: Int64, begin: Int64, end: Int64) -> None:
    """Fill the columns of options of the TCP headers ``rows``, whose options lie from ``begin`` to
    ``end`` in the data, as far as they were captured.
    """
    begin = begin.copy()
    usual = np.flatnonzero(end - begin >= _STAMPS.itemsize)
    head = headers_at(frames.data, begin[usual], _STAMPS)
    is_usual = head["kind"] == _USUAL
    few = usual[is_usual]
    frames.set(rows[few], ts_val=head["ts_val"][is_usual], ts_ecr=head["ts_ecr"][is_usual])
    begin[few] += _STAMPS.itemsize
    left = np.flatnonzero(begin < end)
    mptcp = MptcpOptions.none(rows.size)
    while left.size:
        left = _step(frames, rows, left, (begin, end), mptcp)
    frames.set(
        rows,
        subtypes=mptcp.subtypes,
        token=mptcp.token,
        dsn_number=mptcp.number,
        dsn_at=mptcp.at,
        data_ack=mptcp.data_ack,
    )


def _step(
    frames: Frames, rows: Int64, left: Int64, area: tuple[Int64, Int64], mptcp: MptcpOptions
) -> Int64:
    """Read one option of each of ``rows[left]``, move ``begin`` behind it, and return those that
    have more.
    """
    begin, end = area
    at = begin[left]
    head = headers_at(frames.data, at, _TWO)
    kind, length = head["kind"].astype(np.int64), head["length"].astype(np.int64)
    length = np.where(kind == _NOP, 1, np.where(kind == _END, end[left] - at, length))
    good = (length >= np.where(kind > _NOP, 2, 1)) & (at + length <= end[left])
    for number, size in _LENGTHS.items():
        good &= (kind != number) | (length == size)
    good &= (kind != _SACK) | ((length >= 10) & ((length - 2) % 8 == 0))
    if not good.all():
        # cut off by the capture is something else than wrong
        bad = left[~good]
        wrong = frames["options_cut"][rows[bad]] != 1
        frames.set(rows[bad[wrong]], options_bad=1)
        left, at, kind, length = left[good], at[good], kind[good], length[good]
    for number in np.unique(kind[kind > _NOP]).tolist():
        which = kind == number
        _take(frames, rows, number, (left[which], at[which], length[which]), mptcp)
    begin[left] += length
    return left[begin[left] < end[left]]


def _take(
    frames: Frames,
    rows: Int64,
    kind: int,
    places: tuple[Int64, Int64, Int64],
    mptcp: MptcpOptions,
) -> None:
    which, at, length = places
    few = rows[which]
    if kind == _MSS:
        _first(frames, "mss", few, _number(frames, at + 2, ">u2"))
    elif kind == _WSCALE:
        _first(frames, "wscale", few, _number(frames, at + 2, "u1"))
    elif kind == _SACK_PERMITTED:
        frames.set(few, sack_permitted=1)
    elif kind == _TIMESTAMPS:
        _first(frames, "ts_val", few, _number(frames, at + 2, ">u4"))
        _first(frames, "ts_ecr", few, _number(frames, at + 6, ">u4"))
    elif kind == _SACK:
        _take_sack(frames, few, at, length)
    elif kind == _FAST_OPEN:
        _first(frames, "fast_open", few, length - 2)
    elif kind in _ACCURATE_ECN:
        _first(frames, "accecn", few, length)
    elif kind in _EXPERIMENTS:
        _take_experiment(frames, few, at, length)
    elif kind == _MPTCP:
        good = _mptcp_fits(frames, at, length)
        frames.set(few[~good], options_bad=1)
        mptcp.take(frames.data, which[good], at[good], length[good])


def _number(frames: Frames, at: Int64, kind: str) -> Int64:
    values: Int64 = headers_at(frames.data, at, np.dtype([("n", kind)]))["n"].astype(np.int64)
    return values


def _first(frames: Frames, name: str, rows: Int64, values: Int64) -> None:
    column = frames.columns[name]
    column[rows] = np.where(column[rows] >= 0, column[rows], values)


def _take_experiment(frames: Frames, rows: Int64, at: Int64, length: Int64) -> None:
    number = np.where(length >= 4, _number(frames, at + 2, ">u2"), -1)
    opens = number == _FAST_OPEN_ID
    _first(frames, "fast_open", rows[opens], length[opens] - 4)
    counts = np.isin(number, _ACCURATE_ECN_ID)
    _first(frames, "accecn", rows[counts], length[counts])


def _take_sack(frames: Frames, rows: Int64, at: Int64, length: Int64) -> None:
    fresh = frames["sack_count"][rows] < 0
    rows, at, length = rows[fresh], at[fresh], length[fresh]
    blocks = np.minimum((length - 2) // 8, MOST_BLOCKS)
    frames.set(rows, sack_count=blocks)
    for edge in range(2 * int(blocks.max(initial=0))):
        has = 2 * blocks > edge
        frames.edges[rows[has], edge] = _number(frames, at[has] + 2 + 4 * edge, ">u4")


def _mptcp_fits(frames: Frames, at: Int64, length: Int64) -> np.ndarray:
    """Return which options of MPTCP are as long as what they say they hold (RFC 8684 section 3)."""
    good = length >= 3
    dss = good & (_number(frames, at + 2, "u1") >> 4 == 2)
    flags = _number(frames, at + 3, "u1")
    needs = 4 + np.where(flags & 1, np.where(flags & 2, 8, 4), 0)
    needs = needs + np.where(flags & 4, np.where(flags & 8, 8, 4) + 6, 0)
    fits: np.ndarray = good & (~dss | (length >= needs))
    return fits
