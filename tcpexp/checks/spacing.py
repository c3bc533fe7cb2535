"""The check ``spacing``: how far apart a flow's packets leave its sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number, require_kind
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, flow_plan, require_span
from tcpexp.late import polars as pl
from tcpexp.units import Duration
from tcpexp.views.disciplines import departure_gaps, runs_of_packets
from tcpexp.words.measured import fraction_words, number_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

NumberOrTime = Annotated[Number | Duration, Field(union_mode="left_to_right")]
FEWEST = 20


class Spacing(Compared[NumberOrTime]):
    """How a flow's data packets leave its sender, by the sender's capture.

    `median` is the median time between two packets (a duration), `back_to_back` the share of
    packets that left closer than `closer_than` behind the one before, `largest_burst` the most
    packets in a row that did.
    """

    name: ClassVar[str] = "spacing"
    example: ClassVar[str] = (
        "{flow: cubic, measure: largest_burst, closer_than: 100us, between: [2s, 9s], at_most: 2}"
    )

    flow: FlowName = Field(description="the flow")
    measure: Literal["median", "back_to_back", "largest_burst"] = Field(
        description="what is compared"
    )
    closer_than: Duration = Field(
        default=100_000, description="what counts as back to back; 100us when silent"
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _units_fit(self) -> Self:
        require_kind(self, int if self.measure == "median" else float, self.measure)
        return self

    def title(self) -> str:
        """Name the measure, the flow and the span."""
        what = {
            "median": "median time between packets",
            "back_to_back": "share of packets back to back",
            "largest_burst": "most packets in a row",
        }[self.measure]
        return f"{what} of flow {self.flow} at its sender {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a duration, a share or a number in words."""
        if self.measure == "median":
            return time_words(value)
        return fraction_words(value) if self.measure == "back_to_back" else number_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the measure."""
        span = require_span(run, self.between)
        captures_of(run, flow_plan(run, self.flow).sender)
        gaps = departure_gaps(run, self.flow, span)
        if gaps.height < FEWEST:
            raise Undecided(f"only {many(gaps.height, 'packet')} of flow {self.flow} left")
        bursts = runs_of_packets(gaps, self.closer_than)
        largest = bursts.sort("packets", descending=True).row(0, named=True)
        if self.measure == "median":
            value = float(gaps["gap_ns"].median())  # type: ignore[arg-type]
        elif self.measure == "back_to_back":
            value = gaps.filter(pl.col("gap_ns") < self.closer_than).height / gaps.height
        else:
            value = float(largest["packets"])
        evidence = Evidence(
            f"{many(gaps.height, 'packet')}; the largest burst has {largest['packets']}",
            largest["capture"],
            (largest["number"],),
            span[0],
            span[1],
        )
        words = self.words(value)
        reason = f"{self.title()} was {words}; asked: {self.comparison()}"
        return self.verdict(self.holds(value), words, reason, [evidence])
