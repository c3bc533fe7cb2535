"""Tables to findings and to the summary: everything that packets say about the connections of a
capture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.diagnosis.acks import find_acks
from tcpexp.diagnosis.closing import find_closings
from tcpexp.diagnosis.doubts import find_doubts, find_of_captures
from tcpexp.diagnosis.ecn import find_ecn_offers, find_marks
from tcpexp.diagnosis.errors import find_errors
from tcpexp.diagnosis.extensions import find_cookies, find_fast_open, find_mptcp
from tcpexp.diagnosis.finding import KINDS, Finding
from tcpexp.diagnosis.handshake import find_handshake, openings
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
    found = list(find_of_captures(notes)) if notes is not None else []
    segments = judged_segments(packets, connections, marked)
    if segments.is_empty():
        return Description(tuple(found), empty_frame("summary"))
    summary = build_summary(segments)
    found += _of_connections(segments, summary)
    found += find_errors(segments, notes) if notes is not None else []
    return Description(tuple(sorted(_once(found), key=_place)), summary)


def summarise(packets: pl.DataFrame, connections: pl.DataFrame) -> pl.DataFrame:
    """Return the table ``summary`` of the connections."""
    return build_summary(judged_segments(packets, connections))


def _of_connections(segments: pl.DataFrame, summary: pl.DataFrame) -> Iterator[Finding]:
    opened = list(openings(segments))
    for opening in opened:
        for find in (find_handshake, find_options, find_ecn_offers, find_fast_open, find_mptcp):
            yield from find(opening)
    yield from find_cookies(opened)
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
