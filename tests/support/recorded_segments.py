"""Segments that Linux sent, from a capture."""

from __future__ import annotations

import struct

from tests.support.folders import RECORDED

PCAP = RECORDED / "tcpdump-4.99-lossy-h1-eth0.pcap"


def recorded() -> list[tuple[bytes, str, str]]:
    """Return the TCP segments, with their addresses, of a capture of Linux 6.1's TCP that are there
    in full.
    """
    data, found, at = PCAP.read_bytes(), [], 24
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    while at < len(data):
        _, _, captured, _length = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16 : at + 16 + captured]
        at += 16 + captured
        if frame[12:14] == b"\x08\x00" and frame[23] == 6:
            start, total = 14 + (frame[14] & 15) * 4, int.from_bytes(frame[16:18], "big")
            if captured >= 14 + total:
                found.append(
                    (
                        frame[start : 14 + total],
                        ".".join(map(str, frame[26:30])),
                        ".".join(map(str, frame[30:34])),
                    )
                )
    return found
