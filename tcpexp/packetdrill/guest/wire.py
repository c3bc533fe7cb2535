"""Headers of IP packets: where they are, whose they are, and their checksums.

A script's packet comes as bytes in the script's numbers. :func:`to_live` puts the connection's own
numbers into it before it is injected.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, ACK = 0x01, 0x02, 0x10
OPTION_END, OPTION_NOP, OPTION_SACK, OPTION_TIMESTAMPS = 0, 1, 5, 8
ADDRESSES = {4: (12, 16, 20), 6: (8, 24, 40)}
#: What of the offending packet an ICMP message shows: its IP header and eight octets.
ICMP_HEADER = 8


@dataclass(frozen=True)
class Headers:
    """Where the transport header of a packet starts, and who sends it to whom."""

    version: int
    protocol: int
    start: int
    source: tuple[bytes, int]
    target: tuple[bytes, int]

    @property
    def ends(self) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
        """Return source and target, each an address and a port."""
        return self.source, self.target


def read_headers(data: bytes | bytearray, at: int = 0) -> Headers | None:
    """Return the headers of an IP packet that begins at ``at``; None for one that is none."""
    if len(data) < at + 20:
        return None
    version = data[at] >> 4
    if version == 4:
        protocol, start = data[at + 9], at + (data[at] & 15) * 4
    elif version == 6 and len(data) >= at + 40:
        protocol, start = data[at + 6], at + 40
    else:
        return None
    first, second, end = (at + offset for offset in ADDRESSES[version])
    ports = (0, 0)
    if protocol in (TCP, UDP) and len(data) >= start + 4:
        ports = struct.unpack_from("!HH", data, start)
    source = (bytes(data[first:second]), ports[0])
    target = (bytes(data[second:end]), ports[1])
    return Headers(version, protocol, start, source, target)


def payload_length(data: bytes | bytearray, headers: Headers) -> int:
    """Return how many octets of a TCP segment's payload a packet has."""
    return len(data) - headers.start - (data[headers.start + 12] >> 4) * 4


def options(data: bytes | bytearray, start: int) -> list[tuple[int, int, int]]:
    """Return the options of the TCP header at ``start``: kind, place of the value, its length."""
    found = []
    place, end = start + 20, start + (data[start + 12] >> 4) * 4
    while place < min(end, len(data)):
        kind = data[place]
        if kind == OPTION_END:
            break
        if kind == OPTION_NOP:
            place += 1
            continue
        if place + 1 >= end or data[place + 1] < 2:
            break
        found.append((kind, place + 2, data[place + 1] - 2))
        place += data[place + 1]
    return found


def timestamps(data: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Return value and echo of the timestamps option (RFC 7323), None without one."""
    for kind, place, length in options(data, start):
        if kind == OPTION_TIMESTAMPS and length == 8:
            value, echo = struct.unpack_from("!II", data, place)
            return value, echo
    return None


def add(data: bytearray, place: int, offset: int) -> None:
    """Add ``offset`` to the 32-bit number at ``place``, modulo 2^32."""
    number = struct.unpack_from("!I", data, place)[0]
    struct.pack_into("!I", data, place, (number + offset) & 0xFFFFFFFF)


def set_ends(
    data: bytearray, at: int, source: tuple[bytes, int], target: tuple[bytes, int]
) -> None:
    """Write addresses into the IP packet at ``at``, and ports where they are 0."""
    headers = read_headers(data, at)
    if headers is None:
        return
    first, second, end = (at + offset for offset in ADDRESSES[headers.version])
    data[first:second], data[second:end] = source[0], target[0]
    if headers.protocol in (TCP, UDP):
        for place, port in ((headers.start, source[1]), (headers.start + 2, target[1])):
            if struct.unpack_from("!H", data, place)[0] == 0:
                struct.pack_into("!H", data, place, port)


def checksum(data: bytes | bytearray) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = bytes(data) + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def fill_checksums(data: bytearray) -> None:
    """Write the checksums of an IP packet: the header's of IPv4, and the transport's."""
    headers = read_headers(data)
    if headers is None:
        return
    if headers.version == 4:
        data[10:12] = b"\0\0"
        struct.pack_into("!H", data, 10, checksum(data[: headers.start]))
    place = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}.get(headers.protocol)
    if place is None:
        return
    body = data[headers.start :]
    body[place : place + 2] = b"\0\0"
    pseudo = b""
    if headers.protocol != ICMP:
        length = len(body)
        ends = headers.source[0] + headers.target[0]
        pseudo = ends + struct.pack("!II", length, headers.protocol)
    struct.pack_into("!H", data, headers.start + place, checksum(pseudo + body))
