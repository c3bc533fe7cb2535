"""One file to its packets and the notes on it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from tcpexp.ingest.foreign.fragments import Reassembly
from tcpexp.ingest.foreign.frames import (
    LAYERS,
    PARTIAL,
    RIGHT,
    UNKNOWN,
    WRONG,
    Context,
    Frames,
)
from tcpexp.ingest.foreign.interfaces import shows_again
from tcpexp.ingest.foreign.layers import frames_of
from tcpexp.ingest.foreign.links import link_name
from tcpexp.ingest.foreign.notes import (
    EXAMPLES,
    CaptureNotes,
    InterfaceNotes,
    Problem,
    Remark,
    StepBack,
)
from tcpexp.ingest.foreign.opened import open_capture
from tcpexp.ingest.foreign.pieces import FileFacts, Piece
from tcpexp.ingest.foreign.quotes import MOST_QUOTES, Quote, quotes_of
from tcpexp.ingest.foreign.table import (
    LATER,
    Segments,
    address_texts,
    rows_of,
    split_interface,
)
from tcpexp.ingest.headers import ARP, ICMP, MLD, ND, TCP, UDP
from tcpexp.ingest.pcap import Int64
from tcpexp.ingest.streams import Streams
from tcpexp.store.frames import schema_of

_WORDS = {
    TCP: "TCP",
    ARP: "ARP",
    ICMP: "ICMP",
    ND: "neighbour discovery",
    MLD: "IPv6 multicast groups",
}
_TUNNELS = ("GRE", "VXLAN", "Geneve", "GTP-U", "IP in IP")
_SUMS = {
    RIGHT: "right",
    WRONG: "wrong",
    PARTIAL: "left to the network card",
    UNKNOWN: "not checked",
}


#: More than there are words for what a packet holds.
_WORDS_AT_MOST = 1 << 32


@dataclass(frozen=True)
class Captured:
    """What one file holds. ``captures`` names the capture of each number in the column
    ``interface``; the other columns that are not in the table yet are filled by the caller.
    """

    path: Path
    packets: pl.DataFrame
    segments: list[Segments]
    captures: dict[int, str]
    first_ns: int | None
    notes: CaptureNotes


@dataclass
class _Tally:
    """What is counted while a file is read."""

    packets: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    cut: int = 0
    cut_headers: int = 0
    kinds: Counter[tuple[int, int]] = field(default_factory=Counter)
    layers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[int] = field(default_factory=Counter)
    sums: Counter[int] = field(default_factory=Counter)
    problems: list[tuple[int, int]] = field(default_factory=list)
    bad_options: int = 0
    steps_back: int = 0
    steps: list[StepBack] = field(default_factory=list)
    links: set[tuple[int, int]] = field(default_factory=set)
    quotes: list[Quote] = field(default_factory=list)

    def take(self, piece: Piece, frames: Frames, numbers: Int64) -> None:
        """Count a piece's packets."""
        self._take_times(piece.epoch_ns, numbers)
        self.packets += piece.count
        self.quotes += quotes_of(frames, numbers, MOST_QUOTES - len(self.quotes))
        self.cut += int((piece.captured < piece.frame_bytes).sum())
        self.cut_headers += int((frames["options_cut"] == 1).sum())
        self.bad_options += int((frames["options_bad"] == 1).sum())
        kinds = frames["protocol"] * _WORDS_AT_MOST + frames["what"] + 1
        different, count = np.unique(kinds, return_counts=True)
        for kind, many in zip(different.tolist(), count.tolist(), strict=True):
            protocol, what = divmod(kind, _WORDS_AT_MOST)
            self.kinds[protocol, what - 1] += many
        for at, word in enumerate(LAYERS):
            many = int((frames.layers >> at & 1).sum())
            if many:
                self.layers[word] += many
        failed = np.flatnonzero(frames["reason"] >= 0)
        reasons = frames["reason"][failed].tolist()
        self.reasons.update(reasons)
        room = EXAMPLES - len(self.problems)
        self.problems += list(zip(numbers[failed[:room]].tolist(), reasons[:room], strict=True))
        tcp = frames["sum"][frames["protocol"] == TCP]
        self.sums.update(
            dict(zip(*(c.tolist() for c in np.unique(tcp, return_counts=True)), strict=True))
        )
        self.links.update(zip(piece.interface.tolist(), piece.link.tolist(), strict=True))

    def _take_times(self, epoch_ns: Int64, numbers: Int64) -> None:
        before = epoch_ns[0] if self.last_ns is None else self.last_ns
        steps = np.diff(epoch_ns, prepend=before)
        back = np.flatnonzero(steps < 0)
        self.steps_back += back.size
        for row in back[: EXAMPLES - len(self.steps)].tolist():
            self.steps.append(StepBack(int(numbers[row]), -int(steps[row])))
        lowest = int(epoch_ns.min())
        self.first_ns = lowest if self.first_ns is None else min(self.first_ns, lowest)
        self.last_ns = int(epoch_ns[-1])


@dataclass(frozen=True)
class How:
    """How to read: whether segments are kept for their labels, whether packets in tunnels are
    taken, and how many bytes of a file are looked at at once.
    """

    labels: bool = True
    inner: bool = True
    piece_bytes: int | None = None


