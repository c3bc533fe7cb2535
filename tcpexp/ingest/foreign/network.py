"""IP and ARP: from a network layer's header to the transport's (RFC 791, RFC 8200).

Lengths follow the IP header where it can be trusted: a frame may be padded, cut by the capture, or
longer than 16 bits can tell (BIG TCP, segmentation offload).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.checksums import is_wrong
from tcpexp.ingest.foreign.frames import (
    DONE,
    IP_PROTOCOL,
    PARTIAL,
    RIGHT,
    WRONG,
    Fragments,
    Frames,
)
from tcpexp.ingest.foreign.links import ARP, IPV4, IPV6, word_at
from tcpexp.ingest.foreign.pieces import LARGEST_PACKET
from tcpexp.ingest.headers import ARP as ARP_WORD
from tcpexp.ingest.headers import IPV4_HEADER, IPV6_HEADER
from tcpexp.ingest.pcap import Bytes, Int64, headers_at

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _NOTHING, _DESTINATION = 0, 43, 44, 51, 59, 60
#: Extension headers that all look alike: the next header's number, and a length in 8 bytes.
_ALIKE = (_HOP_BY_HOP, _ROUTING, _DESTINATION, 135, 139, 140)
EXTENSIONS = (*_ALIKE, _FRAGMENT, _AUTHENTICATION, _NOTHING)
#: Options of IPv6: padding, the jumbo payload (RFC 2675), the home address (RFC 6275).
_PAD1, _JUMBO, _HOME_ADDRESS = 0, 0xC2, 0xC9
_MOST_OPTIONS = 64
#: Options of IPv4 that have no length.
_END, _NOP = 0, 1
_MORE, _OFFSET = 0x2000, 0x1FFF
#: Neither the header nor the frame tells where the packet ends.
_ENDLESS = "an IP length of 0 in a frame longer than any"
_FOUR, _SIXTEEN = np.dtype([("a", "S4")]), np.dtype([("a", "S16")])


def take_arp(frames: Frames, rows: Int64) -> None:
    """ARP for IPv4 (RFC 826)."""
    rows = frames.keep_captured(rows, 8, "ARP header")
    sizes = word_at(frames, rows, 4, ">u2")
    usual = (word_at(frames, rows, 2, ">u2") == IPV4) & (sizes & 0xFF == 4)
    frames.name(rows[~usual], "ARP for something else than IPv4")
    rows, hardware = rows[usual], sizes[usual] >> 8
    whole = frames.captured(rows) >= 8 + 2 * hardware + 8
    frames.fail(rows[~whole], "cut off by the capture within its ARP header")
    rows, hardware = rows[whole], hardware[whole]
    src_at = frames.at[rows] + 8 + hardware
    frames.set(
        rows,
        protocol=ARP_WORD,
        src=_addresses(frames, src_at, 4),
        dst=_addresses(frames, src_at + 4 + hardware, 4),
    )
    frames.kind[rows] = DONE


def _addresses(frames: Frames, at: Int64, size: int) -> Int64:
    if not at.size:
        return np.zeros(0, dtype=np.int64)
    return frames.context.addresses.number(
        headers_at(frames.data, at, _FOUR if size == 4 else _SIXTEEN)["a"]
    )


def take_ipv4(frames: Frames, rows: Int64) -> None:
    """IPv4, with options."""
    rows = frames.keep_captured(rows, 20, "IPv4 header")
    if not rows.size:
        return
    head = headers_at(frames.data, frames.at[rows], IPV4_HEADER)
    size = (head["version_ihl"].astype(np.int64) & 15) * 4
    length = head["length"].astype(np.int64)
    good = (head["version_ihl"] >> 4 == 4) & (size >= 20) & ((length >= size) | (length == 0))
    if not good.all():
        frames.fail(rows[~good], "an IPv4 header whose version or length cannot be right")
        rows, head, size, length = rows[good], head[good], size[good], length[good]
    endless = (length == 0) & (frames.on_wire(rows) > LARGEST_PACKET)
    if endless.any():
        frames.fail(rows[endless], _ENDLESS)
        rows, head, size, length = rows[~endless], head[~endless], size[~endless], length[~endless]
    right = _check_ipv4(frames, rows, size)
    _limit_ipv4(frames, rows, length, right)
    frames.passed(rows[size > 20], "IPv4 options")
    at = frames.at[rows]
    frames.src_at[rows], frames.dst_at[rows], frames.address_bytes[rows] = at + 12, at + 16, 4
    frames.set(
        rows,
        src=frames.context.addresses.number(head["src"]),
        dst=frames.context.addresses.number(head["dst"]),
        ttl=head["ttl"],
        ecn=head["tos"] & 3,
        ip_id=head["id"],
    )
    whole = size <= frames.captured(rows)
    if not whole.all():
        frames.fail(rows[~whole], "cut off by the capture within its IPv4 header")
        rows, head, size = rows[whole], head[whole], size[whole]
    sane = _sane_options(frames, rows, size)
    if not sane.all():
        frames.fail(rows[~sane], "IPv4 options that cannot be right")
        rows, head, size = rows[sane], head[sane], size[sane]
    protocol = head["protocol"].astype(np.int64)
    frames.next(rows, size, IP_PROTOCOL + protocol)
    part = head["fragment"].astype(np.int64)
    few = np.flatnonzero(part & (_MORE | _OFFSET))
    if few.size:
        ident = _idents(frames, rows[few], head["id"][few].astype(np.int64), protocol[few])
        _fragments(
            frames, rows[few], ident, part[few] & _OFFSET, part[few] & _MORE > 0, protocol[few]
        )


def _sane_options(frames: Frames, rows: Int64, size: Int64) -> NDArray[np.bool_]:
    """Return where IPv4's options fit into the header (RFC 791 section 3.1): hosts and routers drop
    packets whose options do not (RFC 1122 section 3.2.1.8).
    """
    sane = np.ones(rows.size, dtype=np.bool_)
    for row in np.flatnonzero(size > 20).tolist():
        at, end = int(frames.at[rows[row]]) + 20, int(frames.at[rows[row]]) + int(size[row])
        while at < end and (kind := int(frames.data[at])) != _END:
            length = 1 if kind == _NOP else int(frames.data[at + 1]) if at + 1 < end else 0
            if length < (1 if kind == _NOP else 2) or at + length > end:
                sane[row] = False
                break
            at += length
    return sane


def _check_ipv4(frames: Frames, rows: Int64, size: Int64) -> NDArray[np.bool_]:
    """Fill what the header's checksum says, and return where it is right."""
    checked = frames.captured(rows) >= size
    few = rows[checked]
    right = np.zeros(rows.size, dtype=np.bool_)
    right[checked] = ~is_wrong(frames.data, frames.at[few], size[checked])
    # a card that computes checksums finds 0 there
    left = word_at(frames, few, 10, ">u2") == 0
    states = np.where(right[checked], RIGHT, np.where(left, PARTIAL, WRONG))
    frames.columns["ip_sum"][few] = states
    return right


