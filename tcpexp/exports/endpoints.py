"""The packets of a connection by direction, numbered as they were sent, at both ends alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tcpexp.exports.acked import Ack, Arrival, newly_acked
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class Packet:
    """A packet in one host's capture; ``number`` counts what its sender sent, from 0 on.

    None for a packet that the sender's capture does not have, such as a forged one.
    """

    t_ns: int
    number: int | None
    row: dict[str, Any]


@dataclass(frozen=True)
class SentPacket:
    """A packet in its sender's capture, with its number."""

    t_ns: int
    number: int
    row: dict[str, Any]


@dataclass
class Direction:
    """One direction of a connection: its packets where they left, and where they arrived."""

    sent: list[SentPacket] = field(default_factory=list)
    received: list[Packet] = field(default_factory=list)

    def acks_as_sent(self) -> Iterator[Ack]:
        """Yield the ACKs in the order in which they left."""
        for packet in self.sent:
            ack = _ack(packet.row, packet.number, packet.t_ns)
            if ack is not None:
                yield ack

    def acks_as_received(self) -> Iterator[Ack]:
        """Yield the ACKs in the order in which they arrived, each with the time when it left."""
        left = {packet.number: packet.t_ns for packet in self.sent}
        for packet in self.received:
            if packet.number in left:
                assert packet.number is not None
                ack = _ack(packet.row, packet.number, left[packet.number])
                if ack is not None:
                    yield ack

    def acked_by(self, acks: Iterable[Ack]) -> dict[int, list[int]]:
        """Return the packets of this direction that each ACK of the other one is the first to
        cover, by the ACK's packet number.
        """
        return dict(newly_acked(acks, self._arrivals()))

    def _arrivals(self) -> Iterator[Arrival]:
        seen: set[int] = set()
        for packet in self.received:
            space = _space(packet.row)
            start = packet.row["seq_rel"]
            if (
                packet.number is not None
                and packet.number not in seen
                and space
                and start is not None
            ):
                seen.add(packet.number)
                yield Arrival(packet.t_ns, packet.number, start, start + space)

    def last_before(self, seq_rel: int | None, capture: str, frame: int) -> int | None:
        """Return the number of the last packet with the byte ``seq_rel`` that left before the
        packet ``frame`` of the capture; None when there is none.
        """
        if seq_rel is None:
            return None
        candidates = self._by_first_byte.get(seq_rel) or [
            packet for packet in self.sent if _holds(packet.row, seq_rel)
        ]
        before = [
            packet.number
            for packet in candidates
            if packet.row["capture"] == capture and packet.row["number"] < frame
        ]
        return max(before, default=None)

    @cached_property
    def _by_first_byte(self) -> dict[int, list[SentPacket]]:
        """The packets with data by the byte that they begin with."""
        found: dict[int, list[SentPacket]] = {}
        for packet in self.sent:
            if packet.row["payload_bytes"] and packet.row["seq_rel"] is not None:
                found.setdefault(packet.row["seq_rel"], []).append(packet)
        return found


def directions_of(
    connection: dict[str, Any], packets: polars.DataFrame, journeys: polars.DataFrame
) -> tuple[Direction, Direction]:
    """Return the direction towards the server and the one towards the client.

    ``packets`` are those of the connection in all captures; ``journeys`` say which packet of the
    sender's capture is which of the receiver's.
    """
    ends = [
        (connection[f"{side}_address"], connection[f"{side}_port"], connection[side])
        for side in ("client", "server")
    ]
    travelled = journeys.filter(pl.col("connection") == connection["connection"])
    found = []
    for (address, port, node), (_, _, peer) in (ends, ends[::-1]):
        from_here = packets.filter((pl.col("src") == address) & (pl.col("src_port") == port))
        sent = [
            SentPacket(row["t_ns"], number, row)
            for number, row in enumerate(_in_one_capture(from_here, node))
        ]
        numbers = {(packet.row["capture"], packet.row["number"]): packet.number for packet in sent}
        arrived = {
            (row["received_capture"], row["received_number"]): numbers.get(
                (row["sent_capture"], row["sent_number"])
            )
            for row in travelled.iter_rows(named=True)
            if row["received_number"] is not None
        }
        copies = {_identity(packet.row): packet.number for packet in sent}
        received = [
            Packet(
                row["t_ns"],
                arrived.get((row["capture"], row["number"]), copies.get(_identity(row))),
                row,
            )
            for row in _in_one_capture(from_here, peer)
        ]
        found.append(Direction(sent, received))
    return found[0], found[1]


def _in_one_capture(packets: polars.DataFrame, node: str | None) -> list[dict[str, Any]]:
    """Return the packets in the node's capture that has most of them."""
    here = packets.filter(pl.col("node") == node)
    if here.is_empty():
        return []
    counts = here.group_by("capture").len().sort(["len", "capture"], descending=[True, False])
    capture = counts["capture"][0]
    return here.filter(pl.col("capture") == capture).sort("number").to_dicts()


def _holds(row: dict[str, Any], seq_rel: int) -> bool:
    """Return whether a packet has the byte ``seq_rel``."""
    first, size = row["seq_rel"], row["payload_bytes"] or 0
    return first is not None and first <= seq_rel < first + size


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a second copy of a packet has in common with the first."""
    names = ("ip_id", "seq", "ack", "payload_bytes", "flags", "ts_val", "checksum")
    return tuple(row[name] for name in names)


def _space(row: dict[str, Any]) -> int:
    """Return how much of the sequence space a packet takes: its bytes, SYN and FIN one each."""
    flags = row["flags"] or ""
    return int(row["payload_bytes"] or 0) + ("S" in flags) + ("F" in flags)


def _ack(row: dict[str, Any], number: int, sent_ns: int) -> Ack | None:
    if "A" not in (row["flags"] or "") or row["ack_rel"] is None:
        return None
    edges = row["sack_blocks"] or []
    blocks = tuple(zip(edges[::2], edges[1::2], strict=False))
    return Ack(number, sent_ns, row["ack_rel"], blocks)
