"""A capture file (pcap, Ethernet) to where its packets lie: piece by piece, so that a long capture
is never held whole.

The format is libpcap's (draft-ietf-opsawg-pcap): a header of 24 bytes, then records of a header of
16 bytes and the packet's bytes. Both byte orders and both resolutions of time are read; whatever
else a capture may be is left to tshark.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Int64 = NDArray[np.int64]

HEADER_BYTES = 24
#: So much of a file is looked at at once.
PIECE_BYTES = 1 << 23
#: Zeros behind the last packet of a piece, so that headers can be taken at their largest size
#: wherever they begin.
SPARE_BYTES = 256
_RECORD_BYTES = 16
_ETHERNET = 1
#: Wireshark takes a record that says it is longer for damage.
_LARGEST_PACKET = 262_144
#: First four bytes of a file: its byte order, and the nanoseconds of a unit of the fraction of a
#: second.
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}


class UnusualCaptureError(Exception):
    """A capture holds something that is left to tshark; the text says what."""


@dataclass(frozen=True)
class Records:
    """Packets of a piece of a file: ``data`` holds packet ``i`` from ``at[i]`` on, ``captured[i]``
    of its ``frame_bytes[i]`` bytes.

    ``epoch_ns`` is when it was captured, in nanoseconds since 1970.
    """

    data: Bytes
    at: Int64
    captured: Int64
    frame_bytes: Int64
    epoch_ns: Int64

    @property
    def count(self) -> int:
        """How many packets there are."""
        return int(self.at.size)


def read_records(path: Path, piece_bytes: int = PIECE_BYTES) -> Iterator[Records]:
    """Yield the packets of a capture in order, some 10,000 to 100,000 at a time; one that was cut
    off at the end is left out.

    Raises ``UnusualCaptureError`` for any other kind of file, and for a record that cannot be
    right.
    """
    with path.open("rb") as file:
        order, unit_ns = _read_header(file.read(HEADER_BYTES))
        rest = b""
        while block := file.read(piece_bytes):
            buffer = rest + block
            begins, end = _walk(buffer, order)
            rest = buffer[end:]
            if begins:
                yield _records(buffer[:end], begins, order, unit_ns)


def count_records(path: Path) -> int | None:
    """Return how many whole packets a capture holds, None for another kind of file or a record that
    cannot be right.
    """
    try:
        with path.open("rb") as file:
            order, _ = _read_header(file.read(HEADER_BYTES))
            rest, count = b"", 0
            while block := file.read(PIECE_BYTES):
                buffer = rest + block
                begins, end = _walk(buffer, order)
                rest, count = buffer[end:], count + len(begins)
        return count
    except (OSError, UnusualCaptureError):
        return None


def headers_at(data: Bytes, at: Int64, layout: np.dtype[np.void]) -> NDArray[np.void]:
    """Return a copy of the bytes from each of ``at`` on, as rows of ``layout``."""
    rows: NDArray[np.void] = sliding_window_view(data, layout.itemsize)[at].view(layout)
    return rows[:, 0]


def _read_header(header: bytes) -> tuple[str, int]:
    if header[:4] not in _MAGIC or len(header) < HEADER_BYTES:
        raise UnusualCaptureError("it is no pcap file")
    order, unit_ns = _MAGIC[header[:4]]
    link = struct.unpack(order + "I", header[20:])[0]
    if link != _ETHERNET:
        raise UnusualCaptureError(f"its link type is {link}, not Ethernet")
    return order, unit_ns


def _walk(buffer: bytes, order: str) -> tuple[list[int], int]:
    """Return where the whole records of ``buffer`` begin, and where the last one ends.

    Each says where the next begins: hence the loop.
    """
    begins: list[int] = []
    found = begins.append
    length_at = struct.Struct(order + "8xI").unpack_from
    at, last, size = 0, len(buffer) - _RECORD_BYTES, len(buffer)
    while at <= last:
        length = length_at(buffer, at)[0]
        end = at + _RECORD_BYTES + length
        if end > size:
            if length > _LARGEST_PACKET:
                raise UnusualCaptureError(f"a record of {length} bytes")
            break
        found(at)
        at = end
    return begins, at


def _records(buffer: bytes, begins: list[int], order: str, unit_ns: int) -> Records:
    data = np.frombuffer(buffer + bytes(SPARE_BYTES), dtype=np.uint8)
    at = np.array(begins, dtype=np.int64)
    word = order + "u4"
    head = headers_at(
        data,
        at,
        np.dtype([("second", word), ("fraction", word), ("captured", word), ("whole", word)]),
    )
    seconds, fraction = head["second"].astype(np.int64), head["fraction"].astype(np.int64) * unit_ns
    captured, whole = head["captured"].astype(np.int64), head["whole"].astype(np.int64)
    if (
        (fraction >= 1_000_000_000).any()
        or (captured > whole).any()
        or (captured > _LARGEST_PACKET).any()
    ):
        raise UnusualCaptureError("a record that cannot be right")
    return Records(data, at + _RECORD_BYTES, captured, whole, seconds * 1_000_000_000 + fraction)
