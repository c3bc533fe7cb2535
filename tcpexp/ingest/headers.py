"""Packets of a capture to columns: what their Ethernet, ARP, IP, TCP, UDP and ICMP headers hold, a
whole piece of a capture at a time.

A column is an array with one element per packet; -1 stands for a field that the packet does not
have. Whatever is not an everyday packet (fragments, VLAN tags, tunnels, lengths that contradict
each other, a header that was cut off) is left to tshark.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.checksums import is_wrong
from tcpexp.ingest.pcap import Int64, Records, UnusualCaptureError, headers_at

#: The words of the column ``protocol``, in the order of their numbers here.
PROTOCOLS = ("other", "tcp", "udp", "icmp", "arp", "nd", "mld")
OTHER, TCP, UDP, ICMP, ARP, ND, MLD = range(len(PROTOCOLS))

ETHERNET_BYTES = 14
_ETHERNET = np.dtype([("to", "V6"), ("from", "V6"), ("type", ">u2")])
_ARP = np.dtype(
    [
        ("hardware", ">u2"),
        ("protocol", ">u2"),
        ("lengths", ">u2"),
        ("operation", ">u2"),
        ("sha", "V6"),
        ("src", "S4"),
        ("tha", "V6"),
        ("dst", "S4"),
    ]
)
IPV4_HEADER = np.dtype(
    [
        ("version_ihl", "u1"),
        ("tos", "u1"),
        ("length", ">u2"),
        ("id", ">u2"),
        ("fragment", ">u2"),
        ("ttl", "u1"),
        ("protocol", "u1"),
        ("checksum", ">u2"),
        ("src", "S4"),
        ("dst", "S4"),
        ("option", "u1"),
    ]
)
IPV6_HEADER = np.dtype(
    [
        ("version_class", ">u4"),
        ("length", ">u2"),
        ("next", "u1"),
        ("hops", "u1"),
        ("src", "S16"),
        ("dst", "S16"),
    ]
)
TCP_HEADER = np.dtype(
    [
        ("src_port", ">u2"),
        ("dst_port", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("offset", "u1"),
        ("flags", "u1"),
        ("window", ">u2"),
        ("checksum", ">u2"),
        ("urgent", ">u2"),
    ]
)
UDP_HEADER = np.dtype(
    [("src_port", ">u2"), ("dst_port", ">u2"), ("length", ">u2"), ("checksum", ">u2")]
)
_ICMP = np.dtype([("type", "u1"), ("code", "u1"), ("checksum", ">u2")])
_NEXT = np.dtype([("next", "u1"), ("length", "u1")])
#: Numbers of protocols in an IP header.
IP_ICMP, _IP_IGMP, IP_TCP, IP_UDP, _HOP_BY_HOP, IP_ICMPV6 = 1, 2, 6, 17, 0, 58
_ROUTER_ALERT = 0x94
MORE_OR_OFFSET = 0x3FFF
#: ICMPv6 types that do what ARP and IGMP do over IPv4: RFC 4861 section 4, RFC 2710 and RFC 3810.
_NEIGHBOUR_DISCOVERY = (133, 137)
_GROUP_MEMBERSHIP = (130, 131, 132, 143)
#: ICMP's types that quote the packet they are about (RFC 792), and ICMPv6's first that does not
#: (RFC 4443 section 2.1).
_QUOTING = (3, 4, 5, 11, 12)
_FIRST_INFORMATIONAL = 128

#: Columns with one number per packet.
NUMBERS = (
    "src",
    "dst",
    "src_port",
    "dst_port",
    "ip_id",
    "checksum",
    "ttl",
    "ecn",
    "flags",
    "seq",
    "ack",
    "payload_bytes",
    "window",
)


@dataclass
class Columns:
    """What the headers of ``records`` hold, a column by name; ``src`` and ``dst`` count in
    ``addresses``.

    ``transport`` is where the header of TCP, UDP or ICMP begins in ``records.data``,
    ``header_bytes`` how long TCP's is, ``ip_bytes`` how long the packet is from there on.
    ``quoting`` are the rows of ICMP messages that quote a packet.
    """

    records: Records
    addresses: Addresses
    protocol: Int64
    transport: Int64
    header_bytes: Int64
    ip_bytes: Int64
    checksum_bad: NDArray[np.bool_]
    numbers: dict[str, Int64] = field(default_factory=dict)
    quoting: list[Int64] = field(default_factory=list)

    def __getitem__(self, name: str) -> Int64:
        return self.numbers[name]


class Addresses:
    """The addresses of a capture, numbered as they appear: IPv4's of 4 bytes, IPv6's of 16."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}

    def number(self, column: NDArray[np.bytes_]) -> Int64:
        """Return the number of each address of a column of bytes."""
        size = column.dtype.itemsize
        plain = np.ascontiguousarray(column)
        different, which = np.unique(
            plain.view(np.uint32) if size == 4 else plain, return_inverse=True
        )
        octets = different.tobytes()
        each = (octets[at : at + size] for at in range(0, len(octets), size))
        numbers = [self.known.setdefault(address, len(self.known)) for address in each]
        return np.array(numbers, dtype=np.int64)[which]


