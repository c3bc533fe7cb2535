"""The check ``in_flight``: what a sender has in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Bytes, Compared
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, flow_plan, require_span
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.views.spans import within
from tcpexp.words.measured import size_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class InFlight(Compared[Bytes]):
    """How many bytes a flow's sender has in flight: sent and not yet acknowledged, just after each
    data segment left.

    From the sequence and acknowledgment numbers in the sender's capture.
    """

    name: ClassVar[str] = "in_flight"
    example: ClassVar[str] = "{flow: upload, between: [2s, 5s], measure: max, at_most: 1448}"

    flow: FlowName = Field(description="the flow")
    measure: Literal["min", "median", "max"] = Field(
        default="max", description="which number of all the data segments is compared"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the measure, the flow and the span."""
        return f"{self.measure} bytes in flight of flow {self.flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a size in words."""
        return size_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the measure; the evidence names the segment with which most was in flight."""
        span = require_span(run, self.between)
        sender = flow_plan(run, self.flow).sender
        captures = captures_of(run, sender)
        wanted = (
            (pl.col("flow") == self.flow)
            & pl.col("capture").is_in(captures)
            & pl.col("src").is_in(addresses_of(run.plan, sender))
        )
        rows = run.table("packets").filter(
            wanted
            & (pl.col("payload_bytes") > 0)
            & pl.col("in_flight_bytes").is_not_null()
            & within(span)
        )
        if rows.is_empty():
            raise Undecided(f"flow {self.flow} sent no data {span_words(span)}")
        column = rows.get_column("in_flight_bytes")
        percent = {"min": 0.0, "median": 0.5, "max": 1.0}[self.measure]
        value = float(column.quantile(percent, interpolation="nearest") or 0)
        most = rows.row(int(column.arg_max() or 0), named=True)
        text = (
            f"{many(rows.height, 'data segment')}; most in flight,"
            f" {size_words(most['in_flight_bytes'])}, at {time_words(most['t_ns'])}"
        )
        evidence = Evidence(text, most["capture"], (most["number"],), span[0], span[1])
        reason = (
            f"the {self.measure} of flow {self.flow}'s bytes in flight was {size_words(value)};"
            f" asked: {self.comparison()}"
        )
        return self.verdict(self.holds(value), size_words(value), reason, [evidence])