def _limit_ipv4(frames: Frames, rows: Int64, length: Int64, right: NDArray[np.bool_]) -> None:
    """End packets where their header says.

    A length of 0 is that of a packet which the capturing machine's card would still have cut into
    segments; it then ends where the frame does. A length beyond the frame is believed where the
    header's checksum is right: programs that shorten captures forget the frame's length.
    """
    on_wire = frames.on_wire(rows)
    none = length == 0
    big = none & (on_wire > 0xFFFF)
    frames.passed(rows[big], "BIG TCP")
    frames.passed(rows[none & ~big], "length 0 (segmentation offload)")
    believed = ~none & ((length <= on_wire) | (right & ~frames.bounded[rows]))
    frames.beyond[rows] = np.where(believed, np.maximum(length - on_wire, 0), 0)
    limit = frames.at[rows] + np.where(believed, length, on_wire)
    frames.wire_end[rows] = limit
    frames.end[rows] = np.minimum(frames.end[rows], limit)


def take_ipv6(frames: Frames, rows: Int64) -> None:
    """IPv6's own header."""
    rows = frames.keep_captured(rows, 40, "IPv6 header")
    if not rows.size:
        return
    head = headers_at(frames.data, frames.at[rows], IPV6_HEADER)
    good = head["version_class"] >> 28 == 6
    if not good.all():
        frames.fail(rows[~good], "an IPv6 header whose version is not 6")
        rows, head = rows[good], head[good]
    endless = (head["length"] == 0) & (frames.on_wire(rows) > LARGEST_PACKET)
    if endless.any():
        frames.fail(rows[endless], _ENDLESS)
        rows, head = rows[~endless], head[~endless]
    length, following = head["length"].astype(np.int64), head["next"].astype(np.int64)
    at, on_wire = frames.at[rows], frames.on_wire(rows)
    # a length of 0 has a jumbo payload option behind it, or the card would have set it
    none = (length == 0) & (following != _NOTHING)
    big = none & (on_wire > 0xFFFF)
    frames.passed(rows[big], "BIG TCP")
    frames.passed(rows[none & ~big & (following != _HOP_BY_HOP)], "length 0 (segmentation offload)")
    limit = at + np.where(none, on_wire, length + 40)
    frames.wire_end[rows] = limit
    frames.end[rows] = np.minimum(frames.end[rows], limit)
    frames.src_at[rows], frames.dst_at[rows], frames.address_bytes[rows] = at + 8, at + 24, 16
    frames.set(
        rows,
        src=frames.context.addresses.number(head["src"]),
        dst=frames.context.addresses.number(head["dst"]),
        ttl=head["hops"],
        ecn=(head["version_class"] >> 20) & 3,
        ip_id=-1,
    )
    frames.next(rows, 40, IP_PROTOCOL + following)