def read_file(path: Path, name: str, how: How) -> Captured:
    """Return what a capture holds; it is called ``name`` in the table.

    Raises ``DataError`` when it cannot be opened or is no capture.
    """
    context, streams, tally, whole = (
        Context(inner=how.inner),
        Streams(strict=False),
        _Tally(),
        Reassembly(),
    )
    parts: list[pl.DataFrame] = []
    segments: list[Segments] = []

    def count(piece: Piece, frames: Frames) -> None:
        numbers = np.arange(tally.packets + 1, tally.packets + 1 + piece.count)
        rows, found = rows_of(piece, frames, numbers, streams)
        parts.append(rows)
        if how.labels:
            segments.append(found)
        tally.take(piece, frames, numbers)

    with open_capture(path, how.piece_bytes) as reader, ThreadPoolExecutor(1) as beside:
        counted: Future[None] | None = None
        for piece in reader.pieces():
            frames = frames_of(piece, context)
            if frames.fragments:
                whole.take(frames, piece.epoch_ns)
            if counted is not None:
                counted.result()
            # while the headers of the next piece are taken off
            counted = beside.submit(count, piece, frames)
        if counted is not None:
            counted.result()
        facts = reader.facts
    packets = pl.concat(parts) if parts else _no_packets()
    texts = address_texts(context)
    packets = packets.with_columns(texts.gather(packets[end]).alias(end) for end in ("src", "dst"))
    captures = _captures(name, packets, facts)
    notes = _notes((path, name), (packets, captures), facts, (context, tally, whole))
    return Captured(path, packets, segments, captures, tally.first_ns, notes)


def _no_packets() -> pl.DataFrame:
    kinds = {key: kind for key, kind in schema_of("packets").items() if key not in LATER}
    kinds |= {"src": pl.Int32(), "dst": pl.Int32()}
    return pl.DataFrame(schema={"epoch_ns": pl.Int64(), "interface": pl.Int64(), **kinds})


def _captures(name: str, packets: pl.DataFrame, facts: FileFacts) -> dict[int, str]:
    """Return the capture's name of each number in ``interface``."""
    numbers = sorted(packets["interface"].unique().to_list())
    if not shows_again(packets):
        return dict.fromkeys(numbers, name)
    words = {number: _interface_word(number, facts) for number in numbers}
    if len(set(words.values())) < len(words):
        words = {number: f"{at}-{words[number]}" for at, number in enumerate(numbers)}
    return {number: f"{name}/{word}" for number, word in words.items()}


def _interface_word(number: int, facts: FileFacts) -> str:
    interface, device = split_interface(number)
    known = facts.interfaces[interface]
    word = (known.name or f"if{interface}").replace("/", "_")
    if device is None:
        return word
    if known.link == _COOKED:
        return f"{word}-{'out' if device else 'in'}"
    return f"{word}-{device}"


_COOKED = 113


def _notes(
    called: tuple[Path, str],
    table: tuple[pl.DataFrame, dict[int, str]],
    facts: FileFacts,
    known: tuple[Context, _Tally, Reassembly],
) -> CaptureNotes:
    (path, name), (packets, captures) = called, table
    context, tally, whole = known
    words = list(context.words.known)
    protocols: Counter[str] = Counter()
    for (protocol, what), many in tally.kinds.items():
        word = _WORDS.get(protocol) or (
            words[what] if what >= 0 else "UDP" if protocol == UDP else "unreadable"
        )
        protocols[word] += many
    facts.note("TCP headers with options that cannot be right", tally.bad_options)
    dropped = [one.dropped for one in facts.interfaces if one.dropped is not None]
    said_by = next((one.dropped_by for one in facts.interfaces if one.dropped is not None), None)
    tunnels = [word for word in _TUNNELS if tally.layers.get(word)]
    taken = f"packets inside {' and '.join(tunnels)} are taken" if tunnels else None
    return CaptureNotes(
        file=str(path),
        captures=tuple(dict.fromkeys(captures.values())) or (name,),
        format=facts.format,
        bytes=path.stat().st_size,
        interfaces=tuple(_interface_notes(packets, captures, facts)),
        packets=tally.packets,
        first_ns=tally.first_ns,
        last_ns=tally.last_ns,
        cut_packets=tally.cut,
        cut_headers=tally.cut_headers,
        dropped=sum(dropped) if dropped else None,
        dropped_by=said_by,
        application=facts.application,
        comments=tuple(Remark(one.number, one.text) for one in facts.comments),
        protocols=dict(protocols.most_common()),
        layers=dict(tally.layers),
        tunnels=taken,
        fragments=whole.fragments,
        reassembled=whole.whole,
        incomplete=whole.incomplete,
        steps_back=tally.steps_back,
        steps=tuple(tally.steps),
        undecodable=sum(tally.reasons.values()),
        reasons={words[number]: many for number, many in tally.reasons.most_common()},
        problems=tuple(Problem(number, words[reason]) for number, reason in tally.problems),
        checksums={_SUMS[state]: many for state, many in sorted(tally.sums.items())},
        odd=dict(facts.odd),
        damage=facts.damage,
        quotes=tuple(tally.quotes),
    )


def _interface_notes(
    packets: pl.DataFrame, captures: dict[int, str], facts: FileFacts
) -> list[InterfaceNotes]:
    counts = dict(packets.group_by("interface").len().iter_rows())
    found = []
    for number, capture in captures.items():
        at, device = split_interface(number)
        one = facts.interfaces[at]
        found.append(
            InterfaceNotes(
                capture,
                one.name if device is None else _interface_word(number, facts),
                link_name(one.link),
                one.snaplen or None,
                int(counts[number]),
                one.dropped,
                one.dropped_by,
                one.description,
                one.filter,
                one.system,
            )
        )
    return found
