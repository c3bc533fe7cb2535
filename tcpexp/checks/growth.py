"""The check ``growth``: how a sender's window grew."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.checks.base import FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.checks.traced import Which, choose, phase_evidence, phases_of
from tcpexp.late import polars as pl
from tcpexp.words.measured import digits, span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Growth(Compared[Number]):
    """How a flow's cwnd grew per round trip: as a factor in slow start, in segments in congestion
    avoidance.

    RFC 5681 section 3.1: at most 2 in slow start, 1 in Reno's avoidance. Whole round trips count in
    which cwnd limited the sender, from a moment until all that was sent before it is acknowledged;
    a phase without one has no growth.
    """

    name: ClassVar[str] = "growth"
    example: ClassVar[str] = "{flow: reno, phase: congestion_avoidance, equals: 1, tolerance: 10%}"

    flow: FlowName = Field(description="the flow")
    phase: Literal["slow_start", "congestion_avoidance"] = Field(description="the phase")
    which: Which = Field(
        default="median", description="the median of all such phases, the first, or each of them"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the phase, the flow and the span."""
        return f"growth per RTT of flow {self.flow} in {self.phase} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the growth."""
        span = require_span(run, self.between)
        rows = phases_of(run, self.flow, span).filter(
            (pl.col("phase") == self.phase) & pl.col("growth_per_rtt").is_not_null()
        )
        values = rows["growth_per_rtt"].to_list()
        if not values:
            raise Undecided(
                f"flow {self.flow} had no {self.phase} of a round trip or more in which cwnd was"
                f" the limit {span_words(span)}"
            )
        chosen = choose(values, self.which)
        ends = [digits(growth) for growth in sorted({min(chosen), max(chosen)})]
        one, several = ("time", "times") if self.phase == "slow_start" else ("segment", "segments")
        measured = f"{' to '.join(ends)} {one if ends == ['1'] else several} per RTT"
        reason = (
            f"cwnd of flow {self.flow} grew by {measured} ({self.which} of"
            f" {many(len(values), 'phase')}); asked: {self.comparison()}"
        )
        return self.verdict(
            all(self.holds(growth) for growth in chosen), measured, reason, [phase_evidence(rows)]
        )
