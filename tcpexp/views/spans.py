"""Spans of time, in ns from the start of the experiment, and which rows of a table lie within."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: From when to when, both included.
Span = tuple[int, int]


def within(span: Span, column: str = "t_ns") -> pl.Expr:
    """Return the filter ``span[0] <= column <= span[1]``."""
    return pl.col(column).is_between(*span)


def rows_within(rows: pl.DataFrame, span: Span | None, column: str = "t_ns") -> pl.DataFrame:
    """Return the rows whose time lies in ``span``; all of them for None."""
    return rows if span is None else rows.filter(within(span, column))


def shown_span(run: RunData, span: Span | None) -> Span:
    """Return the time that a figure shows: ``span``, else the whole run as it was planned.

    A run that went on for much longer is shown to its end.
    """
    if span is not None:
        return int(span[0]), int(span[1])
    planned_ns = run.plan.duration_ns
    end_ns = int(run.engine.get("end_ns") or 0)
    return 0, max(planned_ns, end_ns if end_ns > planned_ns * 1.02 else 0, 1)
