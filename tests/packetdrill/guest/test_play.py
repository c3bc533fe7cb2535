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

    def inject(self, packet: bytes, segment: int) -> None:
        self.packets.append(packet)


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
