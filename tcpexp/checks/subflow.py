"""The check ``subflow``: what the subflows of an MPTCP flow carried."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, LinkName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number, require_kind
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, flow_plan, require_span
from tcpexp.late import polars as pl
from tcpexp.plan.flows import receiver_of
from tcpexp.units import Duration, QuantityError
from tcpexp.views.subflows import subflow_arrivals
from tcpexp.words.measured import number_words, span_words, time_words

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData
    from tcpexp.views.spans import Span

#: A bare number is a float, a duration an int (ns): so the two can be told apart.
NumberOrTime = Annotated[Number | Duration, Field(union_mode="left_to_right")]


class Subflow(Compared[NumberOrTime]):
    """What the subflows of an MPTCP flow carried to its receiver (RFC 8684).

    `count` is the number of subflows that were established; `share` the part of the data, from 0 to
    1, that came over the subflow by `link`, each byte counted where it came first; `again` the part
    of the payload, from 0 to 1, whose data had come before; `gap` the longest time
    in which nothing new arrived over any subflow, a duration.
    """

    name: ClassVar[str] = "subflow"
    example: ClassVar[str] = "{flow: upload, measure: gap, between: [12s, 17s], at_most: 1s}"

    flow: FlowName = Field(description="the flow")
    measure: Literal["count", "share", "again", "gap"] = Field(description="what is compared")
    link: LinkName | None = Field(
        default=None, description="with `share`: a link that the subflow crosses and no other one"
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _questions_fit(self) -> Self:
        require_kind(self, int if self.measure == "gap" else float, self.measure)
        if (self.link is not None) != (self.measure == "share"):
            raise QuantityError(
                "'link' and measure: share belong together", "write measure: share, link: h1-r2"
            )
        return self

    def title(self) -> str:
        """Name the measure, the flow and the span."""
        what = {
            "count": "subflows",
            "share": f"share by {self.link}",
            "again": "payload that came twice",
            "gap": "longest gap",
        }[self.measure]
        return f"{what} of flow {self.flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a time or a number in words."""
        return time_words(value) if self.measure == "gap" else number_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the measure."""
        span = require_span(run, self.between)
        plan = flow_plan(run, self.flow)
        captures = captures_of(run, receiver_of(plan))
        table = run.table("subflows").filter(pl.col("flow") == self.flow)
        if self.measure == "count":
            there = table.filter(pl.col("established_ns").is_between(*span))
            value: float = float(there.height)
        else:
            if table.is_empty():
                raise Undecided(f"flow {self.flow} was no MPTCP connection")
            value = self._value(run, table, span)
        names = ", ".join(
            f"{row['subflow']} ({row['path']})" for row in table.iter_rows(named=True)
        )
        reason = f"{self.title()}: {self.words(value)}; asked: {self.comparison()}"
        evidence = Evidence(names or "no subflow", captures[0], (), *span)
        return self.verdict(self.holds(value), self.words(value), reason, [evidence])

    def _value(self, run: RunData, table: pl.DataFrame, span: Span) -> float:
        rows = subflow_arrivals(run, self.flow, span)
        if rows.is_empty():
            raise Undecided(f"nothing of flow {self.flow} arrived {span_words(span)}")
        new, every = int(rows["new_bytes"].sum()), int(rows["payload_bytes"].sum())
        if self.measure == "again":
            return (every - new) / every
        if self.measure == "gap":
            times = rows.filter(pl.col("new_bytes") > 0)["t_ns"].sort().to_list()
            edges = [span[0], *times, span[1]]
            return float(max(after - before for before, after in pairwise(edges)))
        ours = [
            row["subflow"]
            for row in table.iter_rows(named=True)
            if self.link in (row["path"] or "").split(", ")
        ]
        if len(ours) != 1:
            raise Undecided(f"{len(ours)} subflows of {self.flow} cross {self.link}, not one")
        return int(rows.filter(pl.col("subflow") == ours[0])["new_bytes"].sum()) / max(new, 1)
