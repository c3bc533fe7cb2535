"""What ICMP errors quote (RFC 792, RFC 4443): Wireshark reads it as a packet too, so that it may be
damaged, or the first of a connection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.checksums import is_wrong
from tcpexp.ingest.headers import (
    IP_ICMP,
    IP_ICMPV6,
    IP_TCP,
    IP_UDP,
    IPV4_HEADER,
    IPV6_HEADER,
    MORE_OR_OFFSET,
    TCP_HEADER,
    Columns,
    captured_behind,
    expect,
)
from tcpexp.ingest.pcap import Int64, headers_at

_ICMP_BYTES = 8


@dataclass(frozen=True)
class Quoted:
    """TCP segments of which ICMP errors quote the whole header: the error's row, and the ends as in
    the columns of packets.
    """

    rows: Int64
    ends: tuple[Int64, Int64, Int64, Int64]


def read_quoted(columns: Columns) -> list[Quoted]:
    """Mark the errors that quote a damaged packet, and return the TCP segments that errors quote.

    Raises ``UnusualCaptureError``.
    """
    found = []
    for rows in columns.quoting:
        for four in (True, False):
            few = rows[(columns["ip_id"][rows] >= 0) == four]
            if few.size:
                found.append(_read_inner(columns, few, four))
    return found


def _read_inner(columns: Columns, rows: Int64, four: bool) -> Quoted:
    layout = IPV4_HEADER if four else IPV6_HEADER
    size = 20 if four else layout.itemsize
    at = columns.transport[rows] + _ICMP_BYTES
    quoted = (
        np.minimum(columns.ip_bytes[rows] - _ICMP_BYTES, captured_behind(columns, rows, at)) - size
    )
    expect(quoted >= 0, "an ICMP error that quotes less than a header")
    head = headers_at(columns.records.data, at, layout)
    protocol = head["protocol" if four else "next"].astype(np.int64)
    if four:
        expect(
            (head["version_ihl"] == 0x45) & (head["fragment"] & MORE_OR_OFFSET == 0),
            "an ICMP error about a fragment or IP options",
        )
    known = (IP_TCP, IP_UDP, IP_ICMP) if four else (IP_TCP, IP_UDP, IP_ICMPV6)
    expect(
        np.isin(protocol, known), "an ICMP error about a protocol that is neither TCP, UDP nor ICMP"
    )
    whole = head["length"].astype(np.int64) - (size if four else 0)
    _check(columns, rows, (at + size, whole, protocol, quoted), 8 if four else 32)
    return _tcp(columns, rows, (at + size, protocol, quoted), head)


def _check(
    columns: Columns, rows: Int64, inner: tuple[Int64, Int64, Int64, Int64], addresses_bytes: int
) -> None:
    """Mark the errors that quote a whole TCP segment or UDP datagram whose checksum is wrong."""
    at, whole, protocol, quoted = inner
    checked = (
        ((protocol == IP_TCP) | (protocol == IP_UDP)) & (quoted >= whole) & (whole >= _ICMP_BYTES)
    )
    if checked.any():
        begin, size = at[checked] - addresses_bytes, whole[checked]
        wrong = is_wrong(
            columns.records.data, begin, size + addresses_bytes, size + protocol[checked]
        )
        columns.checksum_bad[rows[checked]] |= wrong


def _tcp(
    columns: Columns, rows: Int64, inner: tuple[Int64, Int64, Int64], head: NDArray[np.void]
) -> Quoted:
    at, protocol, quoted = inner
    tcp = protocol == IP_TCP
    expect(
        ~tcp | (quoted >= TCP_HEADER.itemsize) | (quoted == _ICMP_BYTES),
        "an ICMP error that quotes a part of a TCP header",
    )
    tcp &= quoted >= TCP_HEADER.itemsize
    ports = headers_at(columns.records.data, at[tcp], TCP_HEADER)
    source, target = (columns.addresses.number(head[name][tcp]) for name in ("src", "dst"))
    return Quoted(
        rows[tcp],
        (source, target, ports["src_port"].astype(np.int64), ports["dst_port"].astype(np.int64)),
    )
