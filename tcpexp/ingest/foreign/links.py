"""Link layers: from a frame to the network layer's header in it.

The numbers of link types are pcap's (tcpdump.org/linktypes.html).
"""

from __future__ import annotations

import numpy as np

from tcpexp.ingest.foreign.frames import ANY_IP, LINK, LLC, PPP, WLAN, Frames
from tcpexp.ingest.foreign.names import ppp_protocol_name
from tcpexp.ingest.pcap import Int64, headers_at

#: Frames with a length where others have an EtherType (IEEE 802.3) go up to this.
LARGEST_LENGTH = 1500
IPV4, IPV6, ARP, MPLS, MPLS_MULTICAST, PPPOE = 0x0800, 0x86DD, 0x0806, 0x8847, 0x8848, 0x8864
VLANS = (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300)
ETHERNET, TRANSPARENT_ETHERNET = 1, 0x6558

#: Names of link types, for those who read.
LINK_NAMES = {
    0: "BSD loopback",
    1: "Ethernet",
    6: "Token Ring",
    9: "PPP",
    10: "FDDI",
    12: "raw IP",
    14: "raw IP",
    50: "PPP in HDLC",
    51: "PPPoE",
    100: "ATM (RFC 1483)",
    101: "raw IP",
    104: "Cisco HDLC",
    105: "802.11",
    107: "Frame Relay",
    108: "OpenBSD loopback",
    109: "OpenBSD IPsec",
    113: "Linux cooked",
    117: "OpenBSD packet filter log",
    122: "IP over Fibre Channel",
    127: "802.11 with radiotap",
    138: "IP over FireWire",
    147: "user 0",
    149: "Apple PKTAP",
    166: "PPP with direction",
    189: "USB",
    192: "PPI",
    204: "PPP with direction",
    220: "USB",
    228: "raw IPv4",
    229: "raw IPv6",
    239: "Linux netfilter log",
    258: "Apple PKTAP",
    276: "Linux cooked v2",
}
#: Linux's type of a packet that the host itself sent or forwarded.
_OUTGOING = 4
_AF_INET = (2,)
_AF_INET6 = (10, 23, 24, 26, 28, 30)


def link_name(link: int) -> str:
    """Return what a link type is called."""
    return LINK_NAMES.get(link, f"link type {link}")


def word_at(frames: Frames, rows: Int64, offset: int, kind: str) -> Int64:
    """Return a number of the next header of each of ``rows``, as numpy's type ``kind``."""
    values: Int64 = headers_at(frames.data, frames.at[rows] + offset, np.dtype([("n", kind)]))[
        "n"
    ].astype(np.int64)
    return values


def take_ethernet(frames: Frames, rows: Int64) -> None:
    """Ethernet: an EtherType, or a length with LLC behind it."""
    rows = frames.keep_captured(rows, 14, "Ethernet header")
    _next_type(frames, rows, 14, word_at(frames, rows, 12, ">u2"))


def _next_type(frames: Frames, rows: Int64, header: int, kind: Int64) -> None:
    frames.at[rows] += header
    lengths = kind <= LARGEST_LENGTH
    frames.kind[rows] = np.where(lengths, LLC, kind)
    few = rows[lengths]
    if few.size:
        limit = frames.at[few] + kind[lengths]
        frames.wire_end[few] = np.minimum(frames.wire_end[few], limit)
        frames.end[few] = np.minimum(frames.end[few], limit)


def take_vlan(frames: Frames, rows: Int64) -> None:
    """A tag of IEEE 802.1Q, or another provider's before it."""
    rows = frames.keep_captured(rows, 4, "VLAN tag")
    again = frames.layers[rows] & 1 > 0
    frames.passed(rows[again], "QinQ")
    frames.passed(rows, "VLAN")
    _next_type(frames, rows, 4, word_at(frames, rows, 2, ">u2"))


