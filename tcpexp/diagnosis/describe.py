"""Tables to findings: everything that packets say about the connections of a capture."""

from __future__ import annotations

from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.handshake import find_handshakes
from tcpexp.diagnosis.segments import segments_of
from tcpexp.late import polars as pl


def describe(packets: pl.DataFrame, connections: pl.DataFrame) -> tuple[Finding, ...]:
    """Return the findings, by connection and then in the order of their first packets.

    ``packets`` and ``connections`` are tables with these names (``docs/reference/data.md``). A
    connection is described as its capture in ``connections`` saw it.
    """
    segments = segments_of(packets, connections)
    if segments.is_empty():
        return ()
    return tuple(sorted(find_handshakes(segments), key=_order))


def _order(finding: Finding) -> tuple[int, int]:
    return (finding.connection or 0, finding.packets[0] if finding.packets else 0)
