"""TCP is found behind whatever lies in front of it, and fragments are put together."""

import struct
from socket import AF_INET6, inet_pton

import pytest

from tcpexp.ingest.foreign import read_foreign
from tests.support import crafting as c

A, B, A6, B6 = "10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"
MACS = c.MAC
SEGMENT = c.tcp(A, B, (1000, 80), 5, 7, "PA", 30)
SEGMENT6 = c.tcp(A6, B6, (1000, 80), 5, 7, "PA", 30)
IP, IP6 = SEGMENT[14:], SEGMENT6[14:]


def ethernet(kind, body):
    return MACS + struct.pack(">H", kind) + body


def ipv6(following, body, length=None, source=A6, target=B6):
    ends = inet_pton(AF_INET6, source) + inet_pton(AF_INET6, target)
    size = len(body) if length is None else length
    return struct.pack(">IHBB", 6 << 28, size, following, 64) + ends + body


def read(tmp_path, *frames, **how):
    packets = [(10**18 + at, frame) for at, frame in enumerate(frames)]
    return read_foreign([c.write_pcap(tmp_path / "x.pcap", packets)], **how)


def udp(port, payload):
    return c.frame(
        "1.1.1.1", "2.2.2.2", 17, struct.pack(">HHHH", 9, port, 8 + len(payload), 0) + payload
    )