#: Tags with an EtherType behind them, or a whole frame: their layer, how long they are, and whether
#: a frame follows. IEEE 802.1BR, Cisco's and VMware's VN-Tag, IEEE 802.1ah, Cisco's FabricPath.
_TAGS = {
    0x893F: ("E-TAG", 6, False),
    0x8926: ("VN-Tag", 4, False),
    0x88E7: ("802.1ah", 4, True),
    0x8903: ("FabricPath", 2, True),
}
_TRILL, _MACSEC = 0x22F3, 0x88E5


def take_tag(frames: Frames, rows: Int64) -> None:
    """A switch's tag of a fixed length."""
    layer, size, is_frame = _TAGS[int(frames.kind[rows[0]])]
    rows = frames.keep_captured(rows, size + 2, layer)
    frames.passed(rows, layer)
    if is_frame:
        frames.next(rows, size, LINK + ETHERNET)
    else:
        _next_type(frames, rows, size + 2, word_at(frames, rows, size, ">u2"))


def take_trill(frames: Frames, rows: Int64) -> None:
    """TRILL (RFC 6325 section 3): a header with options, and a frame."""
    rows = frames.keep_captured(rows, 6, "TRILL header")
    frames.passed(rows, "TRILL")
    options = word_at(frames, rows, 0, ">u2") >> 6 & 0x1F
    frames.next(rows, 6 + 4 * options, LINK + ETHERNET)


def take_macsec(frames: Frames, rows: Int64) -> None:
    """MACsec (IEEE 802.1AE), where it does not encrypt."""
    rows = frames.keep_captured(rows, 6, "MACsec tag")
    flags = word_at(frames, rows, 0, "u1")
    plain = flags & 0x0C == 0
    frames.name(rows[~plain], "MACsec (encrypted)")
    rows, size = rows[plain], np.where(flags[plain] & 0x20 > 0, 14, 6)
    whole = frames.captured(rows) >= size + 2
    frames.fail(rows[~whole], "cut off by the capture within its MACsec tag")
    rows, size = rows[whole], size[whole]
    frames.passed(rows, "MACsec (not encrypted)")
    frames.at[rows] += size
    _next_type(frames, rows, 2, word_at(frames, rows, 0, ">u2"))


def take_mpls(frames: Frames, rows: Int64) -> None:
    """One label of MPLS (RFC 3032); behind the last one IP, or Ethernet behind a control word
    (RFC 4448).
    """
    rows = frames.keep_captured(rows, 5, "MPLS label")
    frames.passed(rows, "MPLS")
    last = word_at(frames, rows, 2, "u1") & 1 > 0
    more = rows[~last]
    frames.next(more, 4, MPLS)
    rows = rows[last]
    version = word_at(frames, rows, 4, "u1") >> 4
    frames.next(rows[version == 4], 4, IPV4)
    frames.next(rows[version == 6], 4, IPV6)
    frames.next(rows[version == 0], 8, LINK + ETHERNET)
    frames.name(rows[~np.isin(version, (0, 4, 6))], "MPLS with something that is not IP")


def take_llc(frames: Frames, rows: Int64) -> None:
    """LLC (IEEE 802.2), with SNAP where that is."""
    rows = frames.keep_captured(rows, 3, "LLC header")
    saps = word_at(frames, rows, 0, ">u2")
    snap = rows[saps == 0xAAAA]
    frames.name(rows[saps == 0x4242], "spanning tree (STP)")
    frames.name(rows[saps == 0xFEFE], "IS-IS")
    frames.name(rows[np.isin(saps, (0xE0E0, 0xFFFF))], "IPX")
    frames.next(rows[saps == 0x0606], 3, IPV4)
    known = np.isin(saps, (0xAAAA, 0x4242, 0xFEFE, 0xE0E0, 0xFFFF, 0x0606))
    frames.name(rows[~known], "LLC")
    snap = frames.keep_captured(snap, 8, "SNAP header")
    kind = word_at(frames, snap, 6, ">u2")
    # Cisco's own protocols have its number in front
    cisco = word_at(frames, snap, 3, ">u2") != 0
    frames.name(snap[cisco], "SNAP of a vendor (CDP and the like)")
    frames.next(snap[~cisco], 8, kind[~cisco])


