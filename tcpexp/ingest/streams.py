"""Which connection each TCP segment belongs to, numbered as Wireshark numbers them, and what relative numbers and windows count from.

Connections are numbered in the order of their first packets. A SYN (or SYN-ACK) with another initial sequence number than the end that
sends it had begins a new connection between the same ports. Of an end whose SYN was not captured the numbers count from one below the
first that is seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.pcap import Int64, UnusualCaptureError

SYN, ACK = 0x02, 0x10
UNKNOWN, NOT_USED = -1, -2
_LARGEST_SCALE = 14  # RFC 7323 section 2.3
_WRAP = 1 << 32


@dataclass
class Connection:
    """One connection; both lists have an element per direction, the first for the end with the lower number."""

    stream: int
    base: list[int] = field(default_factory=lambda: [UNKNOWN, UNKNOWN])
    scale: list[int] = field(default_factory=lambda: [UNKNOWN, UNKNOWN])
    syn_seen: list[bool] = field(default_factory=lambda: [False, False])


@dataclass(frozen=True)
class Placed:
    """Per segment: its connection's number and its direction (0 or 1), where sequence and ACK numbers count from, and its window's shift."""

    stream: Int64
    direction: Int64
    base: Int64
    other_base: Int64
    scale: Int64
    other_scale: Int64
    reused: NDArray[np.bool_]


class Streams:
    """All connections of a capture up to where it was read."""

    def __init__(self) -> None:
        self.count = 0
        self._current: list[Connection | None] = []
        self._pairs: dict[tuple[int, int], int] = {}
        self._settings = np.zeros((0, 5), dtype=np.int64)

    def place(self, ends: tuple[Int64, Int64, Int64, Int64], seq: Int64, ack: Int64, flags: Int64, wscale: Int64) -> Placed:
        """Return where the next segments belong. ``ends`` are the columns source and destination address, source and destination port."""
        lane = self._lanes(*ends)
        self._grow()
        reused = np.zeros(lane.size, dtype=np.bool_)
        out = np.empty((lane.size, 5), dtype=np.int64)
        begin = 0
        unknown = self._settings[lane, 1] == UNKNOWN
        lacking = unknown | ((self._settings[lane, 2] == UNKNOWN) & (flags & ACK != 0))
        for row in np.flatnonzero(lacking | (flags & SYN != 0)).tolist():
            number = int(lane[row])
            known = self._settings[number]
            if not flags[row] & SYN and known[1] != UNKNOWN and (known[2] != UNKNOWN or not flags[row] & ACK):
                continue  # an earlier one of these rows has told already
            out[begin:row] = self._settings[lane[begin:row]]
            begin = row
            reused[row] = self._learn(number, int(seq[row]), int(ack[row]), int(flags[row]), int(wscale[row]))
        out[begin:] = self._settings[lane[begin:]]
        return Placed(out[:, 0], lane & 1, out[:, 1], np.maximum(out[:, 2], 0), out[:, 3], out[:, 4], reused)

    def _lanes(self, src: Int64, dst: Int64, src_port: Int64, dst_port: Int64) -> Int64:
        """Return a number for each segment's connection and direction: twice its pair of ends, and one more for the end that sorts higher."""
        key = np.stack([(src << 16) | src_port, (dst << 16) | dst_port], axis=1)
        both = np.ascontiguousarray(key).view(np.dtype([("a", np.int64), ("b", np.int64)]))[:, 0]
        different, which = np.unique(both, return_inverse=True)
        numbers = []
        for one, other in different.tolist():
            pair = self._pairs.setdefault((min(one, other), max(one, other)), len(self._pairs))
            numbers.append(2 * pair + (one > other))
        return np.array(numbers, dtype=np.int64)[which]

    def _grow(self) -> None:
        lacking = 2 * len(self._pairs) - len(self._settings)
        if lacking > 0:
            new = np.tile(np.full(5, UNKNOWN, dtype=np.int64), (lacking, 1))
            self._settings = np.concatenate([self._settings, new])
            self._current.extend([None] * (lacking // 2))

    def _learn(self, lane: int, seq: int, ack: int, flags: int, wscale: int) -> bool:
        """Take in a SYN or a direction's first segment; return whether it reuses the ports of a connection before."""
        pair, side = divmod(lane, 2)
        connection = self._current[pair]
        again = connection is not None and flags & SYN != 0 and connection.base[side] not in (UNKNOWN, seq)
        if connection is None or (again and not flags & ACK):
            connection = self._current[pair] = Connection(self.count)
            self.count += 1
        if connection.base[side] == UNKNOWN or again:
            connection.base[side] = seq if flags & SYN else (seq - 1) % _WRAP
        if connection.base[1 - side] == UNKNOWN and flags & ACK:
            connection.base[1 - side] = (ack - 1) % _WRAP
        if flags & SYN:
            self._learn_scale(connection, side, flags, wscale)
        for each in (0, 1):
            other = 1 - each
            settings = (connection.stream, connection.base[each], connection.base[other], connection.scale[each], connection.scale[other])
            self._settings[2 * pair + each] = settings
        return again

    @staticmethod
    def _learn_scale(connection: Connection, side: int, flags: int, wscale: int) -> None:
        if wscale >= 0:
            connection.scale[side] = min(wscale, _LARGEST_SCALE)
        connection.syn_seen[side] = True
        if flags & ACK and not connection.syn_seen[1 - side]:
            raise UnusualCaptureError("a SYN-ACK without its SYN")
        if flags & ACK and min(connection.scale) < 0:
            connection.scale[:] = NOT_USED, NOT_USED
