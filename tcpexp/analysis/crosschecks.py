"""Numbers of a run that two sources know, side by side: the table ``cross_checks``
(docs/concepts/cross-checks.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.analysis.comparison import CrossCheck
from tcpexp.analysis.crossdelivered import check_downloads, check_iperf3
from tcpexp.analysis.crosskernel import check_counters
from tcpexp.analysis.crossmptcp import check_data_acks
from tcpexp.analysis.crossnetwork import check_disciplines, check_drops, check_marks
from tcpexp.late import polars as pl
from tcpexp.store.frames import conform, empty_frame
from tcpexp.store.rundata import RunData


def build_cross_checks(run: RunData) -> pl.DataFrame:
    """Return the ``cross_checks`` table; a number that only one source knows has no row."""
    rows = [check.row() for check in _all(run)]
    return (
        conform(pl.DataFrame(rows, infer_schema_length=None), "cross_checks")
        if rows
        else empty_frame("cross_checks")
    )


def _all(run: RunData) -> Iterator[CrossCheck]:
    for compare in (
        check_counters,
        check_iperf3,
        check_downloads,
        check_data_acks,
        check_drops,
        check_marks,
        check_disciplines,
    ):
        yield from compare(run)


def differing(run: RunData) -> list[str]:
    """Return a sentence for each row that differs, for the certificate and the terminal."""
    rows = run.table("cross_checks").filter(pl.col("verdict") == "differs")
    return [difference_words(row) for row in rows.iter_rows(named=True)]


def difference_words(row: dict[str, object]) -> str:
    """Return what a row says: ``segments sent again by h1: 77 in its own capture, 151 in
    Tcp.RetransSegs``.
    """
    return (
        f"{row['check']}, {row['subject']}: {row['measured']:,} by {row['measured_from']},"
        f" {row['reported']:,} by {row['reported_from']}"
        + (
            f"; explained would be {row['least']:,} to {row['most']:,} ({row['why']})"
            if row["why"]
            else ""
        )
    )
