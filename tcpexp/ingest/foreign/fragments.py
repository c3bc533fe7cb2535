"""Fragments of IP packets put together again (RFC 791 section 3.2, RFC 8200 section 4.5).

The whole packet stands where its last missing fragment was captured, as in Wireshark. A packet of
which fragments are missing stays in pieces.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from tcpexp.ingest.foreign.frames import IP_PROTOCOL, Fragments, Frames
from tcpexp.ingest.foreign.layers import decode
from tcpexp.ingest.pcap import SPARE_BYTES, Int64

#: Linux waits for 30 s (net.ipv4.ipfrag_time) for the rest of a packet.
_WAIT_NS = 30_000_000_000
#: So many packets in pieces are held, and so many bytes of them.
_MOST_PACKETS, _MOST_BYTES = 4096, 1 << 25
_LARGEST = 0xFFFF + 40
_COPIED = ("src", "dst", "ttl", "ecn", "ip_id", "ip_sum")

Key = tuple[int, ...]


@dataclass
class _Waiting:
    """A packet of which pieces are there: by offset its captured bytes and its whole length."""

    since_ns: int
    parts: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    total: int | None = None
    protocol: int = -1
    held: int = 0

    def whole(self) -> tuple[bytes, int] | None:
        """Return the packet's bytes and how many of them, from the first on, were captured; None
        while a fragment is missing.
        """
        if self.total is None or 0 not in self.parts:
            return None
        found, at, known = bytearray(), 0, -1
        for offset in sorted(self.parts):
            captured, size = self.parts[offset]
            if offset > at:
                return None
            skip = at - offset
            if skip >= size:
                continue
            found += captured[skip:]
            if known < 0 and len(captured) < size:
                known = max(at, offset + len(captured))
            found += bytes(offset + size - len(found))
            at = offset + size
        if at < self.total:
            return None
        return bytes(found[: self.total]), self.total if known < 0 else min(known, self.total)


class Reassembly:
    """The packets in pieces of a capture, up to where it was read."""

    def __init__(self) -> None:
        self.fragments = self.whole = self.given_up = 0
        self._waiting: OrderedDict[Key, _Waiting] = OrderedDict()
        self._held = 0

    @property
    def incomplete(self) -> int:
        """How many packets lack a fragment."""
        return self.given_up + len(self._waiting)

    def take(self, frames: Frames, epoch_ns: Int64) -> None:
        """Take in a piece's fragments, and let packets that are whole now stand for their last
        one.
        """
        done: list[tuple[int, _Waiting, bytes, int]] = []
        order = [
            (row, batch, at)
            for batch in frames.fragments
            for at, row in enumerate(batch.rows.tolist())
        ]
        for row, batch, at in sorted(order, key=lambda entry: entry[0]):
            self.fragments += 1
            key = tuple(batch.ident[at].tolist())
            waiting = self._of(key, int(epoch_ns[row]))
            if not self._add(waiting, frames, batch, at):
                continue
            whole = waiting.whole()
            if whole is not None:
                done.append((row, waiting, *whole))
                self._forget(key)
                self.whole += 1
        if done:
            _decode_whole(frames, done)

    def _of(self, key: Key, now_ns: int) -> _Waiting:
        found = self._waiting.get(key)
        if found is not None and abs(now_ns - found.since_ns) > _WAIT_NS:
            self._give_up(key)
            found = None
        if found is None:
            while self._waiting and (
                len(self._waiting) >= _MOST_PACKETS or self._held > _MOST_BYTES
            ):
                self._give_up(next(iter(self._waiting)))
            found = self._waiting[key] = _Waiting(now_ns)
        return found

    def _add(self, waiting: _Waiting, frames: Frames, batch: Fragments, at: int) -> bool:
        """Take in a fragment; return whether it may complete the packet."""
        offset = int(batch.offset[at])
        size = int(batch.wire_end[at] - batch.at[at])
        if size <= 0 or offset + size > _LARGEST:
            return False
        if offset == 0:
            waiting.protocol = int(batch.protocol[at])
        if not batch.more[at]:
            waiting.total = offset + size
        if offset not in waiting.parts or waiting.parts[offset][1] < size:
            captured = frames.data[int(batch.at[at]) : int(batch.end[at])].tobytes()
            waiting.parts[offset] = captured, size
            waiting.held += len(captured)
            self._held += len(captured)
        return True

    def _forget(self, key: Key) -> None:
        self._held -= self._waiting.pop(key).held

    def _give_up(self, key: Key) -> None:
        self._forget(key)
        self.given_up += 1


def _decode_whole(frames: Frames, done: list[tuple[int, _Waiting, bytes, int]]) -> None:
    """Take the headers off packets that are whole, and let them stand for their last fragments."""
    rows = np.array([row for row, *_ in done], dtype=np.int64)
    parts: list[bytes] = []
    places = np.zeros((4, rows.size), dtype=np.int64)
    at = 0
    for index, (row, _, payload, known) in enumerate(done):
        size = int(frames.address_bytes[row])
        ends = [int(frames.src_at[row]), int(frames.dst_at[row])]
        addresses = b"".join(frames.data[begin : begin + size].tobytes() for begin in ends)
        begin = at + len(addresses)
        places[:, index] = at, begin, begin + known, begin + len(payload)
        parts += [addresses, payload]
        at = begin + len(payload)
    data = np.frombuffer(b"".join(parts) + bytes(SPARE_BYTES), dtype=np.uint8)
    kinds = np.array([IP_PROTOCOL + waiting.protocol for _, waiting, *_ in done], dtype=np.int64)
    inner = Frames(frames.context, data, places[1].copy(), places[2], places[3].copy(), kinds)
    every = np.arange(rows.size)
    sizes = frames.address_bytes[rows]
    inner.address_bytes[:], inner.src_at[:] = sizes, places[0]
    inner.dst_at[:] = places[0] + sizes
    inner.set(every, **{name: frames[name][rows] for name in _COPIED})
    decode(inner)
    inner.columns["fragment"][:] = frames["fragment"][rows]
    frames.take(rows, inner, np.ones(rows.size, dtype=np.bool_))
