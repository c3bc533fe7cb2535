"""The check ``phase_time``: how long a phase lasted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.checks.base import FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.checks.traced import PhaseName, phase_evidence, phases_of
from tcpexp.late import polars as pl
from tcpexp.units import Duration
from tcpexp.words.measured import span_words, time_words

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class PhaseTime(Compared[Duration]):
    """How long a flow's congestion control was in a phase: in all, or in the longest or first one.

    Phases are cut at the ends of the time span.
    """

    name: ClassVar[str] = "phase_time"
    example: ClassVar[str] = "{flow: cubic, phase: fast_recovery, measure: longest, at_most: 200ms}"

    flow: FlowName = Field(description="the flow")
    phase: PhaseName = Field(description="the phase")
    measure: Literal["total", "longest", "first"] = Field(
        default="total", description="all of them together, the longest, or the first"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the phase, the flow and the span."""
        return f"{self.measure} time of flow {self.flow} in {self.phase} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the time."""
        span = require_span(run, self.between)
        everything = phases_of(run, self.flow, None).filter(pl.col("phase") == self.phase)
        rows = everything.filter((pl.col("to_ns") > span[0]) & (pl.col("from_ns") < span[1]))
        lengths = (rows["to_ns"].clip(*span) - rows["from_ns"].clip(*span)).to_list()
        if not lengths and self.measure != "total":
            raise Undecided(f"flow {self.flow} was never in {self.phase} {span_words(span)}")
        value = {
            "total": sum(lengths),
            "longest": max(lengths, default=0),
            "first": lengths[0] if lengths else 0,
        }[self.measure]
        reason = (
            f"flow {self.flow} spent {time_words(value)} in {self.phase} ({self.measure}); asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(value), time_words(value), reason, [phase_evidence(rows)])