def take_extension(frames: Frames, rows: Int64) -> None:
    """One of IPv6's extension headers; behind IPv4 only authentication is one."""
    number = frames.kind[rows] - IP_PROTOCOL
    four = frames.address_bytes[rows] == 4
    wrong = four & (number != _AUTHENTICATION)
    frames.name(rows[wrong], "IPv6 extension header over IPv4")
    rows, number = rows[~wrong], number[~wrong]
    frames.name(rows[number == _NOTHING], "IPv6 without anything behind it")
    rows, number = rows[number != _NOTHING], number[number != _NOTHING]
    left = frames.captured(rows) >= 8
    if not left.all():
        frames.fail(rows[~left], "cut off within its IPv6 extension headers")
        rows, number = rows[left], number[left]
    if not rows.size:
        return
    frames.passed(rows[frames.address_bytes[rows] == 16], "IPv6 extension headers")
    following, units = word_at(frames, rows, 0, "u1"), word_at(frames, rows, 1, "u1")
    size = np.where(number == _AUTHENTICATION, (units + 2) * 4, (units + 1) * 8)
    size = np.where(number == _FRAGMENT, 8, size)
    whole = size <= frames.captured(rows)
    if not whole.all():
        frames.fail(rows[~whole], "cut off within its IPv6 extension headers")
        rows, number, following, size = (c[whole] for c in (rows, number, following, size))
    options = np.isin(number, (_HOP_BY_HOP, _DESTINATION))
    _read_options(frames, rows[options], size[options])
    routing = number == _ROUTING
    _read_routes(frames, rows[routing], size[routing])
    parts = np.flatnonzero(number == _FRAGMENT)
    where = word_at(frames, rows[parts], 2, ">u2")
    ident = _idents(
        frames, rows[parts], word_at(frames, rows[parts], 4, ">u4"), np.full(parts.size, -1)
    )
    frames.next(rows, size, IP_PROTOCOL + following)
    broken = where & 0xFFF9 > 0
    if broken.any():
        few = parts[broken]
        _fragments(
            frames,
            rows[few],
            ident[broken],
            where[broken] >> 3,
            where[broken] & 1 > 0,
            following[few],
        )


