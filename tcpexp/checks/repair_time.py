"""The check ``repair_time``: how long a loss took to be repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.checks.base import FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.checks.traced import event_evidence, events_of
from tcpexp.late import polars as pl
from tcpexp.units import Duration
from tcpexp.words.measured import span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class RepairTime(Compared[Duration]):
    """How long a loss took: until the sender noticed it, until all was repaired, or both together.

    The longest of all events is judged.
    """

    name: ClassVar[str] = "repair_time"
    example: ClassVar[str] = "{flow: cubic, measure: notice, at_most: 100ms}"

    flow: FlowName = Field(description="the flow")
    measure: Literal["notice", "repair", "both"] = Field(
        default="both", description="loss to notice, notice to repair, or loss to repair"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        what = {"notice": "loss to notice", "repair": "notice to repair", "both": "loss to repair"}[
            self.measure
        ]
        return f"longest time from {what} of flow {self.flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the longest time."""
        span = require_span(run, self.between)
        rows = events_of(run, self.flow, span)
        took = {"notice": pl.col("notice_delay_ns"), "repair": pl.col("repair_delay_ns")}
        took["both"] = pl.col("notice_delay_ns") + pl.col("repair_delay_ns")
        timed = (
            rows.with_columns(took=took[self.measure])
            .filter(pl.col("took").is_not_null())
            .sort("took", descending=True)
        )
        if timed.is_empty():
            raise Undecided(
                f"flow {self.flow} had no loss event that can be timed {span_words(span)}"
            )
        longest = timed.row(0, named=True)
        measured = time_words(longest["took"])
        reason = (
            f"the longest of {many(timed.height, 'event')} took {measured}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(longest["took"]), measured, reason, [event_evidence(timed)])