def read_headers(records: Records, addresses: Addresses) -> Columns:
    """Return the columns of ``records``.

    Raises ``UnusualCaptureError`` when a packet is left to tshark.
    """
    count = records.count
    absent = {name: np.full(count, -1, dtype=np.int64) for name in NUMBERS}
    protocol, transport, header_bytes, ip_bytes = (
        np.zeros(count, dtype=np.int64) for _ in range(4)
    )
    columns = Columns(
        records,
        addresses,
        protocol,
        transport,
        header_bytes,
        ip_bytes,
        np.zeros(count, dtype=np.bool_),
        absent,
    )
    expect(records.captured >= ETHERNET_BYTES, "a packet without a whole Ethernet header")
    kinds = headers_at(records.data, records.at, _ETHERNET)["type"]
    left = kinds.size
    for number, read in ((0x0800, _read_ipv4), (0x86DD, _read_ipv6), (0x0806, _read_arp)):
        rows = np.flatnonzero(kinds == number)
        left -= rows.size
        if rows.size:
            read(columns, rows)
    expect(left == 0, "a packet that is neither IP nor ARP")
    return columns


def expect(good: NDArray[np.bool_] | bool, what: str) -> None:
    """Raise ``UnusualCaptureError`` about ``what`` unless all are good."""
    if not np.all(good):
        raise UnusualCaptureError(what)


def captured_behind(columns: Columns, rows: Int64, begin: Int64 | int) -> Int64:
    """Return how many bytes of the packets ``rows`` were captured from ``begin`` on, counted in the
    file's piece.
    """
    left: Int64 = columns.records.at[rows] + columns.records.captured[rows] - begin
    return left


def _read_arp(columns: Columns, rows: Int64) -> None:
    at = columns.records.at[rows] + ETHERNET_BYTES
    head = headers_at(columns.records.data, at, _ARP)
    expect(captured_behind(columns, rows, at) >= _ARP.itemsize, "an ARP packet that was cut off")
    expect(
        (head["hardware"] == 1) & (head["protocol"] == 0x0800) & (head["lengths"] == 0x0604),
        "ARP for something else than IPv4",
    )
    columns.protocol[rows] = ARP
    _set(
        columns,
        rows,
        src=columns.addresses.number(head["src"]),
        dst=columns.addresses.number(head["dst"]),
    )


def _set(columns: Columns, rows: Int64, **values: NDArray[np.generic]) -> None:
    for name, value in values.items():
        columns.numbers[name][rows] = value


