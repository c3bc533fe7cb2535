"""Captures as others would send them: a download over a path of some length, seen at its client,
its server or between, with one segment lost and repaired.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.crafting import Talk, options, udp, write_pcap

CLIENT, SERVER = "192.0.2.1", "198.51.100.7"
SEGMENT = 1000
#: One way from the capture to each end, ms: at the client, between, at the server.
PLACES = {"client": (0.01, 20.0), "between": (8.0, 12.0), "server": (20.0, 0.01)}


class Numbered(Talk):
    """A talk in which every packet has an IP id of its own, as hosts give them."""

    def send(self, side, *words, **more):
        """Add a segment with the next IP id."""
        return super().send(side, *words, ip_id=len(self.packets) + 1, **more)


def download(place: str = "client", segments: int = 20, port: int = 40_000) -> Talk:
    """Return a download of ``segments`` segments, captured at ``place``.

    The fifth segment is lost before a capture at the client, and behind one at the server. It is
    sent again after three duplicate ACKs.
    """
    near, far = (round(ms * 1e6) for ms in PLACES[place])
    seen_lost = place == "server"
    talk = Numbered(client=CLIENT, server=SERVER, port=port)
    tail = options(mss=1460, sack_ok=True, wscale=7)
    talk.send(0, "S", tail=tail)
    talk.send(1, "SA", 0, 1, tail=tail, after_ns=2 * far)
    talk.send(0, "A", 1, 1, after_ns=2 * near)
    talk.send(0, "PA", 1, 1, 100, after_ns=1000)
    talk.send(1, "A", 1, 101, after_ns=2 * far)
    for index in range(segments):
        if index == 4 and not seen_lost:
            continue
        talk.send(1, "A", 1 + index * SEGMENT, 101, SEGMENT, after_ns=1_000_000)
    behind = 1 + segments * SEGMENT
    hole = 1 + 4 * SEGMENT
    talk.send(0, "A", 101, hole, after_ns=2 * near)
    for last in range(6, 9):
        sacked = [(hole + SEGMENT, 1 + last * SEGMENT)]
        talk.send(0, "A", 101, hole, after_ns=100_000, sacks=sacked)
    talk.send(1, "A", hole, 101, SEGMENT, after_ns=2 * far)
    talk.send(0, "A", 101, behind, after_ns=2 * near)
    talk.send(1, "FA", behind, 101, after_ns=1000)
    talk.send(0, "FA", 101, behind + 1, after_ns=2 * near)
    talk.send(1, "A", behind + 1, 102, after_ns=2 * far)
    return talk


def write_download(path: Path, place: str = "client", **more: int) -> Path:
    """Write such a capture, with a datagram that is no TCP in front, and return its path."""
    talk = download(place, **more)
    begun = talk.packets[0][0] - 1_000_000
    return write_pcap(path, [(begun, udp(CLIENT, "192.0.2.53", (5353, 53), 30)), *talk.packets])
