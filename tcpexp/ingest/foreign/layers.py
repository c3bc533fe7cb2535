"""All headers of a piece's packets, taken off one after the other: those that look alike in all
packets at once.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from tcpexp.ingest.foreign import links, network, transport
from tcpexp.ingest.foreign.frames import DONE, IP_PROTOCOL, LINK, LLC, PPP, Context, Frames
from tcpexp.ingest.foreign.names import ethertype_name, ip_protocol_name
from tcpexp.ingest.foreign.pieces import Piece
from tcpexp.ingest.foreign.tunnels import (
    GRE_KIND,
    IP_IN_IP_KINDS,
    take_gre,
    take_ip_in_ip,
    take_udp_tunnels,
)
from tcpexp.ingest.headers import IP_UDP, UDP
from tcpexp.ingest.pcap import Int64

_TAKERS = {**links.TAKERS, **network.TAKERS, **transport.TAKERS}
#: So many headers are taken off one packet, tunnels counted apart.
_MOST_HEADERS = 48
#: So many packets in each other are looked into.
_MOST_TUNNELS = 6


def frames_of(piece: Piece, context: Context) -> Frames:
    """Return a piece's packets with all headers taken off."""
    end = piece.at + piece.captured
    frames = Frames(
        context,
        piece.data,
        piece.at.copy(),
        end,
        piece.at + piece.frame_bytes,
        LINK + piece.link,
    )
    decode(frames)
    return frames


def decode(frames: Frames, depth: int = 0) -> None:
    """Take off all headers; every packet is then ``DONE``."""
    for _ in range(_MOST_HEADERS):
        left = np.flatnonzero(frames.kind != DONE)
        if not left.size:
            return
        kinds = frames.kind[left]
        for kind in np.unique(kinds).tolist():
            _take(frames, left[kinds == kind], kind, depth)
    frames.fail(np.flatnonzero(frames.kind != DONE), "more headers than are looked at")


def _take(frames: Frames, rows: Int64, kind: int, depth: int) -> None:
    deeper = partial(decode, depth=depth + 1)
    looks = depth < _MOST_TUNNELS
    if kind in _TAKERS:
        _TAKERS[kind](frames, rows)
        if kind == IP_PROTOCOL + IP_UDP and looks:
            take_udp_tunnels(frames, rows[frames["protocol"][rows] == UDP], deeper)
    elif kind in IP_IN_IP_KINDS and looks:
        take_ip_in_ip(frames, rows, deeper)
    elif kind == GRE_KIND and looks:
        take_gre(frames, rows, deeper)
    elif kind // PPP == 1:
        links.take_ppp_protocol(frames, rows)
    else:
        frames.name(rows, _unknown(kind))


def _unknown(kind: int) -> str:
    if kind >= LINK:
        return f"a link type that is not known here ({kind - LINK})"
    if kind >= IP_PROTOCOL and kind < PPP:
        return ip_protocol_name(kind - IP_PROTOCOL)
    return ethertype_name(kind % LLC)
