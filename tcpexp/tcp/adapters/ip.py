"""IP packets around segments: IPv4 (RFC 791 section 3.1), IPv6 (RFC 8200 section 3), and the ICMP
errors that quote one (RFC 792, RFC 4443).
"""

from __future__ import annotations

import ipaddress
import struct
from functools import lru_cache
from typing import NamedTuple

from tcpexp.tcp.adapters.network import IpHeader, NetworkTrouble
from tcpexp.tcp.core.checksum import ones_complement_sum
from tcpexp.tcp.core.isn import Endpoint

TCP, ICMP, ICMPV6 = 6, 1, 58
_DONT_FRAGMENT = 0x4000
_V4 = struct.Struct("!BBHHHBBH")
_V6 = struct.Struct("!IHBB")
DEFAULT = IpHeader()
#: ICMP type and code to the core's word (tcpexp.tcp.core.icmp).
ERRORS_V4 = {
    (3, 0): "network unreachable",
    (3, 1): "host unreachable",
    (3, 2): "protocol unreachable",
    (3, 3): "port unreachable",
    (3, 4): "fragmentation needed",
    (3, 5): "source route failed",
    (3, 9): "network unreachable",
    (3, 10): "host unreachable",
    (3, 13): "host unreachable",
    (4, 0): "source quench",
    (11, 0): "time exceeded",
    (11, 1): "time exceeded",
    (12, 0): "parameter problem",
}
ERRORS_V6 = {
    (1, 0): "network unreachable",
    (1, 1): "host unreachable",
    (1, 3): "host unreachable",
    (1, 4): "port unreachable",
    (2, 0): "fragmentation needed",
    (3, 0): "time exceeded",
    (3, 1): "time exceeded",
    (4, 0): "parameter problem",
    (4, 1): "protocol unreachable",
}


class PacketError(Exception):
    """Bytes that are no IP packet for us; the message is a reason in two or three words."""


class Packet(NamedTuple):
    """An IP packet: addresses as text, the protocol's number, what it carries, its ECN field."""

    source: str
    destination: str
    protocol: int
    payload: bytes
    ecn: int = 0


@lru_cache(maxsize=1024)
def _addresses(source: str, destination: str, header: IpHeader, ecn: int) -> tuple[int, bytes, int]:
    """Return (IP version, both addresses packed, their share of an IPv4 header's checksum with the
    fields that never change).
    """
    packed = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    fixed = _V4.pack(0x45, header.dscp << 2 | ecn, 0, 0, _DONT_FRAGMENT, header.hop_limit, TCP, 0)
    return (4 if len(packed) == 8 else 6), packed, ones_complement_sum(fixed + packed)


@lru_cache(maxsize=1024)
def _text(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


def encode_packet(
    source: str,
    destination: str,
    payload: bytes,
    identification: int = 0,
    header: IpHeader = DEFAULT,
    ecn: int = 0,
) -> bytes:
    """Return a TCP segment's bytes as an IP packet; ``identification`` is IPv4's, 16 bits, ``ecn``
    the two bits behind the code point.

    RFC 791 section 3.1; RFC 8200 section 3; RFC 3168 section 5. Fragments are never made: DF is
    set.
    """
    version, packed, fixed = _addresses(source, destination, header, ecn)
    if version == 6:
        return (
            _V6.pack(6 << 28 | header.dscp << 22 | ecn << 20, len(payload), TCP, header.hop_limit)
            + packed
            + payload
        )
    length = 20 + len(payload)
    checksum = 0xFFFF ^ ((fixed + length + identification) % 0xFFFF or 0xFFFF)
    return (
        _V4.pack(
            0x45,
            header.dscp << 2 | ecn,
            length,
            identification,
            _DONT_FRAGMENT,
            header.hop_limit,
            TCP,
            checksum,
        )
        + packed
        + payload
    )


def decode_packet(data: bytes) -> Packet:
    """Return the packet in ``data``, without what may follow its end.

    Raises: PacketError for what is cut short, a wrong header checksum, a fragment, an IPv6
    extension header.
    """
    if not data:
        raise PacketError("empty packet")
    return _decode_v4(data) if data[0] >> 4 == 4 else _decode_v6(data)


def _decode_v4(data: bytes) -> Packet:
    """Return an IPv4 packet; what its options say is nothing to TCP.

    RFC 791 section 3.1, RFC 9293 section 3.9.2 (MUST-50).
    """
    if len(data) < 20:
        raise PacketError("cut short")
    first, service, length, _, fragment, _, protocol, _ = _V4.unpack_from(data)
    header = (first & 15) * 4
    if not 20 <= header <= length <= len(data):
        raise PacketError("cut short")
    if ones_complement_sum(data[:header]):
        raise PacketError("wrong IP checksum")
    if fragment & 0x3FFF:
        raise PacketError("fragment")
    ends = _text(data[12:16]), _text(data[16:20])
    return Packet(*ends, protocol, data[header:length], service & 3)


def _decode_v6(data: bytes) -> Packet:
    """RFC 8200 section 3."""
    if data[0] >> 4 != 6:
        raise PacketError("not IP")
    if len(data) < 40:
        raise PacketError("cut short")
    first, length, following, _ = _V6.unpack_from(data)
    if 40 + length > len(data):
        raise PacketError("cut short")
    if following not in (TCP, ICMPV6):
        raise PacketError("not TCP")
    ends = _text(data[8:24]), _text(data[24:40])
    return Packet(*ends, following, data[40 : 40 + length], first >> 20 & 3)


def decode_icmp(packet: Packet, address: str) -> NetworkTrouble | None:
    """Return what an ICMP error says about a segment that ``address`` sent; None for anything else.

    RFC 792 and RFC 4443 section 3: the error quotes the IP header and at least 8 octets of what it
    carried: ports and sequence number.
    """
    data = packet.payload
    if len(data) < 8:
        return None
    if packet.protocol == ICMP:
        error, start = ERRORS_V4.get((data[0], data[1])), 8
        if error is None or len(data) < start + 28 or ones_complement_sum(data):
            return None
        quoted = data[start:]
        header, protocol, addresses = (
            (quoted[0] & 15) * 4,
            quoted[9],
            (quoted[12:16], quoted[16:20]),
        )
    elif packet.protocol == ICMPV6:
        error = ERRORS_V6.get((data[0], data[1]))
        if error is None or len(data) < 8 + 48:
            return None
        quoted = data[8:]
        header, protocol, addresses = 40, quoted[6], (quoted[8:24], quoted[24:40])
    else:
        return None
    if protocol != TCP or len(quoted) < header + 8 or _text(addresses[0]) != address:
        return None
    local_port, port, seq = struct.unpack_from("!HHI", quoted, header)
    return NetworkTrouble(error, local_port, Endpoint(_text(addresses[1]), port), seq)
