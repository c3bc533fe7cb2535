"""Captures read without any of tcpexp's own code."""

import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Frame:
    """One frame of a capture: ``t_ns`` is the capture's own clock."""

    t_ns: int
    data: bytes


def read_pcap(path: Path) -> list[Frame]:
    """Read a nanosecond pcap without any of tcpexp's own code."""
    blob = path.read_bytes()
    assert struct.unpack_from("<I", blob)[0] == 0xA1B23C4D, "not a little-endian nanosecond pcap"
    frames, at = [], 24
    while at < len(blob):
        seconds, nanoseconds, kept, _ = struct.unpack_from("<IIII", blob, at)
        frames.append(Frame(seconds * 10**9 + nanoseconds, blob[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return frames
