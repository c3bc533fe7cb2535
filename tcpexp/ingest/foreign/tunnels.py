"""Packets in packets: IP in IP, GRE, and tunnels over UDP (VXLAN, Geneve, GTP-U).

What lies inside is looked at as packets of their own. Where something is found, it stands for the
frame; otherwise the tunnel's own packet does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tcpexp.ingest.foreign.frames import ANY_IP, DONE, IP_PROTOCOL, LINK, Frames
from tcpexp.ingest.foreign.links import ETHERNET, IPV4, IPV6, MPLS, word_at
from tcpexp.ingest.foreign.names import ethertype_name
from tcpexp.ingest.headers import TCP, UDP
from tcpexp.ingest.pcap import Int64

_IP_IN_IP = {4: IPV4, 41: IPV6, 137: MPLS}
_GRE = 47
_VXLAN_PORTS, _VXLAN_GPE_PORT, _GENEVE_PORT, _GTP_PORT = (4789, 8472), 4790, 6081, 2152
_ERSPAN_2, _ERSPAN_3 = 0x88BE, 0x22EB

#: Takes off the headers of packets in packets.
Decode = Callable[[Frames], None]


def take_ip_in_ip(frames: Frames, rows: Int64, decode: Decode) -> None:
    """IP, or MPLS, right in IP (RFC 2003, RFC 4213)."""
    number = frames.kind[rows] - IP_PROTOCOL
    kinds = np.select([number == one for one in _IP_IN_IP], list(_IP_IN_IP.values()))
    frames.name(rows, "IP in IP")
    _look_inside(frames, rows, frames.at[rows], kinds, "IP in IP", decode)


def take_gre(frames: Frames, rows: Int64, decode: Decode) -> None:
    """GRE (RFC 2784, RFC 2890), also PPTP's (RFC 2637) and what mirrors of switches write."""
    rows = frames.keep_captured(rows, 4, "GRE header")
    flags, kind = word_at(frames, rows, 0, ">u2"), word_at(frames, rows, 2, ">u2")
    routed = flags & 0x4000 > 0
    header = 4 + 4 * (flags >> 15 & 1) + 4 * (flags >> 13 & 1) + 4 * (flags >> 12 & 1)
    pptp = flags & 7 == 1
    header += np.where(pptp, 4 * (flags >> 7 & 1), 0)
    mirrored = kind == _ERSPAN_2
    # ERSPAN's first type has no header of its own, and no sequence number
    header += np.where(mirrored & (flags & 0x1000 > 0), 8, 0)
    header += np.where(kind == _ERSPAN_3, 12, 0)
    inner = np.where(mirrored | (kind == _ERSPAN_3), LINK + ETHERNET, kind)
    inner = np.where(kind == 0x880B, LINK + 9, inner)
    at = frames.at[rows] + header
    for number in np.unique(kind).tolist():
        frames.name(rows[kind == number], f"GRE with {ethertype_name(number)}")
    good = ~routed
    _look_inside(frames, rows[good], at[good], inner[good], "GRE", decode)


def take_udp_tunnels(frames: Frames, rows: Int64, decode: Decode) -> None:
    """Look into UDP datagrams to the ports of VXLAN (RFC 7348), Geneve (RFC 8926) and GTP-U
    (3GPP TS 29.281).
    """
    port = frames["dst_port"][rows]
    payload = frames["payload_bytes"][rows] >= 8
    held = frames.end[rows] - frames.at[rows] >= 16
    for word, read, ports in (
        ("VXLAN", _vxlan, _VXLAN_PORTS),
        ("VXLAN", _vxlan_gpe, (_VXLAN_GPE_PORT,)),
        ("Geneve", _geneve, (_GENEVE_PORT,)),
        ("GTP-U", _gtp, (_GTP_PORT,)),
    ):
        few = rows[np.isin(port, ports) & payload & held]
        if few.size:
            chosen, at, kinds = read(frames, few)
            _look_inside(frames, chosen, at, kinds, word, decode)


def _vxlan(frames: Frames, rows: Int64) -> tuple[Int64, Int64, Int64]:
    good = word_at(frames, rows, 8, "u1") & 0x08 > 0
    few = rows[good]
    return few, frames.at[few] + 16, np.full(few.size, LINK + ETHERNET)


def _vxlan_gpe(frames: Frames, rows: Int64) -> tuple[Int64, Int64, Int64]:
    """VXLAN that says what follows (draft-ietf-nvo3-vxlan-gpe)."""
    told = word_at(frames, rows, 8, "u1") & 0x04 > 0
    following = np.where(told, word_at(frames, rows, 11, "u1"), 3)
    kinds = np.select([following == 1, following == 2], [IPV4, IPV6], LINK + ETHERNET)
    good = np.isin(following, (1, 2, 3))
    return rows[good], frames.at[rows[good]] + 16, kinds[good]


def _geneve(frames: Frames, rows: Int64) -> tuple[Int64, Int64, Int64]:
    first = word_at(frames, rows, 8, "u1")
    few, first = rows[first >> 6 == 0], first[first >> 6 == 0]
    kind = word_at(frames, few, 10, ">u2")
    return few, frames.at[few] + 16 + 4 * (first & 0x3F), kind


def _gtp(frames: Frames, rows: Int64) -> tuple[Int64, Int64, Int64]:
    flags, kind = word_at(frames, rows, 8, "u1"), word_at(frames, rows, 9, "u1")
    good = (flags >> 4 == 3) & (kind == 0xFF)
    few, flags = rows[good], flags[good]
    header = np.where(flags & 7 > 0, 12, 8)
    # of extension headers only a plain row of them is stepped over
    at = frames.at[few] + 8 + header
    for _ in range(4):
        more = (flags & 4 > 0) & (frames.end[few] - at > 4)
        following = np.where(more, frames.data[np.where(more, at - 1, 0)], 0)
        units = frames.data[np.where(more, at, 0)].astype(np.int64)
        at = at + np.where(more & (following > 0), 4 * units, 0)
        flags = np.where(following > 0, flags, 0)
    return few, at, np.full(few.size, ANY_IP)


def _look_inside(
    frames: Frames, rows: Int64, at: Int64, kinds: Int64, layer: str, decode: Decode
) -> None:
    if not rows.size or not frames.context.inner:
        return
    inner = frames.inside(rows, at, kinds)
    decode(inner)
    good = inner["reason"] < 0
    # in UDP, what is no IP may be anything: only a sure sign counts
    sure = np.isin(inner["protocol"], (TCP, UDP)) | (inner["src"] >= 0)
    which = good & sure & (inner.kind == DONE)
    frames.take(rows, inner, which)
    frames.passed(rows[which], layer)


GRE_KIND = IP_PROTOCOL + _GRE
IP_IN_IP_KINDS = tuple(IP_PROTOCOL + number for number in _IP_IN_IP)
