"""The check ``queueing_delay``: how long packets waited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

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
from tcpexp.plan.flows import receiver_of
from tcpexp.units import Duration
from tcpexp.words.measured import digits, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class QueueingDelay(Compared[Duration]):
    """What a flow's data waited in queues on their way: the one-way delay of each segment less the
    links' delays.

    Needs captures of both ends. Jitter counts too, being part of the delay.
    """

    name: ClassVar[str] = "queueing_delay"
    example: ClassVar[str] = "{flow: upload, between: [5s, 20s], percentile: 95, at_most: 20ms}"

    flow: FlowName = Field(description="the flow")
    percentile: Annotated[float, Field(ge=0, le=100)] = Field(
        default=50, description="which percentile, 0 to 100; the median when silent"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the percentile, the flow and the span."""
        return (
            f"{digits(self.percentile)}th percentile of the queueing delay of flow {self.flow}"
            f" {span_words(self.between)}"
        )

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the percentile."""
        span = require_span(run, self.between)
        flow = flow_plan(run, self.flow)
        for host in (flow.sender, receiver_of(flow)):
            captures_of(run, host, fraction=HARMLESS_LOSS)
        own = (
            (pl.col("flow") == self.flow)
            & (pl.col("from_node") == flow.sender)
            & (pl.col("payload_bytes") > 0)
        )
        rows = run.table("journeys").filter(
            own & pl.col("queueing_ns").is_not_null() & pl.col("sent_ns").is_between(*span)
        )
        if rows.is_empty():
            raise Undecided(f"no data of flow {self.flow} arrived {span_words(span)}")
        value = float(rows["queueing_ns"].quantile(self.percentile / 100, "nearest") or 0)
        worst = rows.sort("queueing_ns", descending=True).row(0, named=True)
        text = (
            f"{many(rows.height, 'segment')}; the longest waited {time_words(worst['queueing_ns'])}"
        )
        evidence = Evidence(text, worst["sent_capture"], (worst["sent_number"],), span[0], span[1])
        reason = (
            f"the {digits(self.percentile)}th percentile was {time_words(value)}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(value), time_words(value), reason, [evidence])
