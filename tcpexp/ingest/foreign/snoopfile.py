"""The file format of Solaris's snoop (RFC 1761): a header of 16 bytes, then records of a header of
24 bytes, the packet, and padding. All numbers are big-endian.
"""

from __future__ import annotations

import struct
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

_MAGIC = b"snoop\0\0\0"
_RECORD_BYTES = 24
#: RFC 1761's data link types that are known here, as pcap's numbers.
_LINKS = {0: 1, 4: 1, 8: 10, 17: 0}
_HEAD = np.dtype([(name, ">u4") for name in ("whole", "captured", "length", "drops", "s", "us")])


def is_snoop(magic: bytes) -> bool:
    """Tell whether a file that begins so is of this format."""
    return magic == _MAGIC


class SnoopReader(RecordReader):
    """Reads a file piece by piece; the first 8 bytes are read already."""

    header_bytes = 16

    def __init__(self, path: Path, source: Source) -> None:
        head = source.read(8)
        if len(head) < 8:
            raise DataError(f"{path}: the file ends in its header", hint="record it again")
        version, link = struct.unpack(">II", head)
        super().__init__(source, FileFacts(f"snoop (version {version})"))
        # a link type that nobody knows stays its own, far from pcap's
        self._link = _LINKS.get(link, 0x10000 + link)
        self.facts.interfaces.append(Interface(self._link))

    def _walk(self, buffer: bytes, before: int) -> tuple[list[int], int]:
        begins: list[int] = []
        lengths_at = struct.Struct(">4xII").unpack_from
        at, size = 0, len(buffer)
        while at <= size - _RECORD_BYTES:
            captured, length = lengths_at(buffer, at)
            if length < _RECORD_BYTES + captured or length > 2 * LARGEST_PACKET:
                self.facts.damage = (
                    f"the record at byte {before + at:,} says it has {length:,} bytes for a"
                    f" packet of {captured:,}; what follows is not read"
                )
                break
            if at + length > size:
                break
            begins.append(at)
            at += length
        return begins, at

    def _piece(self, buffer: bytes, begins: list[int]) -> Piece:
        data, at = with_spare(buffer), positions(begins)
        head = headers_at(data, at, _HEAD)
        captured, whole = head["captured"].astype(np.int64), head["whole"].astype(np.int64)
        drops = int(head["drops"].max())
        interface = self.facts.interfaces[0]
        interface.dropped = max(drops, interface.dropped or 0)
        interface.dropped_by = "snoop's cumulative drops"
        zero = np.zeros(at.size, dtype=np.int64)
        return Piece(
            data,
            at + _RECORD_BYTES,
            captured,
            np.maximum(whole, captured),
            head["s"].astype(np.int64) * 1_000_000_000 + head["us"].astype(np.int64) * 1000,
            zero + self._link,
            zero,
        )
