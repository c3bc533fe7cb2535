"""libpcap's file format (draft-ietf-opsawg-pcap), also in the variants of old systems.

A header of 24 bytes, then records: a header of 16 bytes (more in some variants) and the packet.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tcpexp.errors import DataError
from tcpexp.ingest.foreign.pieces import (
    LARGEST_PACKET,
    FileFacts,
    Interface,
    Piece,
    RecordReader,
    Source,
    positions,
    with_spare,
)
from tcpexp.ingest.pcap import headers_at

_HEADER_BYTES = 24


@dataclass(frozen=True)
class _Variant:
    """How records look: nanoseconds of a unit of the fraction of a second, and bytes of the
    header before a packet.
    """

    words: str
    unit_ns: int
    record_bytes: int


#: By the first four bytes of a big-endian file.
_VARIANTS = {
    b"\xa1\xb2\xc3\xd4": _Variant("microseconds", 1000, 16),
    b"\xa1\xb2\x3c\x4d": _Variant("nanoseconds", 1, 16),
    # patched libpcaps of the 1990s: an interface's number, a protocol and a packet type follow
    b"\xa1\xb2\xcd\x34": _Variant("microseconds, Kuznetzov's variant", 1000, 24),
    b"\xa1\xb2\x34\xcd": _Variant("microseconds, Mesquita's variant", 1000, 24),
    # what follows is a length with padding
    b"\x1c\x00\x01\xac": _Variant("nanoseconds, Ixia's hardware", 1, 20),
    b"\x1c\x00\x01\xab": _Variant("nanoseconds, Ixia's software", 1, 20),
}
_HEAD = struct.Struct("HHiIII")
#: The link type is in these bits; others tell of a frame check sequence.
_LINK_BITS = 0x03FFFFFF
#: Minor versions in which the two lengths of a record were the other way round: before 2.3, and
#: Digital Unix. In 2.3 some were.
_SWAPPED_BEFORE, _DIGITAL_UNIX = 3, 543
#: A frame check sequence, or padding to a multiple of 4.
_TRAILER_BYTES = 4


def is_pcap(magic: bytes) -> bool:
    """Tell whether a file that begins so is of this format."""
    return magic[:4] in _VARIANTS or magic[3::-1] in _VARIANTS


class PcapReader(RecordReader):
    """Reads a file piece by piece; the first 8 bytes are read already."""

    header_bytes = _HEADER_BYTES

    def __init__(self, path: Path, source: Source, magic: bytes) -> None:
        big = magic[:4] in _VARIANTS
        self._order = ">" if big else "<"
        self._variant = _VARIANTS[magic[:4] if big else magic[3::-1]]
        head = magic[4:] + source.read(_HEADER_BYTES - len(magic))
        if len(head) < _HEADER_BYTES - 4:
            raise DataError(f"{path}: the file ends in its header", hint="record it again")
        major, minor, _, _, snaplen, link = struct.unpack(self._order + "HHiIII", head)
        self._link = link & _LINK_BITS
        self._minor = minor if major == 2 else 4
        order = "big-endian" if big else "little-endian"
        super().__init__(source, FileFacts(f"pcap ({self._variant.words}, {order})"))
        self.facts.interfaces.append(Interface(self._link, snaplen))

    def _walk(self, buffer: bytes, before: int) -> tuple[list[int], int]:
        begins: list[int] = []
        found = begins.append
        head = self._variant.record_bytes
        lengths_at = struct.Struct(self._order + "8xII").unpack_from
        size = len(buffer)
        at, last = 0, size - head
        swapped = self._minor < _SWAPPED_BEFORE or self._minor == _DIGITAL_UNIX
        maybe = self._minor == _SWAPPED_BEFORE
        while at <= last:
            length, whole = lengths_at(buffer, at)
            if swapped or (maybe and length > whole):
                length = whole
            end = at + head + length
            if end > size:
                if length > LARGEST_PACKET:
                    self.facts.damage = (
                        f"the record at byte {before + at:,} says it has {length:,} bytes; what"
                        " follows is not read"
                    )
                break
            found(at)
            at = end
        return begins, at

    def _piece(self, buffer: bytes, begins: list[int]) -> Piece:
        data, at = with_spare(buffer), positions(begins)
        word = self._order + "u4"
        head = headers_at(
            data,
            at,
            np.dtype([("second", word), ("fraction", word), ("one", word), ("other", word)]),
        )
        one, other = head["one"].astype(np.int64), head["other"].astype(np.int64)
        ends = np.append(at[1:], len(buffer))
        captured = ends - at - self._variant.record_bytes
        fraction = head["fraction"].astype(np.int64) * self._variant.unit_ns
        whole = np.where(one == captured, other, one)
        self.facts.note(
            "records whose fraction of a second is more than one",
            int((fraction >= 1_000_000_000).sum()),
        )
        self.facts.note(
            "records that say the packet was shorter than what was captured",
            int((whole < captured).sum()),
        )
        # a few bytes more are a trailer or padding that the capturing system took along; otherwise
        # the record is wrong
        trailer = (whole > _TRAILER_BYTES) & (captured - whole <= _TRAILER_BYTES)
        captured = np.where(trailer, np.minimum(captured, whole), captured)
        zero = np.zeros(at.size, dtype=np.int64)
        return Piece(
            data,
            at + self._variant.record_bytes,
            captured,
            np.maximum(whole, captured),
            head["second"].astype(np.int64) * 1_000_000_000 + fraction,
            zero + self._link,
            zero,
        )