def take_null(frames: Frames, rows: Int64) -> None:
    """BSD loopback: the address family as a number of 4 bytes, in whichever order the host has."""
    rows = frames.keep_captured(rows, 4, "loopback header")
    family = word_at(frames, rows, 0, ">u4")
    little = family >> 24 & 0xFF
    _next_family(frames, rows, 4, np.where(family > 0xFFFF, little, family))


def _next_family(frames: Frames, rows: Int64, header: int, family: Int64) -> None:
    four, six = np.isin(family, _AF_INET), np.isin(family, _AF_INET6)
    frames.next(rows[four], header, IPV4)
    frames.next(rows[six], header, IPV6)
    frames.name(rows[~four & ~six], "an address family that is not IP")


def take_enc(frames: Frames, rows: Int64) -> None:
    """OpenBSD's IPsec interface: an address family, two more words."""
    rows = frames.keep_captured(rows, 12, "IPsec header")
    family = word_at(frames, rows, 0, ">u4")
    _next_family(frames, rows, 12, np.where(family > 0xFFFF, family >> 24 & 0xFF, family))


def take_pflog(frames: Frames, rows: Int64) -> None:
    """OpenBSD's log of packets: its length, and the address family."""
    rows = frames.keep_captured(rows, 4, "packet filter's header")
    length = (word_at(frames, rows, 0, "u1") + 3) // 4 * 4
    family = word_at(frames, rows, 1, "u1")
    frames.at[rows] += length
    _next_family(frames, rows, 0, family)


def take_cooked(frames: Frames, rows: Int64) -> None:
    """Linux cooked: what ``tcpdump -i any`` writes."""
    rows = frames.keep_captured(rows, 16, "cooked header")
    frames.set(rows, device=word_at(frames, rows, 0, ">u2") == _OUTGOING)
    _next_cooked(
        frames, rows, 16, word_at(frames, rows, 2, ">u2"), word_at(frames, rows, 14, ">u2")
    )


def take_cooked2(frames: Frames, rows: Int64) -> None:
    """Linux cooked, version 2: also the interface's index."""
    rows = frames.keep_captured(rows, 20, "cooked header")
    frames.set(rows, device=word_at(frames, rows, 4, ">u4"))
    _next_cooked(frames, rows, 20, word_at(frames, rows, 8, ">u2"), word_at(frames, rows, 0, ">u2"))


def _next_cooked(frames: Frames, rows: Int64, header: int, hardware: Int64, kind: Int64) -> None:
    netlink = hardware == 824
    frames.name(rows[netlink], "netlink")
    rows, kind = rows[~netlink], kind[~netlink]
    # numbers below 0x600 are Linux's own: 1 is 802.3 without LLC, 4 is LLC
    frames.next(rows, header, np.where(kind == 4, LLC, kind))
    frames.name(rows[(kind < 0x600) & (kind != 4)], "a frame of Linux's own kind")


def take_any_ip(frames: Frames, rows: Int64) -> None:
    """IP of either version, told by its first four bits."""
    rows = frames.keep_captured(rows, 1, "IP header")
    version = word_at(frames, rows, 0, "u1") >> 4
    frames.next(rows[version == 4], 0, IPV4)
    frames.next(rows[version == 6], 0, IPV6)
    frames.fail(rows[(version != 4) & (version != 6)], "no IP packet, although its link says so")


def take_ppp(frames: Frames, rows: Int64) -> None:
    """PPP (RFC 1661, RFC 1662): perhaps an address and a control byte, then the protocol in one or
    two bytes.
    """
    rows = frames.keep_captured(rows, 2, "PPP header")
    begin = word_at(frames, rows, 0, ">u2")
    # some systems write Cisco's HDLC (unicast, broadcast) under this link type
    cisco = np.isin(begin, (0x0F00, 0x8F00))
    frames.next(rows[cisco], 0, LINK + 104)
    rows, begin = rows[~cisco], begin[~cisco]
    framed = begin == 0xFF03
    frames.at[rows[framed]] += 2
    rows = frames.keep_captured(rows, 2, "PPP header")
    kind = word_at(frames, rows, 0, ">u2")
    short = kind >> 8 & 1 > 0
    frames.next(rows, np.where(short, 1, 2), PPP + np.where(short, kind >> 8, kind))


