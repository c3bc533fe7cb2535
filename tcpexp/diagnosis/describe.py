"""Tables to findings and to the summary: everything that packets say about the connections of a
capture.

Nearly all of it is said of each connection by itself. So a large capture can be described in
portions, some connections at a time, and what bears on several is found where they are joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.diagnosis.acks import find_acks
from tcpexp.diagnosis.closing import find_closings
from tcpexp.diagnosis.doubts import find_clocks, find_doubts, find_of_captures, find_unset
from tcpexp.diagnosis.ecn import find_ecn_offers, find_marks
from tcpexp.diagnosis.errors import find_errors
from tcpexp.diagnosis.extensions import find_cookies, find_fast_open, find_mptcp
from tcpexp.diagnosis.finding import KINDS, Finding
from tcpexp.diagnosis.handshake import Opening, find_handshake, openings
from tcpexp.diagnosis.judged import judged_segments
from tcpexp.diagnosis.options import find_misused, find_options
from tcpexp.diagnosis.order import find_order
from tcpexp.diagnosis.probes import find_probes
from tcpexp.diagnosis.repairs import find_repairs, with_repairs
from tcpexp.diagnosis.sizes import find_sizes
from tcpexp.diagnosis.summary import build_summary
from tcpexp.diagnosis.volume import find_round_trips, find_vantage, find_volumes
from tcpexp.diagnosis.windows import find_windows
from tcpexp.late import polars as pl
from tcpexp.store.frames import empty_frame

if TYPE_CHECKING:
    from tcpexp.ingest.foreign.notes import Notes

_ORDER = {kind: at for at, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Description:
    """What is said about the connections of a capture: ``findings`` in words, by connection and
    then in the order of ``KINDS`` (first those about whole captures), ``summary`` in numbers.
    """

    findings: tuple[Finding, ...]
    summary: pl.DataFrame


@dataclass(frozen=True)
class Portion:
    """What is said about some of the connections: ``seen`` has of their packets what bears on
    statements about others or about the whole capture (columns ``SEEN``), ``opened`` how they
    began.
    """

    findings: tuple[Finding, ...]
    summary: pl.DataFrame
    opened: tuple[Opening, ...]
    seen: pl.DataFrame


#: Columns of segments by which whole captures are judged.
SEEN = (
    "capture", "number", "t_ns", "connection", "from_client", "src", "src_port", "dst", "dst_port",
    "payload_bytes", "checksum_bad", "damaged",
)  # fmt: skip


def describe(
    packets: pl.DataFrame,
    connections: pl.DataFrame,
    notes: Notes | None = None,
    marked: pl.DataFrame | None = None,
) -> Description:
    """Return everything that packets say.

    ``packets`` and ``connections`` are tables with these names (``docs/reference/data.md``),
    ``notes`` what reading the captures found, ``marked`` what
    :func:`tcpexp.diagnosis.judged.marked_segments` returns, where that is known. A connection is
    described as its capture in ``connections`` saw it.
    """
    return join([describe_portion(packets, connections, marked)], notes)


def describe_portion(
    packets: pl.DataFrame, connections: pl.DataFrame, marked: pl.DataFrame | None = None
) -> Portion:
    """Return what the packets of some connections say about each of these.

    The packets of a connection are all there, of all captures; ``damaged`` is among their columns
    where others of the same captures are not (:func:`tcpexp.ingest.connections.is_damaged`).
    """
    segments = judged_segments(packets, connections, marked)
    seen = segments.select(SEEN)
    if segments.is_empty():
        return Portion((), empty_frame("summary"), (), seen)
    summary = build_summary(segments)
    opened = tuple(openings(segments))
    return Portion(tuple(_of_connections(segments, summary, opened)), summary, opened, seen)


def join(portions: Sequence[Portion], notes: Notes | None = None) -> Description:
    """Return what all portions of the captures say together."""
    found = list(find_of_captures(notes)) if notes is not None else []
    told = [portion for portion in portions if not portion.seen.is_empty()]
    if not told:
        return Description(tuple(found), empty_frame("summary"))
    found += [finding for portion in told for finding in portion.findings]
    found += find_cookies([opening for portion in told for opening in portion.opened])
    seen = pl.concat([portion.seen for portion in told])
    seen = seen.sort("capture", "number", maintain_order=True)
    found += [*find_unset(seen), *find_clocks(seen)]
    found += find_errors(seen, notes) if notes is not None else []
    summary = pl.concat([portion.summary for portion in told])
    return Description(tuple(sorted(_once(found), key=_place)), summary)


def summarise(packets: pl.DataFrame, connections: pl.DataFrame) -> pl.DataFrame:
    """Return the table ``summary`` of the connections."""
    return build_summary(judged_segments(packets, connections))


def _of_connections(
    segments: pl.DataFrame, summary: pl.DataFrame, opened: Sequence[Opening]
) -> Iterator[Finding]:
    for opening in opened:
        for find in (find_handshake, find_options, find_ecn_offers, find_fast_open, find_mptcp):
            yield from find(opening)
    yield from find_misused(segments)
    yield from find_marks(segments)
    yield from find_volumes(summary)
    yield from find_round_trips(summary)
    yield from find_vantage(summary)
    yield from find_sizes(segments, summary)
    yield from find_repairs(with_repairs(segments))
    yield from find_probes(segments)
    yield from find_order(segments)
    yield from find_windows(segments)
    yield from find_acks(segments, summary)
    yield from find_closings(segments)
    yield from find_doubts(segments)


def _once(found: list[Finding]) -> Iterator[Finding]:
    """Leave out what two modules say of the same: bytes that were not captured, first by their
    gaps, and by the distance of SYN and FIN only where no gap shows them.
    """
    gaps = {
        (finding.connection, finding.by)
        for finding in found
        if finding.kind == "not_captured" and finding.packets
    }
    for finding in found:
        shown = finding.kind != "not_captured" or finding.packets
        if shown or (finding.connection, finding.by) not in gaps:
            yield finding


def _place(finding: Finding) -> tuple[int, int, int]:
    first = finding.packets[0] if finding.packets else 0
    return (finding.connection or 0, _ORDER[finding.kind], first)
