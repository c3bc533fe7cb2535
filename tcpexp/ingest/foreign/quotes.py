"""ICMP errors about TCP packets, by what they quote (RFC 792, RFC 4443): the table ``packets`` has
no columns for that.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop

from tcpexp.ingest.foreign.frames import Frames
from tcpexp.ingest.headers import ICMP, IP_TCP
from tcpexp.ingest.pcap import Int64

#: So many are kept of a file.
MOST_QUOTES = 1000
_IPV4_BYTES, _IPV6_BYTES, _ICMP_BYTES, _TCP_BYTES = 20, 40, 8, 8
#: RFC 792: unreachable, source quench, time exceeded, parameter problem.
_ERRORS = {3: "unreachable", 4: "quench", 11: "expired", 12: "parameter"}
_TOO_BIG_CODE = 4
#: RFC 4443 section 3.
_ERRORS6 = {1: "unreachable", 2: "too_big", 3: "expired", 4: "parameter"}


@dataclass(frozen=True)
class Quoted:
    """A TCP packet's ends as text and port, its sequence number, and where in the ICMP message its
    IP header begins and its TCP header does.
    """

    src: str
    src_port: int
    dst: str
    dst_port: int
    seq: int
    ip_at: int
    tcp_at: int


@dataclass(frozen=True)
class Quote:
    """One ICMP error about a TCP packet.

    ``number`` is its frame's, ``source`` who sent it; ``kind`` is unreachable, too_big, quench,
    expired or parameter, ``code`` as in the message; ``mtu`` is what a too_big tells (bytes, None
    where it tells none). The others are those of the TCP packet.
    """

    number: int
    source: str
    kind: str
    code: int
    mtu: int | None
    src: str
    src_port: int
    dst: str
    dst_port: int
    seq: int


def quotes_of(frames: Frames, numbers: Int64, room: int) -> Iterator[Quote]:
    """Yield the ICMP errors about TCP among a piece's packets that lie in no tunnel, at most
    ``room``.
    """
    known = list(frames.context.addresses.known)
    for row in frames.icmp[:room]:
        at, end, src = int(frames.at[row]), int(frames.end[row]), int(frames["src"][row])
        message = frames.data[at:end].tobytes()
        if frames["protocol"][row] != ICMP or src < 0:
            continue
        kind, code, mtu = error_of(message, six=len(known[src]) == 16)
        quoted = read_quoted(message) if kind else None
        if kind and quoted is not None:
            ends = (quoted.src, quoted.src_port, quoted.dst, quoted.dst_port, quoted.seq)
            yield Quote(int(numbers[row]), _text(known[src]), kind, code, mtu, *ends)


def error_of(message: bytes, *, six: bool) -> tuple[str | None, int, int | None]:
    """Return which error an ICMP message is (None: none that is known), its code, and an MTU."""
    if len(message) < _ICMP_BYTES:
        return None, 0, None
    number, code = message[0], message[1]
    if six:
        mtu = struct.unpack(">I", message[4:8])[0]
        kind = _ERRORS6.get(number)
        return kind, code, mtu if kind == "too_big" else None
    mtu = struct.unpack(">H", message[6:8])[0]
    if (number, code) == (3, _TOO_BIG_CODE):  # RFC 1191 section 4; an old router tells no MTU
        return "too_big", code, mtu or None
    return _ERRORS.get(number), code, None


def read_quoted(message: bytes) -> Quoted | None:
    """Return the TCP packet that an ICMP error quotes, None where it quotes something else, or
    less than its first 8 bytes.
    """
    at = _ICMP_BYTES
    if len(message) <= at:
        return None
    if message[at] >> 4 == 4:
        head = 4 * (message[at] & 15)
        whole = len(message) >= at + _IPV4_BYTES and head >= _IPV4_BYTES
        if not whole or message[at + 9] != IP_TCP or message[at + 6 : at + 8] not in _UNBROKEN:
            return None
        ends = message[at + 12 : at + 16], message[at + 16 : at + 20]
    elif message[at] >> 4 == 6:
        head = _IPV6_BYTES
        if len(message) < at + head or message[at + 6] != IP_TCP:
            return None
        ends = message[at + 8 : at + 24], message[at + 24 : at + 40]
    else:
        return None
    tcp_at = at + head
    if len(message) < tcp_at + _TCP_BYTES:
        return None
    src_port, dst_port, seq = struct.unpack(">HHI", message[tcp_at : tcp_at + _TCP_BYTES])
    return Quoted(_text(ends[0]), src_port, _text(ends[1]), dst_port, seq, at, tcp_at)


#: The fragment field of packets that are whole, with and without DF.
_UNBROKEN = (b"\0\0", b"\x40\0")


def _text(address: bytes) -> str:
    return inet_ntop(AF_INET if len(address) == 4 else AF_INET6, address)
