"""What packets say, written down: the tables ``findings``, ``summary`` and ``limits``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import polars as pl

from tcpexp.diagnosis.describe import describe
from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.limits import limits
from tcpexp.explain.joining import Between
from tcpexp.ingest.foreign import Notes
from tcpexp.store.frames import conform, empty_frame, write_table


def diagnose(
    run_dir: Path,
    tables: tuple[pl.DataFrame, pl.DataFrame],
    marked: pl.DataFrame,
    notes: Notes,
    between: Between,
) -> None:
    """Describe every connection, what limited each, and what happened between captures, as tables
    of the run.

    ``tables`` are ``packets`` and ``connections``, ``marked`` is what
    :func:`tcpexp.diagnosis.judged.marked_segments` returns. Of a single capture ``packets`` need
    only ``capture`` and ``connection``.
    """
    packets, connections = tables
    said = describe(packets, connections, notes, marked)
    both = [*said.findings, *between.findings]
    ordered = sorted(both, key=lambda one: -1 if one.connection is None else one.connection)
    write_table(run_dir, "findings", findings_frame(tuple(ordered)))
    write_table(run_dir, "journeys", between.journeys)
    write_table(run_dir, "summary", said.summary)
    write_table(run_dir, "limits", limits(packets, connections, marked))


def findings_frame(findings: tuple[Finding, ...]) -> pl.DataFrame:
    """Return findings as the table of that name, in their order."""
    if not findings:
        return empty_frame("findings")
    rows = [{"number": at, **asdict(one)} for at, one in enumerate(findings, start=1)]
    return conform(pl.DataFrame(rows, infer_schema_length=None), "findings")
