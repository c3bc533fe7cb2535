"""Spans of time, in ns from the start of the experiment, and which rows of a table lie within."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tcpexp.store.rundata import RunData

#: From when to when, both included.
Span = tuple[int, int]


def within(span: Span, column: str = "t_ns") -> pl.Expr:
    """Return the filter ``span[0] <= column <= span[1]``."""
    return pl.col(column).is_between(*span)


def rows_within(rows: pl.DataFrame, span: Span | None, column: str = "t_ns") -> pl.DataFrame:
    """Return the rows whose time lies in ``span``; all of them for None."""
    return rows if span is None else rows.filter(within(span, column))


def active_span(run: RunData, span: Span | None) -> Span:
    """Return the time that a drawing of packets shows: ``span``, else where the packets are."""
    if span is not None:
        return int(span[0]), int(span[1])
    return busy_part(shown_span(run, None), run.table("packets")["t_ns"].to_numpy())


def busy_part(span: tuple[int, int], packets_ns: NDArray[np.int64]) -> tuple[int, int]:
    """Return where the packets are, which is what is shown first: it ends with the last packet.

    It begins with the run, unless nothing happens for longer than the packets take together. An
    end that is nearly the run's is the run's.
    """
    inside = packets_ns[(packets_ns >= span[0]) & (packets_ns <= span[1])]
    if inside.size == 0:
        return span
    first, last = int(inside.min()), int(inside.max())
    length = last - first
    margin = max(length // 12, 1_000_000)
    start = span[0] if first - span[0] <= length else max(first - margin, span[0])
    end = last + max((last - start) // 40, 1_000_000)
    return start, end if span[1] - end > (span[1] - start) // 12 else span[1]


def shown_span(run: RunData, span: Span | None) -> Span:
    """Return the time that a figure shows: ``span``, else the whole run as it was planned.

    A run that went on for much longer is shown to its end.
    """
    if span is not None:
        return int(span[0]), int(span[1])
    planned_ns = run.plan.duration_ns
    end_ns = int(run.engine.get("end_ns") or 0)
    return 0, max(planned_ns, end_ns if end_ns > planned_ns * 1.02 else 0, 1)
