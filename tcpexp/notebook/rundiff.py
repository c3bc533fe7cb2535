"""``RunDiff``: what differs between two runs."""

from __future__ import annotations

from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from tcpexp.notebook.shown import HEIGHT, Shown, mark_html, page_in_frame, table_html

if TYPE_CHECKING:
    import polars

    from tcpexp.report.diff.compare import Comparison
    from tcpexp.store.rundata import RunData

#: Metrics that changed by at most this fraction are left out.
THRESHOLD = 0.01
#: So many metrics are shown in a cell.
MOST_ROWS = 12


class RunDiff:
    """Two runs side by side, A and B: packets, verdicts, metrics, spec, environment."""

    def __init__(self, a: RunData, b: RunData) -> None:
        self.a, self.b = a, b

    @cached_property
    def comparison(self) -> Comparison:
        """All that was found, as ``tcpexp.api.compare_runs`` returns it."""
        from tcpexp.report.diff.compare import compare_runs

        return compare_runs(self.a, self.b)

    @property
    def same(self) -> bool:
        """Whether both show the same packets, and the same result of every check."""
        return self.comparison.same

    @property
    def same_packets(self) -> bool | None:
        """Whether every capture is equal byte for byte; None when neither run has one."""
        return self.comparison.same_packets

    def metrics(self, threshold: float = THRESHOLD) -> polars.DataFrame:
        """Return the metrics that changed by more than ``threshold`` (a fraction), the largest
        changes first: ``metric``, ``a``, ``b``, ``change`` (a fraction).
        """
        import polars as pl

        rows = self.comparison.measured(threshold)
        return pl.DataFrame(
            {
                "metric": [row.path for row in rows],
                "a": [_number(row.before) for row in rows],
                "b": [_number(row.after) for row in rows],
                "change": [row.change for row in rows],
            },
            schema={"metric": pl.String, "a": pl.Float64, "b": pl.Float64, "change": pl.Float64},
        )

    def show(self, *, height: int = HEIGHT, threshold: float = THRESHOLD) -> Shown:
        """Return the page that compares them, both runs drawn on the same axes."""
        from tcpexp.report.diff.page import diff_page

        page = diff_page(self.comparison, threshold)
        return Shown(page_in_frame(page, repr(self), height), repr(self))

    def __repr__(self) -> str:
        return f"RunDiff({self.a.path.name}, {self.b.path.name}: {self.comparison.headline()})"

    def _repr_html_(self) -> str:
        verdicts = [
            (
                escape(pair.title),
                "" if pair.a is None else mark_html(pair.a.result),
                "" if pair.b is None else mark_html(pair.b.result),
            )
            for pair in self.comparison.verdicts
            if pair.differs
        ]
        rows = self.comparison.measured(THRESHOLD)
        cells = [
            (escape(row.path), _words(row.before), _words(row.after), _percent(row.change))
            for row in rows[:MOST_ROWS]
        ]
        more = len(rows) - len(cells)
        parts = [f"<strong>{escape(self.comparison.headline())}</strong>"]
        if verdicts:
            parts.append(table_html(("verdict", "A", "B"), verdicts, words=3))
        if cells:
            parts.append(table_html(("metric", "A", "B", "change"), cells))
        if more > 0:
            parts.append(f"<small>and {more} more metrics: .metrics()</small>")
        return f"<div>{''.join(parts)}</div>"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _words(value: object) -> str:
    return "" if value is None else escape(f"{value:g}" if isinstance(value, float) else str(value))


def _percent(change: float | None) -> str:
    return "" if change is None else f"{change * 100:+.1f} %"