def _read_ipv4(columns: Columns, rows: Int64) -> None:
    at = columns.records.at[rows] + ETHERNET_BYTES
    head = headers_at(columns.records.data, at, IPV4_HEADER)
    size = (head["version_ihl"].astype(np.int64) & 15) * 4
    length = head["length"].astype(np.int64)
    expect(
        (head["version_ihl"] >> 4 == 4) & (size >= 20),
        "a packet that is not IPv4 although Ethernet says so",
    )
    expect(
        (size == 20) | ((size == 24) & (head["option"] == _ROUTER_ALERT)),
        "an IPv4 packet with options",
    )
    expect(
        (length >= size) & (length <= columns.records.frame_bytes[rows] - ETHERNET_BYTES),
        "an IPv4 packet whose length is not the frame's",
    )
    expect(captured_behind(columns, rows, at) >= size, "an IPv4 header that was cut off")
    expect(head["fragment"] & MORE_OR_OFFSET == 0, "a fragment")
    columns.checksum_bad[rows] = is_wrong(columns.records.data, at, size)
    _set(
        columns,
        rows,
        src=columns.addresses.number(head["src"]),
        dst=columns.addresses.number(head["dst"]),
        ttl=head["ttl"],
        ecn=head["tos"] & 3,
        ip_id=head["id"],
    )
    columns.transport[rows] = at + size
    columns.ip_bytes[rows] = length - size
    expect(
        np.isin(head["protocol"], (IP_TCP, IP_UDP, IP_ICMP, _IP_IGMP)),
        "a protocol over IPv4 that is neither TCP, UDP, ICMP nor IGMP",
    )
    _read_transport(columns, rows, head["protocol"])


def _read_ipv6(columns: Columns, rows: Int64) -> None:
    at = columns.records.at[rows] + ETHERNET_BYTES
    head = headers_at(columns.records.data, at, IPV6_HEADER)
    length = head["length"].astype(np.int64)
    expect(head["version_class"] >> 28 == 6, "a packet that is not IPv6 although Ethernet says so")
    expect(
        length <= columns.records.frame_bytes[rows] - ETHERNET_BYTES - IPV6_HEADER.itemsize,
        "an IPv6 packet whose length is not the frame's",
    )
    expect(
        (length > 0) & (captured_behind(columns, rows, at) >= IPV6_HEADER.itemsize),
        "an IPv6 header that was cut off",
    )
    _set(
        columns,
        rows,
        src=columns.addresses.number(head["src"]),
        dst=columns.addresses.number(head["dst"]),
        ttl=head["hops"],
        ecn=(head["version_class"] >> 20) & 3,
    )
    behind, protocol = at + IPV6_HEADER.itemsize, head["next"].astype(np.int64)
    extended = np.flatnonzero(protocol == _HOP_BY_HOP)
    if extended.size:
        options = headers_at(columns.records.data, behind[extended], _NEXT)
        expect(
            captured_behind(columns, rows[extended], behind[extended]) >= 8,
            "an IPv6 header that was cut off",
        )
        expect(
            (options["next"] == IP_ICMPV6) & (options["length"] == 0) & (length[extended] >= 8),
            "an IPv6 extension header",
        )
        protocol[extended] = IP_ICMPV6
        behind[extended] += 8
        length[extended] -= 8
    columns.transport[rows] = behind
    columns.ip_bytes[rows] = length
    expect(
        np.isin(protocol, (IP_TCP, IP_UDP, IP_ICMPV6)),
        "a protocol over IPv6 that is neither TCP, UDP nor ICMPv6",
    )
    _read_transport(columns, rows, protocol)


def _read_transport(columns: Columns, rows: Int64, protocol: NDArray[np.generic]) -> None:
    for number, read in (
        (IP_TCP, _read_tcp),
        (IP_UDP, _read_udp),
        (IP_ICMP, _read_icmp),
        (IP_ICMPV6, _read_icmpv6),
    ):
        few = rows[protocol == number]
        if few.size:
            read(columns, few)


