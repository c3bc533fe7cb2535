"""The guest's player: what it gives to the device."""

from __future__ import annotations

from typing import Any

from tcpexp.packetdrill.guest.device import Addresses
from tcpexp.packetdrill.guest.mapping import Peer, State
from tcpexp.packetdrill.guest.play import Player
from tcpexp.packetdrill.guest.wire import TCP, read_headers
from tcpexp.packetdrill.kernel.packets import encode
from tcpexp.packetdrill.parser import parse_script
from tcpexp.packetdrill.script import Packet


class Wire:
    """A device that keeps what it is given."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.outgoing: list[bytes] = []

    def inject(self, packet: bytes, segment: int) -> None:
        self.packets.append(packet)

    def sniff(self, timeout_s: float) -> tuple[int, bytes] | None:
        return (0, self.outgoing.pop(0)) if self.outgoing else None


def test_a_segment_for_a_socket_without_connection_has_both_ends() -> None:
    """It is bound, but neither listens nor connects: no connection gives addresses."""
    line = parse_script("0 < . 17:20(3) ack 34 win 32767", "t.pkt").events[0].action
    assert isinstance(line, Packet)
    addresses = Addresses("192.168.0.1", 16, "192.168.0.1", "192.0.2.1")
    wire = Wire()
    job: dict[str, Any] = {
        "bind_port": 8080,
        "connect_port": 8081,
        "scaled_echo": False,
        "segment": 0,
    }
    player = Player(job, wire, addresses)  # type: ignore[arg-type]
    player.current = Peer(TCP, State.NEW)
    step = {"protocol": TCP, "syn": False, "ack": True, "seq": 17, "bytes": encode(line, 4).hex()}
    player._inject(step, {})
    (packet,) = wire.packets
    headers = read_headers(bytearray(packet))
    assert len(packet) == 43
    assert headers is not None
    assert headers.target == (addresses.packed("192.168.0.1"), 8080)
    assert headers.source == (addresses.packed("192.0.2.1"), 8081)


def test_a_syn_that_an_earlier_connection_sends_again_does_not_begin_the_next() -> None:
    """Linux sends it soon after an ACK of nothing sent: tcp_rcv_synsent_state_process()."""
    line = parse_script("0 < S 0:0(0) win 9000", "t.pkt").events[0].action
    assert isinstance(line, Packet)
    wire = Wire()
    addresses = Addresses("192.168.0.1", 16, "192.168.0.1", "192.0.2.1")
    player = Player({}, wire, addresses)  # type: ignore[arg-type]
    local, remote = addresses.packed("192.168.0.1"), addresses.packed("192.0.2.1")

    def syn(port: int) -> bytes:
        data = bytearray(encode(line, 4))
        data[12:20] = local + remote
        data[20:24] = port.to_bytes(2, "big") + (8080).to_bytes(2, "big")
        return bytes(data)

    earlier = Peer(TCP, State.SYN_SENT, local=(local, 50_000), remote=(remote, 8080))
    peer = Peer(TCP, State.SYN_SENT, remote=(remote, 8080))
    player.peers = [earlier, peer]
    wire.outgoing = [syn(50_000), syn(50_001)]
    player._sniff(peer, 10**9)
    assert peer.local == (local, 50_001)