def take_ppp_protocol(frames: Frames, rows: Int64) -> None:
    """What PPP carries, by its protocol's number."""
    kind = frames.kind[rows] - PPP
    for number, header in ((0x21, IPV4), (0x57, IPV6), (0x281, MPLS), (0x283, MPLS)):
        frames.next(rows[kind == number], 0, header)
    rest = ~np.isin(kind, (0x21, 0x57, 0x281, 0x283))
    for number in np.unique(kind[rest]).tolist():
        frames.name(rows[kind == number], ppp_protocol_name(number))


def take_ppp_direction(frames: Frames, rows: Int64) -> None:
    """PPP with a byte in front that tells the direction."""
    rows = frames.keep_captured(rows, 2, "PPP header")
    # pppd writes the direction in place of the address
    in_place = word_at(frames, rows, 1, "u1") == 0x03
    frames.next(rows, np.where(in_place, 2, 1), LINK + 9)


def take_hdlc(frames: Frames, rows: Int64) -> None:
    """HDLC: PPP, or Cisco's with an EtherType."""
    rows = frames.keep_captured(rows, 4, "HDLC header")
    ppp = word_at(frames, rows, 0, "u1") == 0xFF
    frames.next(rows[ppp], 0, LINK + 9)
    frames.next(rows[~ppp], 4, word_at(frames, rows[~ppp], 2, ">u2"))


def take_pppoe(frames: Frames, rows: Int64) -> None:
    """A session of PPPoE (RFC 2516)."""
    rows = frames.keep_captured(rows, 8, "PPPoE header")
    rows = frames.keep(
        rows, word_at(frames, rows, 0, ">u2") == 0x1100, "a PPPoE header that is none"
    )
    frames.passed(rows, "PPPoE")
    limit = frames.at[rows] + 6 + word_at(frames, rows, 4, ">u2")
    frames.bounded[rows] = limit < frames.wire_end[rows]
    frames.wire_end[rows] = np.minimum(frames.wire_end[rows], limit)
    frames.end[rows] = np.minimum(frames.end[rows], limit)
    frames.next(rows, 6, LINK + 9)


def take_fddi(frames: Frames, rows: Int64) -> None:
    """FDDI: a control byte, two addresses, LLC."""
    frames.next(frames.keep_captured(rows, 13, "FDDI header"), 13, LLC)


def take_token_ring(frames: Frames, rows: Int64) -> None:
    """Token Ring: two control bytes, two addresses, perhaps a route, LLC."""
    rows = frames.keep_captured(rows, 16, "Token Ring header")
    routed = word_at(frames, rows, 8, "u1") & 0x80 > 0
    route = np.where(routed, word_at(frames, rows, 14, "u1") & 0x1F, 0)
    frames.next(rows, 14 + route, LLC)


def take_fibre_channel(frames: Frames, rows: Int64) -> None:
    """IP over Fibre Channel: two addresses of 8 bytes, LLC."""
    frames.next(frames.keep_captured(rows, 16, "Fibre Channel header"), 16, LLC)


def take_atm(frames: Frames, rows: Int64) -> None:
    """LLC over ATM (RFC 2684)."""
    frames.next(rows, 0, LLC)


def take_firewire(frames: Frames, rows: Int64) -> None:
    """IP over FireWire as Apple writes it: two addresses of 8 bytes, an EtherType."""
    rows = frames.keep_captured(rows, 18, "FireWire header")
    frames.next(rows, 18, word_at(frames, rows, 16, ">u2"))


def take_radiotap(frames: Frames, rows: Int64) -> None:
    """802.11 behind a radiotap header, which says how long it is."""
    rows = frames.keep_captured(rows, 4, "radiotap header")
    frames.next(rows, word_at(frames, rows, 2, "<u2"), WLAN)


