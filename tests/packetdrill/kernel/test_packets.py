"""A script's packets as octets, and octets as a script's packet, in the script's numbers."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill.guest import wire
from tcpexp.packetdrill.guest.mapping import Peer, Unmapped
from tcpexp.packetdrill.kernel.packets import decode, encode, flag_bits, joined
from tcpexp.packetdrill.script import Icmp, Ip, Option, Packet, Tcp, Udp

LOCAL, REMOTE = (bytes([192, 168, 0, 1]), 8080), (bytes([192, 0, 2, 1]), 40000)
ISN, REMOTE_ISN = 0xFFFFFF00, 5000


def peer(**more) -> Peer:
    return Peer(wire.TCP, local=LOCAL, remote=REMOTE, isn=ISN, remote_isn=REMOTE_ISN, **more)


def segment(flags: str = ".", seq: int = 1, length: int = 0, **more) -> Packet:
    more = {"ack": 1, "window": 257, **more}
    return Packet("in", Tcp(flags, seq, length, **more))


def through(packet: Packet, **more) -> Packet:
    """Return what the kernel would have sent, had it sent this packet."""
    live = bytearray(peer(**more).to_live(encode(packet, 4)))
    found = decode(bytes(live), REMOTE_ISN, ISN, REMOTE_ISN)
    assert found is not None
    return found


def test_the_script_s_numbers_come_back():
    options = (
        Option("nop"),
        Option("nop"),
        Option("sack", blocks=((2001, 3001), (4001, 5001))),
    )
    seen = through(segment("P.", 1001, 500, ack=2001, options=options)).content
    assert isinstance(seen, Tcp)
    assert (seen.seq, seen.length, seen.ack, seen.window) == (1001, 500, 2001, 257)
    assert seen.options == options


def test_a_live_packet_has_the_connection_s_numbers_and_right_checksums():
    live = peer().to_live(encode(segment("P.", 1, 3, ack=0x200), 4))
    assert live[12:20] == REMOTE[0] + LOCAL[0]
    assert int.from_bytes(live[24:28], "big") == REMOTE_ISN + 1
    assert int.from_bytes(live[28:32], "big") == (ISN + 0x200) & 0xFFFFFFFF
    assert wire.checksum(live[:20]) == 0
    pseudo = live[12:20] + bytes([0, 6]) + (len(live) - 20).to_bytes(2, "big")
    assert wire.checksum(pseudo + live[20:]) == 0


def test_a_syn_s_numbers_are_absolute():
    live = peer(script_isn=0).to_live(encode(segment("S", 7, window=1000, ack=None), 4))
    assert int.from_bytes(live[24:28], "big") == 7


@pytest.mark.parametrize(
    ("flags", "ace", "bits"),
    [("SEW", None, 0x0C2), ("SEC", None, 0x0C2), ("SEWA", None, 0x1C2), (".", 5, 0x150)],
)
def test_flags_of_ecn(flags, ace, bits):
    assert flag_bits(Tcp(flags, 0, 0, ace=ace)) == bits


@pytest.mark.parametrize("order", [("e0b", "ceb", "e1b"), ("e1b", "ceb", "e0b"), ("e1b",), ()])
def test_accecn_s_counters_keep_their_order(order):
    option = Option("ECN", counts=tuple((name, 1 + place) for place, name in enumerate(order)))
    padding = tuple(Option("nop") for _ in range(-(2 + 3 * len(order)) % 4))
    seen = through(segment(options=(option, *padding))).content
    assert isinstance(seen, Tcp)
    assert seen.options is not None
    assert seen.options[0] == option


def test_an_echo_is_what_the_kernel_sent():
    stamped = (Option("nop"), Option("nop"), Option("TS", 100, echo=200))
    data = encode(segment(options=stamped), 4)
    live = peer(timestamps={200: 123456}).to_live(data)
    headers = wire.read_headers(live)
    assert headers is not None
    assert wire.timestamps(live, headers.start) == (100, 123456)
    with pytest.raises(Unmapped, match="timestamp 200"):
        peer().to_live(data)


def test_an_icmp_message_shows_a_packet_of_ours():
    icmp = Packet("in", Icmp("unreachable", "frag_needed", 1200, about="tcp", seq=1, length=1460))
    live = peer().to_live(encode(icmp, 4))
    assert live[20:22] == bytes([3, 4])
    assert live[26:28] == (1200).to_bytes(2, "big")
    assert live[28 + 12 : 28 + 20] == LOCAL[0] + REMOTE[0]
    ports = LOCAL[1].to_bytes(2, "big") + REMOTE[1].to_bytes(2, "big")
    assert live[48:52] == ports
    assert int.from_bytes(live[52:56], "big") == (ISN + 1) & 0xFFFFFFFF
    assert wire.checksum(live[20:]) == 0


def test_an_icmp_message_without_brackets_is_about_the_first_segment():
    """packetdrill's parser.y: TCP, the sequence number 0, no octets."""
    live = peer().to_live(encode(Packet("in", Icmp("unreachable", "host_unreachable")), 4))
    assert live[48:52] == LOCAL[1].to_bytes(2, "big") + REMOTE[1].to_bytes(2, "big")
    assert int.from_bytes(live[52:56], "big") == ISN
    udp = peer().to_live(encode(Packet("in", Icmp("unreachable", None, about="udp", length=9)), 4))
    assert int.from_bytes(udp[30:32], "big") == 20 + 8 + 9


def test_ipv6_has_its_own_header():
    data = encode(Packet("in", Udp(5), Ip(ecn="ce", ttl=9, flow_label=0x12345)), 6)
    assert len(data) == 40 + 8 + 5
    assert data[:4] == (6 << 28 | 3 << 20 | 0x12345).to_bytes(4, "big")
    assert data[7] == 9


def pieces(*lengths: int) -> list[bytes]:
    place, found = 1, []
    for number, length in enumerate(lengths):
        flags = "P." if number == len(lengths) - 1 else "."
        found.append(peer().to_live(encode(segment(flags, place, length), 4)))
        place += length
    return found


def test_pieces_are_the_one_packet_that_a_script_has():
    data, problem = joined(pieces(1000, 1000, 500))
    assert problem is None
    seen = decode(data, REMOTE_ISN, ISN, REMOTE_ISN)
    assert seen is not None
    assert isinstance(seen.content, Tcp)
    assert (seen.content.seq, seen.content.length, seen.content.flags) == (1, 2500, "P.")


def test_pieces_that_do_not_fit_are_named():
    first, second, third = pieces(1000, 1000, 1000)
    assert "follow" in str(joined([first, third])[1])
    assert "lengths" in str(joined(pieces(1000, 900, 100))[1])
    assert joined([first, second])[1] is None
