"""Checks of a flow's sender: ``rtt``, ``in_flight``, ``retransmissions``, ``congestion_control``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.analysis.resent import count_segments, resent_of
from tcpexp.checks.base import Check, Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Bytes, Compared, Count
from tcpexp.checks.flows import HARMLESS_LOSS, require_packets_of
from tcpexp.checks.recorded import (
    BETWEEN,
    Between,
    captures_of,
    flow_plan,
    require_span,
    sample_interval,
    snapshot_times,
)
from tcpexp.checks.words import many, number_words, size_words, span_words, time_words
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.units import Duration, QuantityError
from tcpexp.views.spans import Span, within

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


class Retransmissions(Compared[Count]):
    """How many segments a flow's sender sent again.

    Counted in the sender's own capture, as the kernel counts them in `Tcp.RetransSegs`: data that
    had been sent before, and a repeated SYN, SYN-ACK or FIN. Each run compares the two
    (docs/concepts/cross-checks.md).
    """

    name: ClassVar[str] = "retransmissions"
    example: ClassVar[str] = "{flow: upload, equals: 0}"

    flow: FlowName = Field(description="the flow")
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        return f"retransmissions of flow {self.flow} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the number of retransmissions."""
        span = require_span(run, self.between)
        require_packets_of(run, self.flow)
        count, evidence = self._count(run, span)
        reason = (
            f"{many(count, 'segment was', 'segments were')} sent again, as the sender's capture"
            f" shows; asked: {self.comparison()}"
        )
        return self.verdict(self.holds(count), many(count, "retransmission"), reason, evidence)

    def _count(self, run: RunData, span: Span) -> tuple[int, list[Evidence]]:
        """Return the number and the packets, one evidence per capture of the sender."""
        flow = flow_plan(run, self.flow)
        again = resent_of(run, flow).filter(within(span))
        found = []
        for capture in captures_of(run, flow.sender):
            numbers = tuple(again.filter(pl.col("capture") == capture)["number"].to_list())
            if numbers:
                found.append(Evidence("segments sent again", capture, numbers, span[0], span[1]))
        return count_segments(again), found


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