OPTIONED = struct.pack(">BBHHHBBH", 0x46, 0, len(IP) + 4, 1, 0, 64, 6, 0) + IP[12:20]
FRAMES = {
    "VLAN": (ethernet(0x8100, b"\0\x05\x08\0" + IP), {"VLAN": 1}),
    "QinQ": (ethernet(0x88A8, b"\0\x05\x81\0\0\x06\x08\0" + IP), {"VLAN": 1, "QinQ": 1}),
    "E-TAG": (ethernet(0x893F, bytes(6) + b"\x08\0" + IP), {"E-TAG": 1}),
    "VN-Tag": (ethernet(0x8926, bytes(4) + b"\x08\0" + IP), {"VN-Tag": 1}),
    "802.1ah": (ethernet(0x88E7, bytes(4) + SEGMENT), {"802.1ah": 1}),
    "FabricPath": (ethernet(0x8903, b"\0\x41" + SEGMENT), {"FabricPath": 1}),
    "TRILL": (ethernet(0x22F3, b"\0\x40" + bytes(8) + SEGMENT), {"TRILL": 1}),
    "MACsec": (
        ethernet(0x88E5, b"\x20" + bytes(13) + b"\x08\0" + IP + bytes(16)),
        {"MACsec (not encrypted)": 1},
    ),
    "VXLAN GPE": (udp(4790, b"\x0c\0\0\1\0\0\0\0" + IP), {"VXLAN": 1}),
    "MPLS": (ethernet(0x8847, b"\0\0\x10\x40\0\0\x21\x40" + IP), {"MPLS": 1}),
    "MPLS pseudowire": (ethernet(0x8847, b"\0\0\x11\x40" + bytes(4) + SEGMENT), {"MPLS": 1}),
    "PPPoE": (
        ethernet(0x8864, b"\x11\0\0\x01" + struct.pack(">HH", len(IP) + 2, 0x21) + IP),
        {"PPPoE": 1},
    ),
    "LLC": (ethernet(len(IP) + 8, b"\xaa\xaa\x03\0\0\0\x08\0" + IP), {}),
    "IP in IP": (c.frame("1.1.1.1", "2.2.2.2", 4, IP), {"IP in IP": 1}),
    "6in4": (c.frame("1.1.1.1", "2.2.2.2", 41, IP6), {"IP in IP": 1}),
    "GRE": (c.frame("1.1.1.1", "2.2.2.2", 47, b"\0\0\x08\0" + IP), {"GRE": 1}),
    "GRE with key": (
        c.frame("1.1.1.1", "2.2.2.2", 47, b"\x20\0\x65\x58" + bytes(4) + SEGMENT),
        {"GRE": 1},
    ),
    "ERSPAN": (
        c.frame("1.1.1.1", "2.2.2.2", 47, b"\x10\0\x88\xbe" + bytes(4) + bytes(8) + SEGMENT),
        {"GRE": 1},
    ),
    "VXLAN": (udp(4789, b"\x08\0\0\0\0\0\x05\0" + SEGMENT), {"VXLAN": 1}),
    "Geneve": (udp(6081, b"\0\0\x65\x58\0\0\x05\0" + SEGMENT), {"Geneve": 1}),
    "GTP-U": (udp(2152, b"\x30\xff" + struct.pack(">HI", len(IP), 7) + IP), {"GTP-U": 1}),
    "VXLAN with IP in IP": (
        udp(4789, b"\x08\0\0\0\0\0\x05\0" + c.frame("3.3.3.3", "4.4.4.4", 4, IP)),
        {"VXLAN": 1, "IP in IP": 1},
    ),
    "IPv4 options": (ethernet(0x0800, OPTIONED + b"\x01\x01\x01\0" + IP[20:]), {"IPv4 options": 1}),
    "IPv6 options": (
        ethernet(
            0x86DD, ipv6(0, b"\x3c\0\x01\x04" + bytes(4) + b"\x06\0\x01\x04" + bytes(4) + IP6[40:])
        ),
        {"IPv6 extension headers": 1},
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_tcp_is_found(tmp_path, name):
    frame, layers = FRAMES[name]
    found = read(tmp_path, frame)
    row = found.packets.row(0, named=True)
    ends = (A6, B6) if name in ("6in4", "IPv6 options") else (A, B)
    assert (row["protocol"], row["src"], row["dst"]) == ("tcp", *ends)
    assert (row["src_port"], row["seq"], row["payload_bytes"]) == (1000, 5, 30)
    notes = found.notes.captures[0]
    assert (notes.layers, notes.undecodable) == (layers, 0)
    assert notes.checksums == {"right": 1}


def test_the_tunnels_own_packets_can_be_asked_for(tmp_path):
    found = read(tmp_path, FRAMES["VXLAN"][0], FRAMES["GRE"][0], inner=False)
    assert found.packets["src"].to_list() == ["1.1.1.1", "1.1.1.1"]
    assert found.packets["protocol"].to_list() == ["udp", "other"]
    assert found.notes.captures[0].tunnels is None
    inner = read(tmp_path, FRAMES["VXLAN"][0], FRAMES["GRE"][0]).notes.captures[0]
    assert inner.tunnels == "packets inside GRE and VXLAN are taken"


def test_what_only_looks_like_a_tunnel_stays_what_it_is(tmp_path):
    found = read(tmp_path, udp(4789, b"\x08\0\0\0\0\0\x05\0" + b"no frame at all" * 4))
    row = found.packets.row(0, named=True)
    assert (row["protocol"], row["dst_port"], row["src"]) == ("udp", 4789, "1.1.1.1")
    assert found.notes.captures[0].undecodable == 0


def test_routing_header_and_home_address_are_what_tcp_sees(tmp_path):
    last, home = "fd00::9", "fd00::7"
    segment = c.tcp(A6, last, (1, 2), 5, 7, "A", 0)[54:]
    route = struct.pack(">BBBBI", 6, 2, 0, 1, 0) + inet_pton(AF_INET6, last)
    moved = c.tcp(home, B6, (1, 2), 5, 7, "A", 0)[54:]
    options = b"\x06\x02\x01\x02\0\0\xc9\x10" + inet_pton(AF_INET6, home)
    found = read(
        tmp_path,
        ethernet(0x86DD, ipv6(43, route + segment)),
        ethernet(0x86DD, ipv6(60, options + moved)),
    )
    assert found.packets["dst"].to_list() == [last, B6]
    assert found.packets["src"].to_list() == [A6, home]
    assert found.notes.captures[0].checksums == {"right": 2}


def test_packets_longer_than_16_bits_tell(tmp_path):
    size = 70_000
    four = bytearray(c.tcp(A, B, (1, 2), 5, 7, "A", 100))
    four[16:18] = b"\0\0"
    four += bytes(size - 100)
    jumbo = struct.pack(">BBBBI", 6, 0, 0xC2, 4, 28 + size)
    head = c.tcp(A6, B6, (1, 2), 5, 7, "A", 0)[54:]
    six = ethernet(0x86DD, ipv6(0, jumbo + head + bytes(size), length=0))
    found = read(tmp_path, bytes(four), six)
    assert found.packets["payload_bytes"].to_list() == [size, size]
    assert found.notes.captures[0].layers["BIG TCP"] == 2


def test_a_packet_without_an_end_is_not_believed(tmp_path):
    frame = bytearray(c.tcp(A, B, (1, 2), 5, 7, "A", 100))
    frame[16:18] = b"\0\0"
    path = c.write_pcap(tmp_path / "x.pcap", [(10**18, bytes(frame))])
    data = bytearray(path.read_bytes())
    data[24 + 12 : 24 + 16] = struct.pack("<I", 2**31)
    path.write_bytes(data)
    notes = read_foreign([path]).notes.captures[0]
    assert notes.reasons == {"an IP length of 0 in a frame longer than any": 1}


def test_padding_is_no_payload_and_a_shortened_frame_keeps_its_length(tmp_path):
    short = c.tcp(A, B, (1, 2), 5, 7, "A", 0) + bytes(6)
    whole = c.tcp(A, B, (1, 2), 5, 7, "A", 500)
    found = read(tmp_path, short, whole[:60])
    assert found.packets["payload_bytes"].to_list() == [0, 500]


def fragments(frame, size=24):
    """The IPv4 packet of a frame in pieces of so many bytes."""
    head, body = bytearray(frame[14:34]), frame[34:]
    for offset in range(0, len(body), size):
        part = body[offset : offset + size]
        more = 0x2000 if offset + size < len(body) else 0
        head[2:4] = struct.pack(">H", 20 + len(part))
        head[6:8] = struct.pack(">H", more | offset // 8)
        head[10:12] = b"\0\0"
        head[10:12] = struct.pack(">H", c.internet_checksum(bytes(head)))
        yield frame[:14] + bytes(head) + part


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("piece_bytes", [None, 60])
def test_fragments_are_put_together_at_the_last_one(tmp_path, order, piece_bytes):
    parts = list(fragments(c.tcp(A, B, (1000, 80), 5, 7, "PA", 40)))
    found = read(tmp_path, *(parts[at] for at in order), piece_bytes=piece_bytes)
    assert found.packets["protocol"].to_list() == ["other", "other", "tcp"]
    row = found.packets.row(2, named=True)
    assert (row["seq"], row["payload_bytes"], row["src"]) == (5, 40, A)
    notes = found.notes.captures[0]
    assert (notes.fragments, notes.reassembled, notes.incomplete) == (3, 1, 0)
    assert (notes.checksums, notes.protocols) == ({"right": 1}, {"IP fragment": 2, "TCP": 1})


def test_a_packet_with_a_missing_fragment_stays_in_pieces(tmp_path):
    parts = list(fragments(c.tcp(A, B, (1000, 80), 5, 7, "PA", 40)))
    found = read(tmp_path, parts[0], parts[2], parts[2])
    assert found.packets["protocol"].to_list() == ["other"] * 3
    assert found.notes.captures[0].incomplete == 1


def test_fragments_of_ipv6(tmp_path):
    body = SEGMENT6[54:]
    parts = [
        ethernet(0x86DD, ipv6(44, struct.pack(">BBHI", 6, 0, at | more, 9) + body[at : at + 24]))
        for at, more in ((0, 1), (24, 1), (48, 0))
    ]
    found = read(tmp_path, *parts)
    assert found.packets["protocol"].to_list() == ["other", "other", "tcp"]
    assert found.notes.captures[0].checksums == {"right": 1}


def test_a_syn_whose_options_were_taken_out_has_no_payload_and_a_cut_segment_keeps_it(tmp_path):
    def with_length(frame, more):
        head = bytearray(frame[14:34])
        head[2:4] = struct.pack(">H", len(frame) - 14 + more)
        head[10:12] = bytes(2)
        head[10:12] = struct.pack(">H", c.internet_checksum(bytes(head)))
        return frame[:14] + bytes(head) + frame[34:]

    syn = with_length(c.tcp(A, B, (1000, 80), 5, 0, "S", tail=c.options(mss=1460)), 12)
    cut = c.tcp(A, B, (1000, 80), 6, 7, "PA", 42)[:-12]
    # the checksum tells that nothing was cut
    wrong = with_length(c.tcp(A, B, (1000, 80), 48, 7, "A", 30), 12)
    found = read(tmp_path, syn, cut, wrong)
    assert found.packets["payload_bytes"].to_list() == [0, 42, 30]


@pytest.mark.parametrize(
    ("tail", "sane"),
    [(b"\x94\x04\0\0", True), (b"\x01\0\x63\x63", True), (b"\x07\x05\0\0", False),
     (b"\x01\x01\x01\x94", False), (b"\x82\0\0\0", False)],
)  # fmt: skip
def test_ipv4_options_that_do_not_fit_their_header_are_no_packet(tmp_path, tail, sane):
    frame = ethernet(0x800, OPTIONED + tail + IP[20:])
    found = read(tmp_path, frame)
    assert (found.packets["protocol"][0] == "tcp") == sane
    assert ("IPv4 options that cannot be right" in found.notes.captures[0].reasons) != sane


def test_a_session_of_pppoe_ends_its_packets_whatever_ip_says(tmp_path):
    plain = c.tcp(A, B, (1000, 80), 5, 7, "A", 6)[14:]
    frame = ethernet(0x8864, b"\x11\0\0\x01" + struct.pack(">HH", len(plain) - 4, 0x21) + plain)
    assert read(tmp_path, frame).packets["payload_bytes"].to_list() == [0]