def _read_tcp(columns: Columns, rows: Int64) -> None:
    at, size = columns.transport[rows], columns.ip_bytes[rows]
    head = headers_at(columns.records.data, at, TCP_HEADER)
    header = (head["offset"].astype(np.int64) >> 4) * 4
    captured = captured_behind(columns, rows, at)
    expect(captured >= np.minimum(size, TCP_HEADER.itemsize), "a TCP header that was cut off")
    expect(
        (header >= TCP_HEADER.itemsize) & (header <= size),
        "a TCP header whose length cannot be right",
    )
    expect(captured >= header, "a TCP header that was cut off")
    columns.protocol[rows] = TCP
    columns.header_bytes[rows] = header
    _set(
        columns,
        rows,
        payload_bytes=size - header,
        **{
            name: head[name]
            for name in ("src_port", "dst_port", "seq", "ack", "window", "checksum")
        },
        # the ninth flag, AE, is the last bit before the other eight
        flags=head["flags"].astype(np.int64) | (head["offset"].astype(np.int64) & 1) << 8,
    )
    whole = rows[captured >= size]
    _check(columns, whole, IP_TCP)
    # right, but Wireshark says that it should be 0
    columns.checksum_bad[whole] |= columns["checksum"][whole] == 0xFFFF


def _read_udp(columns: Columns, rows: Int64) -> None:
    at, size = columns.transport[rows], columns.ip_bytes[rows]
    head = headers_at(columns.records.data, at, UDP_HEADER)
    captured = captured_behind(columns, rows, at)
    expect(captured >= UDP_HEADER.itemsize, "a UDP header that was cut off")
    expect(head["length"] == size, "a UDP header whose length is not the packet's")
    columns.protocol[rows] = UDP
    _set(
        columns,
        rows,
        payload_bytes=size - UDP_HEADER.itemsize,
        src_port=head["src_port"],
        dst_port=head["dst_port"],
        checksum=head["checksum"],
    )
    _check(columns, rows[(captured >= size) & (head["checksum"] != 0)], IP_UDP)


def _check(columns: Columns, rows: Int64, protocol: int) -> None:
    """Mark those of ``rows``, captured whole, whose checksum of TCP or UDP is wrong: RFC 9293
    section 3.1, RFC 8200 section 8.1.
    """
    for is_v4 in (True, False):
        few = rows[(columns["ip_id"][rows] >= 0) == is_v4]
        if few.size:
            at, size = columns.transport[few], columns.ip_bytes[few]
            # both addresses; no header is between them and TCP or UDP here
            begin = at - (8 if is_v4 else 32)
            columns.checksum_bad[few] |= is_wrong(
                columns.records.data, begin, size + (at - begin), size + protocol
            )


def _read_icmp(columns: Columns, rows: Int64) -> None:
    head = _icmp_header(columns, rows)
    columns.protocol[rows] = ICMP
    columns.quoting.append(rows[np.isin(head["type"], _QUOTING)])


def _icmp_header(columns: Columns, rows: Int64) -> NDArray[np.void]:
    at = columns.transport[rows]
    expect(
        (captured_behind(columns, rows, at) >= 8) & (columns.ip_bytes[rows] >= 8),
        "an ICMP header that was cut off",
    )
    return headers_at(columns.records.data, at, _ICMP)


def _read_icmpv6(columns: Columns, rows: Int64) -> None:
    head = _icmp_header(columns, rows)
    kind = head["type"]
    columns.protocol[rows] = ICMP
    columns.protocol[
        rows[(kind >= _NEIGHBOUR_DISCOVERY[0]) & (kind <= _NEIGHBOUR_DISCOVERY[1])]
    ] = ND
    columns.protocol[rows[np.isin(kind, _GROUP_MEMBERSHIP)]] = MLD
    _set(columns, rows, checksum=head["checksum"])
    columns.quoting.append(rows[kind < _FIRST_INFORMATIONAL])
