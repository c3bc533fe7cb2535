"""Between a script's numbers and the connection's own: addresses, ports, sequence numbers,
timestamps.

A script counts from the initial sequence numbers and writes the kernel's timestamps as it likes;
the kernel draws both. Source: the rules of github.com/google/packetdrill, which scripts are written
for: one connection at a time, the youngest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tcpexp.packetdrill.guest import wire

End = tuple[bytes, int]
NOWHERE: End = (b"", 0)


class State(Enum):
    """How far a socket is, as far as the mapping goes."""

    NEW = "new"
    LISTENING = "listening"
    CONNECTING = "connecting"
    SYN_SENT = "SYN sent"
    SYN_ACKED = "SYN acknowledged"
    PACKET_RECEIVED = "packet received"
    SYNACK_SENT = "SYN-ACK sent"
    SYNACK_ACKED = "SYN-ACK acknowledged"


class Unmapped(Exception):
    """A number of the script means none of the connection's."""


@dataclass
class Peer:
    """A socket of the script, or a connection that nobody has accepted yet.

    ``local`` and ``remote`` are the ends on the wire; ``isn`` is the kernel's initial sequence
    number, ``script_isn`` what the script wrote for it, ``remote_isn`` the script's own.
    """

    protocol: int
    state: State = State.NEW
    script_fd: int = -1
    fd: int = -1
    local: End = NOWHERE
    remote: End = NOWHERE
    isn: int = 0
    script_isn: int = 0
    remote_isn: int = 0
    timestamps: dict[int, int] = field(default_factory=dict)
    first_timestamps: tuple[int, int] | None = None

    def numbers(self) -> dict[str, int]:
        """Return what a reader of the log needs to map a packet back."""
        return {"isn": self.isn, "script_isn": self.script_isn, "remote_isn": self.remote_isn}

    def local_offset(self, syn: bool) -> int:
        """Return what is added to a script's number in the kernel's sequence space."""
        return self.isn - self.script_isn if syn else self.isn

    def remote_offset(self, syn: bool) -> int:
        """Return what is added to a script's number in the remote sequence space."""
        return 0 if syn else self.remote_isn

    def sends(self, headers: wire.Headers) -> bool:
        """Return whether a packet is one that this socket sends."""
        if self.protocol in (wire.ICMP, wire.ICMPV6) and headers.protocol == self.protocol:
            return (headers.source[0], headers.target[0]) == (self.local[0], self.remote[0])
        return headers.ends == (self.local, self.remote)

    def begins_with(self, headers: wire.Headers, data: bytes) -> bool:
        """Return whether a packet is the first of a connection that this socket begins."""
        if headers.protocol != self.protocol:
            return False
        if self.protocol == wire.TCP:
            flags = data[headers.start + 13]
            opens = self.state is State.SYN_SENT and flags & (wire.SYN | wire.ACK) == wire.SYN
            return opens and headers.target == self.remote
        if self.state is not State.CONNECTING:
            return False
        return headers.target[0] == self.remote[0] and headers.target[1] in (0, self.remote[1])

    def learn_timestamps(self, script: int, data: bytes, start: int) -> None:
        """Remember which timestamp the kernel sent where the script has ``script``."""
        live = wire.timestamps(data, start)
        if live is None:
            return
        self.timestamps[script] = live[0]
        if self.first_timestamps is None:
            self.first_timestamps = (script, live[0])

    def to_live(self, packet: bytes, *, scaled_echo: bool = False) -> bytes:
        """Return a packet of the script in the connection's own numbers, with checksums.

        Raises:
            Unmapped: it echoes a timestamp that the kernel never sent.
        """
        data = bytearray(packet)
        wire.set_ends(data, 0, self.remote, self.local)
        headers = wire.read_headers(data)
        if headers is not None and headers.protocol == wire.TCP:
            self._map_tcp(data, headers.start, scaled_echo)
        elif headers is not None and headers.protocol in (wire.ICMP, wire.ICMPV6):
            self._map_offender(data, headers.start + wire.ICMP_HEADER)
        wire.fill_checksums(data)
        return bytes(data)

    def _map_tcp(self, data: bytearray, start: int, scaled_echo: bool) -> None:
        flags = data[start + 13]
        syn = bool(flags & wire.SYN)
        wire.add(data, start + 4, self.remote_offset(syn))
        if flags & wire.ACK:
            wire.add(data, start + 8, self.local_offset(syn))
        for kind, place, length in wire.options(data, start):
            if kind == wire.OPTION_SACK:
                for edge in range(place, place + length - 3, 4):
                    wire.add(data, edge, self.local_offset(syn))
            elif kind == wire.OPTION_TIMESTAMPS and length == 8 and flags & wire.ACK:
                echo = int.from_bytes(data[place + 4 : place + 8], "big")
                data[place + 4 : place + 8] = self._echo(echo, scaled_echo).to_bytes(4, "big")

    def _echo(self, script: int, scaled: bool) -> int:
        if script in self.timestamps:
            return self.timestamps[script]
        if scaled and self.first_timestamps is not None:
            first_script, first_live = self.first_timestamps
            return (script - first_script + first_live) & 0xFFFFFFFF
        raise Unmapped(f"no segment before carried the timestamp {script} that this one echoes")

    def _map_offender(self, data: bytearray, at: int) -> None:
        """Map the packet of ours that an ICMP message shows."""
        headers = wire.read_headers(data, at)
        if headers is None or headers.protocol not in (wire.TCP, wire.UDP):
            return
        wire.set_ends(data, at, self.local, self.remote)
        if headers.protocol == wire.TCP:
            wire.add(data, headers.start + 4, self.local_offset(False))
