"""Are two runs' captures the same packets, byte for byte, and if not, which packet is the first
that differs?
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: pcap's magic number, little endian, of captures with times in ns and in µs
#: (draft-ietf-opsawg-pcap).
_MAGIC = {0xA1B23C4D: 1, 0xA1B2C3D4: 1000}
_FILE_HEADER, _PACKET_HEADER = 24, 16


@dataclass(frozen=True)
class CaptureMatch:
    """One capture of two runs. ``first`` is the number of the first packet that differs and
    ``first_ns`` its time in run A (ns from t0).

    Both are None when the captures are equal, when one is absent, and where B goes on after A's
    last packet.
    """

    capture: str
    result: Literal["equal", "differs", "only in A", "only in B"]
    bytes_a: int | None
    bytes_b: int | None
    first: int | None = None
    first_ns: int | None = None


def compare_captures(a: Path, b: Path, t0_realtime_ns: int | None = None) -> list[CaptureMatch]:
    """Compare ``raw/*.pcap`` of two run directories by their bytes, sorted by name.

    ``t0_realtime_ns`` is A's zero.
    """
    names = sorted({path.name for run in (a, b) for path in (run / "raw").glob("*.pcap")})
    return [_compare(a / "raw" / name, b / "raw" / name, t0_realtime_ns) for name in names]


def _compare(a: Path, b: Path, t0_realtime_ns: int | None) -> CaptureMatch:
    size_a, size_b = (path.stat().st_size if path.is_file() else None for path in (a, b))
    if size_a is None or size_b is None:
        return CaptureMatch(a.stem, "only in B" if size_a is None else "only in A", size_a, size_b)
    offset = first_difference(a, b)
    if offset is None:
        return CaptureMatch(a.stem, "equal", size_a, size_b)
    number, time_ns = packet_at(a, offset)
    since = time_ns - t0_realtime_ns if time_ns is not None and t0_realtime_ns is not None else None
    return CaptureMatch(a.stem, "differs", size_a, size_b, number, since)


def first_difference(a: Path, b: Path, block: int = 1 << 20) -> int | None:
    """Return the offset of the first byte at which two files differ (one's end counts), None when
    they are equal.
    """
    position = 0
    with a.open("rb") as one, b.open("rb") as other:
        while True:
            left, right = one.read(block), other.read(block)
            if left != right:
                both = zip(left, right, strict=False)
                return position + next(
                    (index for index, (x, y) in enumerate(both) if x != y),
                    min(len(left), len(right)),
                )
            if not left:
                return None
            position += len(left)


def packet_at(capture: Path, offset: int) -> tuple[int | None, int | None]:
    """Return number (from 1) and time (ns since 1970) of the packet that holds a file's byte
    ``offset``; None beyond the last.

    Reads little-endian pcap, as tcpdump writes it on x86 and Arm; anything else gives (None, None).
    """
    size = capture.stat().st_size
    if size < _FILE_HEADER or offset < _FILE_HEADER:
        return None, None
    with capture.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        scale = _MAGIC.get(struct.unpack_from("<I", data)[0])
        position, number = _FILE_HEADER, 0
        while scale is not None and position + _PACKET_HEADER <= size:
            seconds, fraction, length = struct.unpack_from("<III", data, position)
            number += 1
            position += _PACKET_HEADER + length
            if offset < position:
                return number, seconds * 1_000_000_000 + fraction * scale
    return None, None
