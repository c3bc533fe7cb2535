"""TCP, UDP and ICMP: the last header that columns are filled from."""

from __future__ import annotations

import numpy as np

from tcpexp.ingest.checksums import ones_sum
from tcpexp.ingest.foreign.frames import DONE, IP_PROTOCOL, PARTIAL, RIGHT, UNKNOWN, WRONG, Frames
from tcpexp.ingest.foreign.links import word_at
from tcpexp.ingest.foreign.names import udp_port_name
from tcpexp.ingest.foreign.network import sums_to
from tcpexp.ingest.foreign.options import read_options
from tcpexp.ingest.headers import (
    ICMP,
    IP_ICMP,
    IP_ICMPV6,
    IP_TCP,
    IP_UDP,
    MLD,
    ND,
    TCP,
    TCP_HEADER,
    UDP,
    UDP_HEADER,
)
from tcpexp.ingest.pcap import Int64, headers_at

_NEIGHBOUR_DISCOVERY = (133, 137)
_GROUP_MEMBERSHIP = (130, 131, 132, 143)
_SYN = 0x02
_TCP_BYTES, _UDP_BYTES = TCP_HEADER.itemsize, UDP_HEADER.itemsize


def take_tcp(frames: Frames, rows: Int64) -> None:
    """TCP (RFC 9293 section 3.1)."""
    rows = frames.keep_captured(rows, _TCP_BYTES, "TCP header")
    if not rows.size:
        return
    head = headers_at(frames.data, frames.at[rows], TCP_HEADER)
    size = (head["offset"].astype(np.int64) >> 4) * 4
    good = (size >= _TCP_BYTES) & (size <= frames.on_wire(rows))
    if not good.all():
        frames.fail(rows[~good], "a TCP header whose length cannot be right")
        rows, head, size = rows[good], head[good], size[good]
    _end_with_frame(frames, rows)
    at, captured = frames.at[rows], frames.captured(rows)
    # who takes options out of a packet forgets the IP length: a SYN has seldom more than options
    edited = (head["flags"] & _SYN > 0) & (frames.beyond[rows] > 0) & (captured == size)
    frames.wire_end[rows[edited]] = frames.end[rows[edited]]
    frames.set(
        rows,
        protocol=TCP,
        payload_bytes=frames.on_wire(rows) - size,
        header_bytes=size,
        options_cut=captured < size,
        flags=head["flags"].astype(np.int64) | (head["offset"].astype(np.int64) & 1) << 8,
        **{
            name: head[name]
            for name in ("src_port", "dst_port", "seq", "ack", "window", "checksum", "urgent")
        },
    )
    read_options(frames, rows, at + _TCP_BYTES, at + np.minimum(size, captured))
    _check(frames, rows, IP_TCP)
    frames.kind[rows] = DONE


def _end_with_frame(frames: Frames, rows: Int64) -> None:
    """End segments where their frame does, although the IP header tells of more, if the checksum is
    right so: something on the way wrote a wrong length.
    """
    few = rows[frames.beyond[rows] > 0]
    few = few[frames.end[few] >= frames.wire_end[few] - frames.beyond[few]]
    if not few.size:
        return
    told = frames.wire_end[few].copy()
    frames.wire_end[few] -= frames.beyond[few]
    _check(frames, few, IP_TCP)
    other = frames["sum"][few] != RIGHT
    frames.wire_end[few[other]] = told[other]
    frames.set(few, sum=UNKNOWN)


def take_udp(frames: Frames, rows: Int64) -> None:
    """UDP (RFC 768)."""
    rows = frames.keep_captured(rows, _UDP_BYTES, "UDP header")
    if not rows.size:
        return
    head = headers_at(frames.data, frames.at[rows], UDP_HEADER)
    length, on_wire = head["length"].astype(np.int64), frames.on_wire(rows)
    # 0 stands for a datagram that is longer than 16 bits tell (RFC 2675), or not yet cut
    size = np.where((length >= _UDP_BYTES) & (length <= on_wire), length, on_wire)
    frames.set(
        rows,
        protocol=UDP,
        src_port=head["src_port"],
        dst_port=head["dst_port"],
        checksum=head["checksum"],
        payload_bytes=size - _UDP_BYTES,
    )
    _name_by_port(frames, rows)
    checked = (head["checksum"] != 0) & (length == size)
    limit = frames.at[rows] + size
    frames.wire_end[rows] = limit
    frames.end[rows] = np.minimum(frames.end[rows], limit)
    _check(frames, rows[checked], IP_UDP)
    frames.kind[rows] = DONE


def _name_by_port(frames: Frames, rows: Int64) -> None:
    lower = np.minimum(frames["src_port"][rows], frames["dst_port"][rows])
    higher = np.maximum(frames["src_port"][rows], frames["dst_port"][rows])
    known = [(lower, False), (higher, True)]
    named = np.zeros(rows.size, dtype=np.bool_)
    for ports, _ in known:
        for port in np.unique(ports).tolist():
            word = udp_port_name(port)
            if word is not None:
                which = (ports == port) & ~named
                named |= which
                frames.name(rows[which], f"UDP port {port} ({word})")
    frames.name(rows[~named], "UDP")


def take_icmp(frames: Frames, rows: Int64) -> None:
    """ICMP (RFC 792), and ICMPv6 (RFC 4443) with its neighbour discovery and group membership."""
    rows = frames.keep_captured(rows, 4, "ICMP header")
    six = frames.kind[rows] == IP_PROTOCOL + IP_ICMPV6
    kind = word_at(frames, rows, 0, "u1")
    frames.set(rows, protocol=ICMP)
    frames.set(
        rows[six & (kind >= _NEIGHBOUR_DISCOVERY[0]) & (kind <= _NEIGHBOUR_DISCOVERY[1])],
        protocol=ND,
    )
    frames.set(rows[six & np.isin(kind, _GROUP_MEMBERSHIP)], protocol=MLD)
    frames.set(rows[six], checksum=word_at(frames, rows[six], 2, ">u2"))
    frames.icmp += rows.tolist()
    frames.kind[rows] = DONE


def _check(frames: Frames, rows: Int64, protocol: int) -> None:
    """Fill what the checksum of TCP or UDP says, where the whole segment was captured."""
    whole = frames.end[rows] >= frames.wire_end[rows]
    for size in (4, 16):
        few = rows[whole & (frames.address_bytes[rows] == size)]
        if not few.size:
            continue
        at, length = frames.at[few], frames.wire_end[few] - frames.at[few]
        pseudo = sums_to(frames.data, frames.src_at[few], size)
        pseudo = _folded(
            pseudo
            + sums_to(frames.data, frames.dst_at[few], size)
            + length % 0x10000
            + (length >> 16)
            + protocol
        )
        little = ones_sum(frames.data, at, length)
        total = _folded(pseudo + ((little & 0xFF) << 8 | little >> 8))
        right = total == 0xFFFF
        partial = ~right & (frames["checksum"][few] == pseudo)
        frames.columns["sum"][few] = np.where(right, RIGHT, np.where(partial, PARTIAL, WRONG))


def _folded(total: Int64) -> Int64:
    while (total > 0xFFFF).any():
        total = (total & 0xFFFF) + (total >> 16)
    return total


TAKERS = {
    IP_PROTOCOL + IP_TCP: take_tcp,
    IP_PROTOCOL + IP_UDP: take_udp,
    IP_PROTOCOL + IP_ICMP: take_icmp,
    IP_PROTOCOL + IP_ICMPV6: take_icmp,
}
