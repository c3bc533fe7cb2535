"""The check ``recovery``: how fast a sender sent while it was in fast recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, flow_plan, require_span
from tcpexp.late import polars as pl
from tcpexp.views.recoveries import recoveries
from tcpexp.words.measured import number_words, span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Recovery(Compared[Number]):
    """How many bytes a flow's sender sent in fast recovery for each that it learnt had arrived.

    RFC 9937 (proportional rate reduction) spreads the reduction over the recovery: ssthresh over
    what was in flight before, 0.7 for CUBIC and 0.5 for Reno. What arrived is what ACKs and SACK
    blocks told the sender meanwhile, both as its capture has them. Each recovery of the time span
    is judged.
    """

    name: ClassVar[str] = "recovery"
    example: ClassVar[str] = "{flow: upload, between: [1s, 5s], equals: 0.7, tolerance: 5%}"

    flow: FlowName = Field(description="the flow")
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        return f"sent per byte arrived in recovery of flow {self.flow} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge each recovery."""
        span = require_span(run, self.between)
        captures = captures_of(run, flow_plan(run, self.flow).sender)
        rows = recoveries(run, self.flow).filter(pl.col("from_ns").is_between(*span))
        if rows.is_empty():
            raise Undecided(f"flow {self.flow} was in no fast recovery {span_words(span)}")
        ratios = (rows["sent_bytes"] / rows["arrived_bytes"]).to_list()
        measured = ", ".join(number_words(round(ratio, 3)) for ratio in ratios)
        table = (
            ("begin (s)", "end (s)", "sent (bytes)", "arrived (bytes)", "ratio"),
            *(
                (
                    f"{row['from_ns'] / 1e9:.6f}",
                    f"{row['to_ns'] / 1e9:.6f}",
                    str(row["sent_bytes"]),
                    str(row["arrived_bytes"]),
                    number_words(round(ratio, 3)),
                )
                for row, ratio in zip(rows.iter_rows(named=True), ratios, strict=True)
            ),
        )
        reason = (
            f"in {many(rows.height, 'recovery', 'recoveries')} flow {self.flow} sent {measured}"
            f" bytes for each that arrived; asked: {self.comparison()}"
        )
        evidence = Evidence(f"{self.flow}, in its sender's capture", captures[0], (), rows=table)
        return self.verdict(
            all(self.holds(ratio) for ratio in ratios), measured, reason, [evidence]
        )
