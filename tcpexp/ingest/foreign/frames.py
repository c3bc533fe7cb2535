"""Packets of a piece while their headers are taken off one by one: what header is next, where it
begins, and the columns that the headers before it have filled.

A column is an array with an element per packet; -1 stands for a field that a packet does not have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.headers import Addresses
from tcpexp.ingest.pcap import Bytes, Int64

#: What header is next: an EtherType, or one of these and a number behind it.
IP_PROTOCOL, PPP, LLC, ANY_IP, WLAN, LINK = (number << 32 for number in range(1, 7))
#: Nothing is left to take off.
DONE = -1

#: Columns that hold one number per packet.
COLUMNS = (
    "protocol",
    "src",
    "dst",
    "src_port",
    "dst_port",
    "ip_id",
    "checksum",
    "ttl",
    "ecn",
    "flags",
    "seq",
    "ack",
    "payload_bytes",
    "window",
    "urgent",
    "header_bytes",
    "options_cut",
    "options_bad",
    "mss",
    "wscale",
    "sack_permitted",
    "sack_count",
    "ts_val",
    "ts_ecr",
    "fast_open",
    "accecn",
    "subtypes",
    "token",
    "dsn_number",
    "dsn_at",
    "data_ack",
    # what a checksum says: the states are below
    "sum",
    "ip_sum",
    # of what else there is: a number in Words
    "what",
    "reason",
    "fragment",
    "device",
)
#: A checksum could not be computed, is right, is wrong, or holds only the pseudo-header's sum, as
#: it is before the network card completes it.
UNKNOWN, RIGHT, WRONG, PARTIAL = range(4)

#: Layers that a packet can have between its frame and its transport, a bit for each.
LAYERS = (
    "VLAN",
    "QinQ",
    "MPLS",
    "PPPoE",
    "GRE",
    "VXLAN",
    "Geneve",
    "GTP-U",
    "IP in IP",
    "IPv4 options",
    "IPv6 extension headers",
    "IPv6 routing header",
    "IPv6 home address",
    "BIG TCP",
    "length 0 (segmentation offload)",
    "E-TAG",
    "VN-Tag",
    "802.1ah",
    "FabricPath",
    "TRILL",
    "MACsec (not encrypted)",
)
LAYER_BITS = {word: 1 << at for at, word in enumerate(LAYERS)}
MOST_BLOCKS = 4


class Words:
    """Texts by number, in the order in which they turn up."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text."""
        return self.known.setdefault(text, len(self.known))


@dataclass
class Context:
    """What is known across the pieces of a capture."""

    addresses: Addresses = field(default_factory=Addresses)
    words: Words = field(default_factory=Words)
    #: Whether packets in tunnels are taken; otherwise the tunnel's own are.
    inner: bool = True


