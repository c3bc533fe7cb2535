"""The check ``window_step``: by how much a receiver moved its window's right edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Bytes, Compared
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.views.spans import within
from tcpexp.words.measured import size_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: How many rows an evidence table has at most.
LISTED = 60


class WindowStep(Compared[Bytes]):
    """By how many bytes a receiver opens its window at a time: how far the right edge (ACK number +
    window) moves.

    Every step must satisfy the comparators. An edge that only stays, because the window shrinks by
    what was acknowledged, is no step.
    """

    name: ClassVar[str] = "window_step"
    example: ClassVar[str] = "{from: h2, flow: upload, at_least: 536}"

    from_: HostName = Field(alias="from", description="the host that advertises the window")
    flow: FlowName | None = Field(default=None, description="of this flow only")
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the host and the span."""
        flow = f" to flow {self.flow}" if self.flow else ""
        return f"steps by which {self.from_} opens its window{flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a size in words."""
        return size_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge every step; a table of them is the evidence."""
        span = require_span(run, self.between)
        steps = self._steps(run).filter(within(span))
        if steps.is_empty():
            raise Undecided(f"{self.from_} never opened its window further {span_words(span)}")
        sizes = steps.get_column("step").to_list()
        low, high = min(sizes), max(sizes)
        measured = size_words(low) if low == high else f"{size_words(low)} to {size_words(high)}"
        passed = all(self.holds(size) for size in sizes)
        table = [("time", "packet", "acknowledged", "window", "edge moved by")]
        for row in steps.head(LISTED).iter_rows(named=True):
            table.append(
                (
                    time_words(row["t_ns"]),
                    str(row["number"]),
                    str(row["ack_rel"]),
                    str(row["window_bytes"]),
                    str(row["step"]),
                )
            )
        numbers = tuple(steps.get_column("number").to_list()[:LISTED])
        text = many(steps.height, "step") + (
            f", the first {LISTED} listed" if steps.height > LISTED else ""
        )
        evidence = Evidence(
            text, steps["capture"][0], numbers, steps["t_ns"][0], steps["t_ns"][-1], tuple(table)
        )
        return self.verdict(
            passed,
            measured,
            f"{many(len(sizes), 'step')} of {measured}; asked: every one {self.comparison()}",
            [evidence],
        )

    def _steps(self, run: RunData) -> pl.DataFrame:
        wanted = pl.col("capture").is_in(captures_of(run, self.from_)) & pl.col("src").is_in(
            addresses_of(run.plan, self.from_)
        )
        wanted &= (
            pl.col("window_bytes").is_not_null()
            & pl.col("ack_rel").is_not_null()
            & ~pl.col("flags").str.contains("[SR]")
        )
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        rows = run.table("packets").filter(wanted.fill_null(False)).sort("t_ns", "number")
        edge = (pl.col("ack_rel") + pl.col("window_bytes")).cum_max().over("capture", "stream")
        rows = rows.with_columns(edge=edge).with_columns(
            step=pl.col("edge").diff().over("capture", "stream")
        )
        return rows.filter(pl.col("step") > 0)
