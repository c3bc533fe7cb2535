"""The check ``congestion_control``: which algorithm a sender uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Check, Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.recorded import Between, flow_plan, require_span, sample_interval, snapshot_times
from tcpexp.late import polars as pl
from tcpexp.units import Duration, QuantityError
from tcpexp.views.spans import Span, within
from tcpexp.words.measured import span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class CongestionControl(Check):
    """Which congestion control a flow's sender uses, as `ss` shows it."""

    name: ClassVar[str] = "congestion_control"
    example: ClassVar[str] = "{flow: upload, at: 20s, is: bbr}"

    flow: FlowName = Field(description="the flow")
    is_: str = Field(
        alias="is", min_length=1, description="the algorithm's name: `cubic`, `bbr`, `reno`..."
    )
    at: Duration | None = Field(default=None, description="in the snapshot nearest to this time")
    between: Between | None = Field(
        default=None, description="in every snapshot of this time span, `[10s, 60s]`"
    )

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.at is not None and self.between is not None:
            raise QuantityError("at: and between: exclude each other", "leave one of them out")
        return self

    def title(self) -> str:
        """Name the flow and the time."""
        when = span_words(self.between) if self.at is None else f"at {time_words(self.at)}"
        return f"congestion control of flow {self.flow} {when}"

    def asked(self) -> str:
        """Return the algorithm."""
        return self.is_

    def evaluate(self, run: RunData) -> Verdict:
        """Judge every snapshot of the span that shows a socket of the flow."""
        span = self._span(run)
        rows = run.table("sockets").filter(
            (pl.col("flow") == self.flow)
            & (pl.col("node") == flow_plan(run, self.flow).sender)
            & (pl.col("state") == "estab")
            & pl.col("congestion_control").is_not_null()
            & within(span)
        )
        if rows.is_empty():
            raise Undecided(
                f"no snapshot {span_words(span)} shows an established socket of flow {self.flow}"
            )
        seen = rows.get_column("congestion_control").unique(maintain_order=True).to_list()
        wrong = rows.filter(pl.col("congestion_control") != self.is_)
        moment = (wrong if wrong.height else rows).get_column("t_ns")
        evidence = Evidence(f"ss shows {', '.join(seen)}", from_ns=moment[0], to_ns=moment[-1])
        reason = (
            f"ss shows {', '.join(seen)} in {many(rows.get_column('t_ns').n_unique(), 'snapshot')};"
            f" asked: {self.is_}"
        )
        return self.verdict(wrong.is_empty(), ", ".join(seen), reason, [evidence])

    def _span(self, run: RunData) -> Span:
        if self.at is None:
            return require_span(run, self.between)
        require_span(run, (max(self.at - 1, 0), self.at))
        sender = flow_plan(run, self.flow).sender
        nearest = min(snapshot_times(run, sender), key=lambda t_ns: abs(t_ns - (self.at or 0)))
        if abs(nearest - self.at) > sample_interval(run, "ss", sender):
            raise Undecided(
                f"the snapshot nearest to {time_words(self.at)} was taken at {time_words(nearest)}"
            )
        return nearest, nearest
