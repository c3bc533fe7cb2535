"""The pcapng file format (draft-ietf-opsawg-pcapng): blocks, each with its type and length, in
sections of their own byte order.

Read are section headers (SHB), interfaces (IDB), packets (EPB, SPB, and PB of old files) and
statistics (ISB); other blocks are counted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tcpexp.ingest.foreign.pcapngoptions import Options, read_options, resolution_of
from tcpexp.ingest.foreign.pieces import (
    LATEST_NS,
    Comment,
    FileFacts,
    Interface,
    Piece,
    Source,
    positions,
    with_spare,
)
from tcpexp.ingest.pcap import Bytes, Int64, headers_at

_SECTION = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_SHB, _IDB, _PB, _SPB, _NRB, _ISB, _EPB = 0x0A0D0D0A, 1, 2, 3, 4, 5, 6
_NAMES = {
    _NRB: "name resolution blocks",
    9: "systemd journal blocks",
    10: "decryption secrets blocks",
    0xBAD: "custom blocks",
    0x40000BAD: "custom blocks",
}
#: Wireshark takes a longer block for damage too.
_LARGEST_BLOCK = 1 << 24
_SMALLEST_BLOCK = 12
#: Where a packet's bytes begin in its block.
_DATA_AT = {_EPB: 28, _PB: 28, _SPB: 12}
#: EPB: on how many packets were lost between this one and the one before, by the same interface.
_DROP_COUNT = 4
_SECOND = 1_000_000_000


def is_pcapng(magic: bytes) -> bool:
    """Tell whether a file that begins so is of this format."""
    return magic[:4] == _SECTION


@dataclass
class _Clock:
    """How an interface counts time: units per second, and seconds to add."""

    units: int
    offset_s: int


@dataclass
class _Found:
    """Packet blocks of a piece: where each begins, its type and whole length."""

    at: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)


class PcapngReader:
    """Reads a file piece by piece; the first 8 bytes are read already."""

    def __init__(self, path: Path, source: Source, magic: bytes) -> None:
        self._source, self._start = source, magic
        self._order = "<"
        self.facts = FileFacts("pcapng")
        self._clocks: list[_Clock] = []
        # interfaces are numbered within their section
        self._section_at = 0
        self._packets = 0
        self._last_ns = 0

    def pieces(self) -> Iterator[Piece]:
        """Yield the packets; once this ends, ``facts`` are complete."""
        rest, before = self._start, 0
        while block := self._source.read():
            buffer = rest + block
            at = 0
            while True:
                found = _Found()
                end, again = self._walk(buffer, at, before, found)
                if found.at:
                    found.at = [begin - at for begin in found.at]
                    yield self._piece(buffer[at:end], found)
                at = end
                if not again:
                    break
            rest, before = buffer[at:], before + at
            if self.facts.damage:
                return
        if rest:
            self.facts.damage = f"the last block is cut off, {len(rest):,} bytes from the end"

    def _walk(self, buffer: bytes, at: int, before: int, found: _Found) -> tuple[int, bool]:
        """Read blocks from ``at`` on up to the end of the section or of the buffer.

        Return where the next begins, and whether it is a section's first with packets before it.
        """
        size = len(buffer)
        head_at = struct.Struct(self._order + "II").unpack_from
        while at + _SMALLEST_BLOCK <= size:
            if buffer[at : at + 4] == _SECTION:
                if found.at:
                    return at, True
                order = _ORDERS.get(buffer[at + 8 : at + 12])
                if order is None:
                    self._damaged(before + at, "is a section's with neither byte order")
                    return at, False
                self._order = order
                head_at = struct.Struct(order + "II").unpack_from
            kind, length = head_at(buffer, at)
            if length < _SMALLEST_BLOCK or length % 4 or length > _LARGEST_BLOCK:
                self._damaged(before + at, f"says it has {length:,} bytes")
                break
            end = at + length
            if end > size:
                break
            if buffer[end - 4 : end] != buffer[at + 4 : at + 8]:
                self._damaged(before + at, "says two lengths")
                break
            if not self._take(buffer, at, end, kind, found):
                self._damaged(before + at, "contradicts itself, or what came before it")
                break
            at = end
        return at, False

    def _damaged(self, at: int, why: str) -> None:
        self.facts.damage = f"the block at byte {at:,} {why}; what follows is not read"

    def _take(self, buffer: bytes, at: int, end: int, kind: int, found: _Found) -> bool:
        """Take in one block; return whether it can be right."""
        if kind in _DATA_AT:
            if end - at < _DATA_AT[kind] + 4:
                return False
            known = self._knows_interface(buffer, at, kind)
            if known:
                found.at.append(at)
                found.kind.append(kind)
            return known
        if kind == _SHB:
            return self._take_section(buffer, at, end)
        if kind == _IDB:
            return self._take_interface(buffer, at, end)
        if kind == _ISB:
            return self._take_statistics(buffer, at, end)
        self.facts.note(_NAMES.get(kind, f"blocks of type {kind:#x}"))
        return True

    def _knows_interface(self, buffer: bytes, at: int, kind: int) -> bool:
        known = len(self.facts.interfaces) - self._section_at
        if kind == _SPB:
            return known > 0
        wanted: int = struct.unpack_from(
            self._order + ("I" if kind == _EPB else "H"), buffer, at + 8
        )[0]
        return wanted < known

    def _take_section(self, buffer: bytes, at: int, end: int) -> bool:
        if end - at < 28:
            return False
        self._section_at = len(self.facts.interfaces)
        order = "big-endian" if self._order == ">" else "little-endian"
        if self._section_at == 0:
            self.facts.format = f"pcapng ({order})"
        options = read_options(buffer[at + 24 : end - 4], self._order)
        self.facts.application = options.text(4) or self.facts.application
        self._comments(options, None)
        return True

    def _take_interface(self, buffer: bytes, at: int, end: int) -> bool:
        if end - at < 20:
            return False
        link, snaplen = struct.unpack_from(self._order + "HxxI", buffer, at + 8)
        options = read_options(buffer[at + 16 : end - 4], self._order)
        units, offset_s = resolution_of(options)
        self._clocks.append(_Clock(units, offset_s))
        self.facts.interfaces.append(
            Interface(
                link,
                snaplen,
                options.text(2),
                options.text(3),
                options.filter_text(),
                options.text(12),
            )
        )
        self._comments(options, None)
        return True

    def _take_statistics(self, buffer: bytes, at: int, end: int) -> bool:
        if end - at < 24:
            return False
        number = struct.unpack_from(self._order + "I", buffer, at + 8)[0] + self._section_at
        if number >= len(self.facts.interfaces):
            return False
        options = read_options(buffer[at + 20 : end - 4], self._order)
        # packets that the interface dropped, and those that the system did
        drops = [options.number(5), options.number(7)]
        if any(one is not None for one in drops):
            interface = self.facts.interfaces[number]
            interface.dropped = sum(one or 0 for one in drops)
            interface.dropped_by = "interface statistics"
        self._comments(options, None)
        return True

    def _comments(self, options: Options, number: int | None) -> None:
        self.facts.comments += [Comment(number, text) for text in options.comments()]

    def _piece(self, buffer: bytes, found: _Found) -> Piece:
        data = with_spare(buffer)
        at, kind = positions(found.at), positions(found.kind)
        columns = np.zeros((4, at.size), dtype=np.int64)
        for number, read in ((_EPB, _enhanced), (_PB, _old), (_SPB, _simple)):
            rows = np.flatnonzero(kind == number)
            if rows.size:
                columns[:, rows] = read(data, at[rows], self._order)
        interface, ticks, captured, whole = columns
        lengths = headers_at(data, at + 4, np.dtype([("n", self._order + "u4")]))["n"]
        data_at = at + np.where(kind == _SPB, _DATA_AT[_SPB], _DATA_AT[_EPB])
        room = at + lengths.astype(np.int64) - 4 - data_at
        interface = interface + self._section_at
        links = np.array([one.link for one in self.facts.interfaces], dtype=np.int64)
        snaplens = np.array([one.snaplen or LATEST_NS for one in self.facts.interfaces])
        simple = kind == _SPB
        captured[simple] = np.minimum(whole, np.minimum(snaplens[interface], room))[simple]
        self.facts.note(
            "packets that say they are longer than their block", int((captured > room).sum())
        )
        captured = np.minimum(captured, room)
        epoch_ns = self._times(interface, ticks.view(np.uint64), simple)
        self._read_options(buffer, found, (data_at, captured, at + lengths - 4), interface)
        self._packets += at.size
        return Piece(
            data,
            data_at,
            captured,
            np.maximum(whole, captured),
            epoch_ns,
            links[interface],
            interface,
        )

    def _times(self, interface: Int64, ticks: np.ndarray, timeless: np.ndarray) -> Int64:
        epoch_ns = np.zeros(interface.size, dtype=np.int64)
        for number in np.unique(interface).tolist():
            rows = np.flatnonzero((interface == number) & ~timeless)
            epoch_ns[rows] = _nanoseconds(ticks[rows], self._clocks[number])
        if timeless.any():
            self.facts.note(
                "packets without a time: they have that of the one before", int(timeless.sum())
            )
            before = np.maximum.accumulate(np.where(timeless, -1, np.arange(interface.size)))
            epoch_ns = np.where(before >= 0, epoch_ns[before], self._last_ns)
        self._last_ns = int(epoch_ns[-1])
        return epoch_ns

    def _read_options(
        self, buffer: bytes, found: _Found, places: tuple[Int64, Int64, Int64], interface: Int64
    ) -> None:
        """Read comments and losses of the packets that have options."""
        data_at, captured, end = places
        begin = data_at + (captured + 3) // 4 * 4
        has = np.flatnonzero((end - begin >= 4) & (positions(found.kind) != _SPB))
        for row in has.tolist():
            options = read_options(buffer[int(begin[row]) : int(end[row])], self._order)
            self._comments(options, self._packets + row + 1)
            lost = options.number(_DROP_COUNT) if found.kind[row] == _EPB else None
            if lost is not None:
                one = self.facts.interfaces[int(interface[row])]
                if one.dropped_by in (None, "packets' drop counts"):
                    one.dropped = (one.dropped or 0) + lost
                    one.dropped_by = "packets' drop counts"


def _enhanced(data: Bytes, at: Int64, order: str) -> Int64:
    """Return interface, time, captured and whole length of each block."""
    word = order + "u4"
    layout = np.dtype([(name, word) for name in ("interface", "high", "low", "captured", "whole")])
    head = headers_at(data, at + 8, layout)
    ticks = head["high"].astype(np.int64) << 32 | head["low"].astype(np.int64)
    return np.stack([head["interface"].astype(np.int64), ticks, *_lengths(head)])


def _old(data: Bytes, at: Int64, order: str) -> Int64:
    word, half = order + "u4", order + "u2"
    layout = np.dtype(
        [("interface", half), ("drops", half)]
        + [(name, word) for name in ("high", "low", "captured", "whole")]
    )
    head = headers_at(data, at + 8, layout)
    ticks = head["high"].astype(np.int64) << 32 | head["low"].astype(np.int64)
    return np.stack([head["interface"].astype(np.int64), ticks, *_lengths(head)])


def _lengths(head: np.ndarray) -> tuple[Int64, Int64]:
    return head["captured"].astype(np.int64), head["whole"].astype(np.int64)


def _simple(data: Bytes, at: Int64, order: str) -> Int64:
    whole = headers_at(data, at + 8, np.dtype([("n", order + "u4")]))["n"].astype(np.int64)
    zero = np.zeros_like(whole)
    return np.stack([zero, zero, whole, whole])


def _nanoseconds(ticks: np.ndarray, clock: _Clock) -> Int64:
    """Return times in ns since 1970; those beyond what 64 bits hold are put at the latest."""
    units = np.uint64(min(clock.units, (1 << 64) - 1))
    seconds, fraction = ticks // units, ticks % units
    if clock.units <= _SECOND:
        parts = fraction * np.uint64(_SECOND) // units
    else:  # fraction times a billion would not fit: the nearest double is exact to a ns
        parts = (fraction.astype(np.float64) * (_SECOND / float(units))).astype(np.uint64)
    latest = LATEST_NS // _SECOND
    whole = np.minimum(seconds, np.uint64(latest)).astype(np.int64)
    whole = np.clip(whole + max(-latest, min(latest, clock.offset_s)), -latest, latest)
    return whole * _SECOND + parts.astype(np.int64)
