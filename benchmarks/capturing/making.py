"""Large captures made by arithmetic: many bulk transfers at once, each with losses that SACK tells
of and that are repaired, in packets as tcpdump writes them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]

SEGMENT_BYTES = 1448
_HEAD, _SACKED_HEAD, _RECORD = 66, 78, 16
#: Segments of a round, the one of them that is lost at first, and when it is sent again.
_ROUND, _LOST, _AGAIN = 200, 50, 70
_START_S = 1_700_000_000
_STEP_NS = 4_000
_CHUNK = 50_000


@dataclass(frozen=True)
class _Pattern:
    """One round of one connection, an element per packet: from the client or not, sequence number
    and ACK in bytes of the round, payload, and a SACK block.
    """

    client: Int64
    seq: Int64
    ack: Int64
    size: Int64
    left: Int64
    right: Int64


def _pattern() -> _Pattern:
    rows: list[tuple[int, int, int, int, int, int]] = []
    for at in range(_ROUND):
        if at == _LOST:
            continue
        rows.append((1, at * SEGMENT_BYTES, 0, SEGMENT_BYTES, 0, 0))
        if at == _AGAIN:
            rows.append((1, _LOST * SEGMENT_BYTES, 0, SEGMENT_BYTES, 0, 0))
        edge = (at + 1) * SEGMENT_BYTES
        if _LOST < at < _AGAIN:
            hole = _LOST * SEGMENT_BYTES
            rows.append((0, 0, hole, 0, hole + SEGMENT_BYTES, edge))
        elif at % 2:
            rows.append((0, 0, edge, 0, 0, 0))
    return _Pattern(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))


def make_capture(path: Path, packets: int, *, snaplen: int = 128, connections: int = 40) -> None:
    """Write a pcap file of so many packets (times in nanoseconds, whole checksums).

    Bulk transfers run from 10.0.0.0/16 to 10.1.0.1, their packets one after the other. Every 200th
    segment is lost and repaired by SACK. The first packets are the handshakes.
    """
    pattern = _pattern()
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, 1))
        for begin in range(0, packets, _CHUNK):
            numbers = np.arange(begin, min(begin + _CHUNK, packets))
            file.write(_records(numbers, pattern, (snaplen, connections)))


def _records(numbers: Int64, pattern: _Pattern, setting: tuple[int, int]) -> bytes:
    snaplen, connections = setting
    opening = numbers < 3 * connections
    order = np.maximum(numbers - 3 * connections, 0)
    connection = np.where(opening, numbers // 3, order % connections)
    turn, step = np.divmod(order // connections, pattern.client.size)
    shift = 1001 + turn * _ROUND * SEGMENT_BYTES
    client = np.where(opening, numbers % 3 != 1, pattern.client[step] == 1)
    seq = np.where(opening, np.where(numbers % 3 == 2, 1001, 1000), pattern.seq[step] + shift)
    seq = np.where(client, seq, np.where(opening, 5000, 5001))
    ack = np.where(client, 5001, np.where(opening, 1001, pattern.ack[step] + shift))
    first = opening & (numbers % 3 == 0)
    syn = opening & (numbers % 3 < 2)
    flags = np.where(syn, np.where(first, 0x02, 0x12), 0x10)
    size = np.where(opening, 0, pattern.size[step])
    sacked = ~opening & (pattern.right[step] > 0)
    edges = pattern.left[step] + shift, pattern.right[step] + shift
    header = np.where(sacked | syn, _SACKED_HEAD, _HEAD)
    rows = _headers(
        (connection, client, numbers),
        (seq, np.where(first, 0, ack), flags, size),
        (header, sacked, edges, syn),
    )
    times = numbers * _STEP_NS
    whole = header + size
    captured = np.minimum(whole, snaplen)
    record = np.zeros((numbers.size, 4), dtype="<u4")
    record[:, 0], record[:, 1] = _START_S + times // 10**9, times % 10**9
    record[:, 2], record[:, 3] = captured, whole
    at = np.cumsum(captured + _RECORD) - captured - _RECORD
    data = np.zeros(int((captured + _RECORD).sum()), dtype=np.uint8)
    data[at[:, None] + np.arange(_RECORD)] = record.view(np.uint8)
    for length in (_HEAD, _SACKED_HEAD):
        few = header == length
        kept = min(length, snaplen)
        data[at[few][:, None] + _RECORD + np.arange(kept)] = rows[few, :kept]
    return data.tobytes()


def _headers(
    who: tuple[Int64, NDArray[np.bool_], Int64],
    tcp: tuple[Int64, Int64, Int64, Int64],
    more: tuple[Int64, NDArray[np.bool_], tuple[Int64, Int64], NDArray[np.bool_]],
) -> NDArray[np.uint8]:
    """Return the headers of packets, a row each, with their checksums."""
    connection, client, numbers = who
    seq, ack, flags, size = tcp
    header, sacked, edges, syn = more
    rows = np.zeros((connection.size, _SACKED_HEAD), dtype=np.uint8)
    rows[:, :14] = np.frombuffer(bytes.fromhex("0200000000020200000000010800"), dtype=np.uint8)
    near, far = 0x0A000001 + connection, np.full(connection.size, 0x0A010001)
    source, target = np.where(client, near, far), np.where(client, far, near)
    port = 40_000 + connection % 20_000
    words = {
        14: (np.full(connection.size, 0x4500), 2),
        16: (header - 14 + size, 2),
        18: (numbers & 0xFFFF, 2),
        20: (np.full(connection.size, 0x4000), 2),
        22: (np.full(connection.size, 0x4006), 2),
        26: (source, 4),
        30: (target, 4),
        34: (np.where(client, port, 5201), 2),
        36: (np.where(client, 5201, port), 2),
        38: (seq & 0xFFFFFFFF, 4),
        42: (ack & 0xFFFFFFFF, 4),
        46: ((header - 34) // 4 << 12 | flags, 2),
        48: (np.full(connection.size, 4000), 2),
        54: (np.full(connection.size, 0x0101080A), 4),
        58: (numbers // 1000, 4),
        62: (np.where(flags == 0x02, 0, numbers // 1000), 4),
    }
    for at, (values, width) in words.items():
        _put(rows, at, values, width)
    _put(rows, 66, np.where(sacked, 0x0101050A, np.where(syn, 0x020405B4, 0)), 4)
    _put(rows, 70, np.where(sacked, edges[0] & 0xFFFFFFFF, np.where(syn, 0x04020103, 0)), 4)
    _put(rows, 74, np.where(sacked, edges[1] & 0xFFFFFFFF, np.where(syn, 0x03070101, 0)), 4)
    _put(rows, 24, 0xFFFF - _folded(_sum(rows, 14, 34)), 2)
    pseudo = _sum(rows, 26, 34) + 6 + header - 34 + size
    _put(rows, 50, 0xFFFF - _folded(_sum(rows, 34, _SACKED_HEAD) + pseudo), 2)
    return rows


def _put(rows: NDArray[np.uint8], at: int, values: Int64, width: int) -> None:
    octets = values.astype(f">u{width}").view(np.uint8).reshape(-1, width)
    rows[:, at : at + width] = octets


def _sum(rows: NDArray[np.uint8], begin: int, end: int) -> Int64:
    words = np.ascontiguousarray(rows[:, begin:end]).view(">u2")
    total: Int64 = words.sum(axis=1, dtype=np.int64)
    return total


def _folded(total: Int64) -> Int64:
    while (total > 0xFFFF).any():
        total = (total & 0xFFFF) + (total >> 16)
    return total