def take_ppi(frames: Frames, rows: Int64) -> None:
    """Another link type behind a PPI header."""
    rows = frames.keep_captured(rows, 8, "PPI header")
    kind = LINK + word_at(frames, rows, 4, "<u4")
    frames.next(rows, word_at(frames, rows, 2, "<u2"), kind)


def take_pktap(frames: Frames, rows: Int64) -> None:
    """Another link type behind Apple's PKTAP header."""
    rows = frames.keep_captured(rows, 12, "PKTAP header")
    kind = LINK + word_at(frames, rows, 8, "<u4")
    frames.next(rows, word_at(frames, rows, 0, "<u4"), kind)


def take_wlan(frames: Frames, rows: Int64) -> None:
    """802.11: data frames that are not encrypted, then LLC."""
    rows = frames.keep_captured(rows, 2, "802.11 header")
    control, flags = word_at(frames, rows, 0, "u1"), word_at(frames, rows, 1, "u1")
    data = control >> 2 & 3 == 2
    frames.name(rows[~data], "802.11 management and control")
    empty = control >> 4 & 4 > 0
    frames.name(rows[data & empty], "802.11 without data")
    encrypted = flags & 0x40 > 0
    frames.name(rows[data & ~empty & encrypted], "802.11, encrypted")
    plain = data & ~empty & ~encrypted
    rows, control, flags = rows[plain], control[plain], flags[plain]
    quality = control >> 4 & 8 > 0
    header = 24 + np.where(flags & 3 == 3, 6, 0) + np.where(quality, 2, 0)
    frames.next(rows, header + np.where(quality & (flags & 0x80 > 0), 4, 0), LLC)


def take_nflog(frames: Frames, rows: Int64) -> None:
    """Linux's netfilter log: attributes, of which one holds the packet."""
    rows = frames.keep_captured(rows, 4, "netfilter log's header")
    frames.next(rows, 4, ANY_IP)
    left = rows
    for _ in range(32):
        enough = frames.captured(left) >= 4
        frames.fail(left[~enough], "a netfilter log entry without a packet")
        left = left[enough]
        length, kind = word_at(frames, left, 0, "<u2"), word_at(frames, left, 2, "<u2")
        good = length >= 4
        frames.fail(left[~good], "a netfilter log entry that cannot be right")
        packet = good & (kind & 0x7FFF == 9)
        frames.at[left[packet]] += 4
        left, length = left[good & ~packet], length[good & ~packet]
        frames.at[left] += (length + 3) // 4 * 4
        if not left.size:
            return
    frames.fail(left, "a netfilter log entry without a packet")


TAKERS = {
    LINK + 0: take_null,
    LINK + 1: take_ethernet,
    LINK + 6: take_token_ring,
    LINK + 9: take_ppp,
    LINK + 10: take_fddi,
    LINK + 12: take_any_ip,
    LINK + 14: take_any_ip,
    LINK + 50: take_hdlc,
    LINK + 51: take_pppoe,
    LINK + 100: take_atm,
    LINK + 101: take_any_ip,
    LINK + 104: take_hdlc,
    LINK + 105: take_wlan,
    LINK + 108: take_null,
    LINK + 109: take_enc,
    LINK + 113: take_cooked,
    LINK + 117: take_pflog,
    LINK + 122: take_fibre_channel,
    LINK + 127: take_radiotap,
    LINK + 138: take_firewire,
    LINK + 149: take_pktap,
    LINK + 166: take_ppp_direction,
    LINK + 192: take_ppi,
    LINK + 204: take_ppp_direction,
    LINK + 228: take_any_ip,
    LINK + 229: take_any_ip,
    LINK + 239: take_nflog,
    LINK + 258: take_pktap,
    LINK + 276: take_cooked2,
    LLC: take_llc,
    ANY_IP: take_any_ip,
    WLAN: take_wlan,
    MPLS: take_mpls,
    MPLS_MULTICAST: take_mpls,
    PPPOE: take_pppoe,
    TRANSPARENT_ETHERNET: take_ethernet,
    **dict.fromkeys(VLANS, take_vlan),
    **dict.fromkeys(_TAGS, take_tag),
    _TRILL: take_trill,
    _MACSEC: take_macsec,
}