def _read_options(frames: Frames, rows: Int64, size: Int64) -> None:
    """Take a jumbo payload's length and a home address from options."""
    begin, end = frames.at[rows] + 2, frames.at[rows] + size
    for _ in range(_MOST_OPTIONS):
        more = begin < end
        rows, begin, end = rows[more], begin[more], end[more]
        if not rows.size:
            return
        head = headers_at(frames.data, begin, np.dtype([("kind", "u1"), ("length", "u1")]))
        kind, length = head["kind"].astype(np.int64), head["length"].astype(np.int64)
        fits = begin + 2 + length <= end
        jumbo = (kind == _JUMBO) & (length == 4) & fits
        if jumbo.any():
            _take_jumbo(frames, rows[jumbo], begin[jumbo] + 2)
        home = (kind == _HOME_ADDRESS) & (length == 16) & fits
        if home.any():
            _take_address(frames, rows[home], begin[home] + 2, "src")
            frames.passed(rows[home], "IPv6 home address")
        begin = begin + np.where(kind == _PAD1, 1, 2 + length)


def _take_jumbo(frames: Frames, rows: Int64, at: Int64) -> None:
    length = headers_at(frames.data, at, np.dtype([("n", ">u4")]))["n"].astype(np.int64)
    limit = frames.src_at[rows] + 32 + length
    fits = limit <= frames.wire_end[rows]
    frames.passed(rows, "BIG TCP")
    frames.wire_end[rows[fits]] = limit[fits]
    frames.end[rows[fits]] = np.minimum(frames.end[rows[fits]], limit[fits])


def _take_address(frames: Frames, rows: Int64, at: Int64, end: str) -> None:
    """Let an address in an extension header stand for the one in the IPv6 header: as TCP sees it,
    also in its checksum.
    """
    frames.set(rows, **{end: _addresses(frames, at, 16)})
    (frames.src_at if end == "src" else frames.dst_at)[rows] = at


def _read_routes(frames: Frames, rows: Int64, size: Int64) -> None:
    """Take the final destination from a routing header that has segments left (RFC 8200 section
    4.4, RFC 8754).
    """
    if not rows.size:
        return
    frames.passed(rows, "IPv6 routing header")
    kind, left = word_at(frames, rows, 2, "u1"), word_at(frames, rows, 3, "u1")
    held = (size - 8) // 16
    # of segment routing the list is the other way round: the first is the last to be visited
    at = frames.at[rows] + 8 + np.where(kind == 4, 0, (held - 1) * 16)
    known = np.isin(kind, (0, 2, 4)) & (left > 0) & (held > 0)
    if known.any():
        _take_address(frames, rows[known], at[known], "dst")


def _idents(frames: Frames, rows: Int64, number: Int64, protocol: Int64) -> Int64:
    """Return what tells fragments of one packet from those of another: a row each of both
    addresses, identification and protocol.
    """
    return np.stack([frames["src"][rows], frames["dst"][rows], number, protocol], axis=1)


def _fragments(
    frames: Frames,
    rows: Int64,
    ident: Int64,
    offset: Int64,
    more: NDArray[np.bool_],
    protocol: Int64,
) -> None:
    frames.columns["fragment"][rows] = offset * 8
    at, end, wire_end = frames.at[rows], frames.end[rows], frames.wire_end[rows]
    frames.fragments.append(Fragments(rows, ident, offset * 8, more, at, end, wire_end, protocol))
    frames.name(rows, "IP fragment")


def sums_to(data: Bytes, at: Int64, size: int) -> Int64:
    """Return the sum of the big-endian 16-bit words of an address."""
    words = headers_at(data, at, np.dtype([("n", ">u2", (size // 2,))]))["n"]
    total: Int64 = words.sum(axis=1, dtype=np.int64)
    return total


TAKERS = {
    ARP: take_arp,
    IPV4: take_ipv4,
    IPV6: take_ipv6,
    **{IP_PROTOCOL + number: take_extension for number in EXTENSIONS},
}
