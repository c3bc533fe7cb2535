"""The check ``rtt``: a flow's round-trip time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import (
    BETWEEN,
    HARMLESS_LOSS,
    Between,
    captures_of,
    flow_plan,
    require_span,
)
from tcpexp.late import polars as pl
from tcpexp.units import Duration, QuantityError
from tcpexp.views.spans import within
from tcpexp.words.measured import number_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class RoundTrip(Compared[Duration]):
    """A flow's round-trip time as its sender sees it: from a data segment to the ACK that first
    covers it.
    """

    name: ClassVar[str] = "rtt"
    example: ClassVar[str] = "{flow: cubic, between: [1s, 60s], percentile: 99, at_most: 85ms}"

    flow: FlowName = Field(description="the flow")
    percentile: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None,
        description=(
            "which percentile, 0 to 100; 50 (the median) when neither this nor `measure` is given"
        ),
    )
    measure: Literal["min", "median", "mean", "max"] | None = Field(
        default=None, description="instead of a percentile"
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.percentile is not None and self.measure is not None:
            raise QuantityError(
                "percentile: and measure: exclude each other", "leave one of them out"
            )
        return self

    def title(self) -> str:
        """Name the measure, the flow and the span."""
        return f"{self._measure_words()} RTT of flow {self.flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def _measure_words(self) -> str:
        if self.percentile is not None:
            return f"{number_words(self.percentile)}th percentile of the"
        return {"min": "smallest", "max": "largest", "mean": "mean"}.get(
            self.measure or "", "median"
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the percentile; the evidence names the largest sample."""
        span = require_span(run, self.between)
        captures_of(run, flow_plan(run, self.flow).sender, fraction=HARMLESS_LOSS)
        rows = run.table("rtt").filter((pl.col("flow") == self.flow) & within(span))
        if rows.is_empty():
            raise Undecided(f"there is no RTT sample of flow {self.flow} {span_words(span)}")
        column = rows.get_column("rtt_ns")
        if self.measure == "mean":
            value = float(column.mean())  # type: ignore[arg-type]
        else:
            percent = {"min": 0.0, "max": 100.0}.get(
                self.measure or "", 50.0 if self.percentile is None else self.percentile
            )
            value = float(column.quantile(percent / 100, interpolation="nearest") or 0)
        largest = rows.row(int(column.arg_max() or 0), named=True)
        evidence = Evidence(
            f"{many(rows.height, 'sample')}; the largest, {time_words(largest['rtt_ns'])}, at"
            f" {time_words(largest['t_ns'])}",
            from_ns=span[0],
            to_ns=span[1],
        )
        reason = (
            f"the {self._measure_words()} RTT of flow {self.flow} was {time_words(value)}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(value), time_words(value), reason, [evidence])