@dataclass
class Frames:
    """Packets between two headers.

    ``at`` is where the next header of ``kind`` begins in ``data``, ``end`` where the captured
    bytes end, ``wire_end`` where they would if all had been captured. ``layers`` has a bit for
    each of ``LAYERS``.
    """

    context: Context
    data: Bytes
    at: Int64
    end: Int64
    wire_end: Int64
    kind: Int64
    columns: dict[str, Int64] = field(default_factory=dict)
    layers: Int64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    edges: Int64 = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    #: Where the addresses of the pseudo-header lie, and how long they are.
    src_at: Int64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    dst_at: Int64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    address_bytes: Int64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    #: Where the IP header tells of so many bytes more than the frame has.
    beyond: Int64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    #: Whether a header in front of IP says that the packet ends before its frame does.
    bounded: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    #: The rows of fragments of IP packets, with what puts them together.
    fragments: list[Fragments] = field(default_factory=list)
    #: The rows of ICMP messages.
    icmp: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = self.at.size
        self.columns = {name: np.full(count, -1, dtype=np.int64) for name in COLUMNS}
        self.columns["protocol"][:] = 0
        self.columns["sum"][:] = UNKNOWN
        self.columns["ip_sum"][:] = UNKNOWN
        self.columns["subtypes"][:] = 0
        self.edges = np.full((count, 2 * MOST_BLOCKS), -1, dtype=np.int64)
        self.layers, self.src_at, self.dst_at, self.address_bytes, self.beyond = (
            np.zeros(count, dtype=np.int64) for _ in range(5)
        )
        self.bounded = np.zeros(count, dtype=np.bool_)

    def __getitem__(self, name: str) -> Int64:
        return self.columns[name]

    @property
    def count(self) -> int:
        """How many packets there are."""
        return int(self.at.size)

    def set(self, rows: Int64, **values: NDArray[np.generic] | int) -> None:
        """Fill columns of some packets."""
        for name, value in values.items():
            self.columns[name][rows] = value

    def captured(self, rows: Int64) -> Int64:
        """Return how many bytes were captured from the next header on."""
        left: Int64 = self.end[rows] - self.at[rows]
        return left

    def on_wire(self, rows: Int64) -> Int64:
        """Return how many bytes there were from the next header on."""
        left: Int64 = self.wire_end[rows] - self.at[rows]
        return left

    def fail(self, rows: Int64, reason: str) -> None:
        """Give up on packets, with the reason."""
        if rows.size:
            self.kind[rows] = DONE
            self.columns["reason"][rows] = self.context.words.number(reason)

    def keep(self, rows: Int64, good: NDArray[np.bool_], reason: str) -> Int64:
        """Return those of ``rows`` that are good; give up on the others."""
        if good.all():
            return rows
        self.fail(rows[~good], reason)
        return rows[good]

    def keep_captured(self, rows: Int64, size: int, what: str) -> Int64:
        """Return those of ``rows`` of whose next header ``size`` bytes were captured."""
        left = self.captured(rows)
        if (left >= size).all():
            return rows
        cut = (left < size) & (self.wire_end[rows] > self.end[rows])
        self.fail(rows[cut], f"cut off by the capture within its {what}")
        short = (left < size) & ~cut
        self.fail(rows[short], f"too short for {what}")
        return rows[left >= size]

    def name(self, rows: Int64, word: str) -> None:
        """Say what packets are that are neither TCP nor anything with a column of its own."""
        if rows.size:
            self.kind[rows] = DONE
            self.columns["what"][rows] = self.context.words.number(word)

    def next(self, rows: Int64, header: Int64 | int, kind: Int64 | int) -> None:
        """Step over a header of so many bytes, to one of ``kind``."""
        self.at[rows] += header
        self.kind[rows] = kind

    def passed(self, rows: Int64, layer: str) -> None:
        """Note that packets have a layer."""
        self.layers[rows] |= LAYER_BITS[layer]

    def inside(self, rows: Int64, at: Int64, kind: Int64 | int) -> Frames:
        """Return what lies in the packets ``rows`` from ``at`` on, as packets of their own."""
        kinds = np.full(rows.size, kind, dtype=np.int64) if isinstance(kind, int) else kind
        return Frames(
            self.context, self.data, at.copy(), self.end[rows], self.wire_end[rows], kinds.copy()
        )

    def take(self, rows: Int64, inner: Frames, which: NDArray[np.bool_]) -> None:
        """Let what ``which`` of ``inner`` hold stand for the packets that they lie in."""
        chosen = rows[which]
        for name, column in inner.columns.items():
            if name != "device":
                self.columns[name][chosen] = column[which]
        self.edges[chosen] = inner.edges[which]
        self.layers[chosen] |= inner.layers[which]


@dataclass(frozen=True)
class Fragments:
    """Fragments of IP packets: their rows, which packet they are of, where their bytes lie in
    ``data`` and in the packet, and whether more follow.

    ``protocol`` is what the first fragment holds (an IP protocol's number).
    """

    rows: Int64
    ident: Int64
    offset: Int64
    more: NDArray[np.bool_]
    at: Int64
    end: Int64
    wire_end: Int64
    protocol: Int64
