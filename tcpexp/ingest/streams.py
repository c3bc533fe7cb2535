"""Which connection each TCP segment belongs to, numbered as Wireshark numbers them, and what
relative numbers and windows count from.

Connections are numbered in the order of their first packets. A SYN with another initial sequence
number than the end that sends it had begins a new connection between the same ports; a SYN-ACK with
another one changes only what numbers count from. Of an end whose SYN was not captured they count
from one below the first that is seen.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.pcap import Int64, UnusualCaptureError

SYN, ACK = 0x02, 0x10
UNKNOWN, NOT_USED = -1, -2
_LARGEST_SCALE = 14  # RFC 7323 section 2.3
_WRAP = 1 << 32
_STREAM, _BASE, _OTHER_BASE, _SCALE, _OTHER_SCALE = range(5)

#: Columns of TCP segments: source and destination address (their numbers), source and destination
#: port.
Ends = tuple[Int64, Int64, Int64, Int64]


@dataclass
class Connection:
    """One connection; the lists have an element per direction, the first for the end that sorts
    lower.
    """

    stream: int
    base: list[int] = field(default_factory=lambda: [UNKNOWN, UNKNOWN])
    scale: list[int] = field(default_factory=lambda: [UNKNOWN, UNKNOWN])
    syn_seen: list[bool] = field(default_factory=lambda: [False, False])


@dataclass(frozen=True)
class Placed:
    """Per segment: its pair of ends, its connection's number and direction (0 or 1), where its
    sequence and ACK numbers count from, the shift of its own and the other end's window, and
    whether it begins to use ports again.
    """

    pair: Int64
    stream: Int64
    direction: Int64
    base: Int64
    other_base: Int64
    scale: Int64
    other_scale: Int64
    reused: NDArray[np.bool_]


class Streams:
    """All connections of a capture up to where it was read.

    ``strict`` ones leave a capture with a SYN-ACK without its SYN to tshark.
    """

    def __init__(self, strict: bool = True) -> None:
        self.count = 0
        self._strict = strict
        self._pairs: dict[tuple[int, int], int] = {}
        self._first: list[int] = []
        self._current: list[Connection | None] = []
        self._settings = np.zeros((0, 5), dtype=np.int64)

    def place(
        self, ends: Ends, segments: tuple[Int64, Int64, Int64, Int64], numbers: Int64
    ) -> Placed:
        """Return where the next segments belong: ``segments`` are the columns seq, ack, flags and
        wscale, ``numbers`` of their packets.
        """
        lane = self._lanes(ends, numbers)
        seq, ack, flags, wscale = segments
        reused = np.zeros(lane.size, dtype=np.bool_)
        out = np.empty((lane.size, 5), dtype=np.int64)
        begin, told = 0, -1
        waiting = self._telling(lane, flags)
        while waiting:
            row = heapq.heappop(waiting)
            number, bits = int(lane[row]), int(flags[row])
            if row == told:
                # it waited twice: as a SYN, and as the first of a connection that uses ports again
                continue
            told = row
            if not bits & SYN and not self._lacks(number, bits):
                continue  # an earlier one has told already
            out[begin:row] = self._settings[lane[begin:row]]
            begin = row
            reused[row] = self._learn(number, int(seq[row]), int(ack[row]), bits, int(wscale[row]))
            if reused[row]:
                for later in _first_rows(lane, flags, number, row + 1):
                    heapq.heappush(waiting, later)
        out[begin:] = self._settings[lane[begin:]]
        base, other_base = out[:, _BASE], np.maximum(out[:, _OTHER_BASE], 0)
        return Placed(
            lane >> 1,
            out[:, _STREAM],
            lane & 1,
            base,
            other_base,
            out[:, _SCALE],
            out[:, _OTHER_SCALE],
            reused,
        )

    def first_packets(self, ends: Ends) -> list[int | None]:
        """Return the number of the first packet that was placed between each pair of ends.

        None without one.
        """
        segments = zip(*(column.tolist() for column in ends), strict=True)
        pairs = (self._pairs.get(_pair(*one)[0]) for one in segments)
        return [None if pair is None else self._first[pair] for pair in pairs]

    def _telling(self, lane: Int64, flags: Int64) -> list[int]:
        """Return, in order, the rows that may tell something new: SYNs, and the first (ACKs) of
        directions of which not all is known.
        """
        known = self._settings[lane]
        first = np.flatnonzero(known[:, _BASE] == UNKNOWN)
        first_ack = np.flatnonzero((known[:, _OTHER_BASE] == UNKNOWN) & (flags & ACK != 0))
        rows = [rows[np.unique(lane[rows], return_index=True)[1]] for rows in (first, first_ack)]
        telling: list[int] = np.unique(
            np.concatenate([*rows, np.flatnonzero(flags & SYN)])
        ).tolist()
        return telling

    def _lanes(self, ends: Ends, numbers: Int64) -> Int64:
        """Return a number for each segment's connection and direction: twice its pair of ends, and
        one more from the end that sorts higher.
        """
        src, dst, src_port, dst_port = ends
        both = (src << 16) | dst
        # many addresses: number their pairs, so that 32 bits are left for the ports
        if max(src.max(), dst.max()) >> 15:
            both = np.unique((src << 32) | dst, return_inverse=True)[1]
        _, first, which = np.unique(
            (both << 32) | (src_port << 16) | dst_port, return_index=True, return_inverse=True
        )
        lanes = np.empty(first.size, dtype=np.int64)
        for at in np.argsort(first).tolist():
            row = first[at]
            ends_of_pair, higher = _pair(
                int(src[row]), int(dst[row]), int(src_port[row]), int(dst_port[row])
            )
            pair = self._pairs.setdefault(ends_of_pair, len(self._pairs))
            if pair == len(self._first):
                self._first.append(int(numbers[row]))
                self._current.append(None)
            lanes[at] = 2 * pair + higher
        new = np.full((2 * len(self._first) - len(self._settings), 5), UNKNOWN, dtype=np.int64)
        self._settings = np.concatenate([self._settings, new])
        return lanes[which]

    def _lacks(self, lane: int, flags: int) -> bool:
        base, other_base = self._settings[lane, [_BASE, _OTHER_BASE]].tolist()
        return base == UNKNOWN or (other_base == UNKNOWN and flags & ACK != 0)

    def _learn(self, lane: int, seq: int, ack: int, flags: int, wscale: int) -> bool:
        """Take in a SYN or a direction's first segment.

        Return whether it reuses the ports of a connection before.
        """
        pair, side = divmod(lane, 2)
        connection = self._current[pair]
        again = (
            connection is not None
            and flags & SYN != 0
            and connection.base[side] not in (UNKNOWN, seq)
        )
        if connection is None or (again and not flags & ACK):
            connection = self._current[pair] = Connection(self.count)
            self.count += 1
        if connection.base[side] == UNKNOWN or again:
            connection.base[side] = seq if flags & SYN else (seq - 1) % _WRAP
        if connection.base[1 - side] == UNKNOWN and flags & ACK:
            connection.base[1 - side] = (ack - 1) % _WRAP
        if flags & SYN:
            _learn_scale(connection, side, flags, wscale, self._strict)
        base, scale = connection.base, connection.scale
        for one, other in ((0, 1), (1, 0)):
            self._settings[2 * pair + one] = (
                connection.stream,
                base[one],
                base[other],
                scale[one],
                scale[other],
            )
        return again


def _learn_scale(connection: Connection, side: int, flags: int, wscale: int, strict: bool) -> None:
    """Take in the shift of a SYN.

    Once both ends have sent theirs, windows are scaled only when both had the option (RFC 7323
    section 2.2). A SYN-ACK has it only if the SYN had it too.
    """
    connection.syn_seen[side] = True
    if wscale >= 0:
        connection.scale[side] = min(wscale, _LARGEST_SCALE)
    if flags & ACK:
        if not connection.syn_seen[1 - side]:
            if strict:
                raise UnusualCaptureError("a SYN-ACK without its SYN")
            if wscale < 0:
                connection.scale[:] = NOT_USED, NOT_USED
        elif min(connection.scale) < 0:
            connection.scale[:] = NOT_USED, NOT_USED


def _first_rows(lane: Int64, flags: Int64, number: int, begin: int) -> list[int]:
    """Return, from ``begin`` on, the first row and the first ACK of both directions."""
    rows = begin + np.flatnonzero(lane[begin:] >> 1 == number >> 1)
    found = [
        rows_of[:1]
        for side in (0, 1)
        for one in [rows[lane[rows] & 1 == side]]
        for rows_of in (one, one[flags[one] & ACK != 0])
    ]
    first: list[int] = np.concatenate(found).tolist()
    return first


def _pair(src: int, dst: int, src_port: int, dst_port: int) -> tuple[tuple[int, int], bool]:
    """Return both ends as numbers, the lower first, and whether the source is the higher."""
    one, other = (src << 16) | src_port, (dst << 16) | dst_port
    return (min(one, other), max(one, other)), one > other
