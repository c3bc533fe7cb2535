"""What reading a foreign capture found that its packets' table cannot say: where the file came
from, what it lost, and what could not be read, for each capture.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from tcpexp.ingest.foreign.quotes import Quote

#: So many examples are kept of what occurs often; the counts are of all.
EXAMPLES = 20


@dataclass(frozen=True)
class InterfaceNotes:
    """One interface of a capture; ``dropped`` is what the capturing system says it lost (None: it
    does not say), ``dropped_by`` who says so.
    """

    capture: str
    name: str | None
    link: str
    snaplen: int | None
    packets: int
    dropped: int | None
    dropped_by: str | None
    description: str | None = None
    filter: str | None = None
    system: str | None = None


@dataclass(frozen=True)
class Remark:
    """A comment in the file; ``number`` is its packet's, None when it is about the whole file."""

    number: int | None
    text: str


@dataclass(frozen=True)
class Problem:
    """Something about one packet: its frame number, and what it is."""

    number: int
    text: str


@dataclass(frozen=True)
class StepBack:
    """A packet whose time lies before that of the packet in front of it."""

    number: int
    by_ns: int


@dataclass(frozen=True)
class CaptureNotes:
    """What was found in one file.

    ``captures`` are the names that the file has in the table. Counts are of packets.
    ``protocols`` counts every packet once, by what it is; ``layers`` those that have a layer
    between frame and transport, and ``tunnels`` says which packet was taken. ``damage`` says where
    and why reading ended early. ``unsure_labels`` counts connections whose labels may differ from
    Wireshark's in details, because tshark was not asked. ``quotes`` are ICMP errors about TCP, the
    first ``MOST_QUOTES`` of them.
    """

    file: str
    captures: tuple[str, ...]
    format: str
    bytes: int
    interfaces: tuple[InterfaceNotes, ...]
    packets: int
    first_ns: int | None
    last_ns: int | None
    cut_packets: int
    cut_headers: int
    dropped: int | None
    dropped_by: str | None
    application: str | None
    comments: tuple[Remark, ...]
    protocols: dict[str, int]
    layers: dict[str, int]
    tunnels: str | None
    fragments: int
    reassembled: int
    incomplete: int
    steps_back: int
    steps: tuple[StepBack, ...]
    undecodable: int
    reasons: dict[str, int]
    problems: tuple[Problem, ...]
    checksums: dict[str, int]
    odd: dict[str, int]
    damage: str | None
    unsure_labels: int = 0
    quotes: tuple[Quote, ...] = ()

    @property
    def other_packets(self) -> int:
        """How many packets are no TCP."""
        return self.packets - self.protocols.get("TCP", 0)


@dataclass(frozen=True)
class Notes:
    """Notes on each file, in the order in which they were given."""

    captures: tuple[CaptureNotes, ...] = field(default=())

    def of(self, capture: str) -> CaptureNotes:
        """Return the notes on the file that a capture's name in the table stands for.

        Raises ``KeyError`` for a name that no file has.
        """
        for notes in self.captures:
            if capture in notes.captures:
                return notes
        raise KeyError(capture)

    def as_data(self) -> list[dict[str, Any]]:
        """Return the notes as plain data, fit for JSON."""
        return [asdict(notes) for notes in self.captures]
