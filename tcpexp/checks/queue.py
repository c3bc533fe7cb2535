"""The check ``queue``: a bottleneck's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.analysis.links import find_rate_epochs
from tcpexp.analysis.samples import sampled_span
from tcpexp.checks.base import Evidence, HostName, LinkName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number, require_kind
from tcpexp.checks.recorded import BETWEEN, Between, require_span, sample_interval
from tcpexp.late import polars as pl
from tcpexp.units import Duration
from tcpexp.views.queues import queue_samples
from tcpexp.views.spans import Span, within
from tcpexp.words.measured import number_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: A bare number is a float, a duration an int (ns): so the two can be told apart.
NumberOrTime = Annotated[Number | Duration, Field(union_mode="left_to_right")]


class Queue(Compared[NumberOrTime]):
    """The bottleneck's queue in one direction of a link: its length, the delay it adds, or its
    drops.

    The length is that of the samples (`record: {qdisc: 100ms}`); a peak between two samples is not
    seen. The delay is the backlog over the link's rate at that time.
    """

    name: ClassVar[str] = "queue"
    example: ClassVar[str] = (
        "{link: h1-h2, towards: h2, measure: max_delay, between: [1s, 60s], at_most: 42ms}"
    )

    link: LinkName = Field(description="the link")
    towards: HostName = Field(description="the node at which the direction ends")
    measure: Literal["max_packets", "mean_packets", "max_delay", "mean_delay", "drops", "marks"] = (
        Field(
            description=(
                "what: packets waiting, delay by waiting (a duration), packets dropped by the"
                " queue, packets marked (ECN)"
            )
        )
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _units_fit(self) -> Self:
        require_kind(self, int if self.measure.endswith("delay") else float, self.measure)
        return self

    def title(self) -> str:
        """Name the measure, the link and the span."""
        return (
            f"queue of {self.link} towards {self.towards}, {self.measure.replace('_', ' ')}"
            f" {span_words(self.between)}"
        )

    def words(self, value: float) -> str:
        """Return a delay or a number in words."""
        return time_words(value) if self.measure.endswith("delay") else number_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the measure over the samples of the span."""
        span = require_span(run, self.between)
        interval = sample_interval(run, "qdisc")
        rows = self._samples(run, span, interval)
        if self.measure in ("drops", "marks"):
            value, at_ns = self._growth(rows), None
        else:
            value, at_ns = self._length(run, rows)
        evidence = Evidence(
            f"{many(rows.height, 'sample')}, one every {time_words(interval)}"
            + (f"; the largest at {time_words(at_ns)}" if at_ns is not None else ""),
            from_ns=rows["t_ns"][0],
            to_ns=rows["t_ns"][-1],
        )
        measured = self.words(value)
        reason = (
            f"{self.measure.replace('_', ' ')} of the queue was {measured}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(value), measured, reason, [evidence])

    def _samples(self, run: RunData, span: Span, interval: int) -> pl.DataFrame:
        rows = queue_samples(run, self.link, self.towards)
        if rows.is_empty():
            raise Undecided(f"the queue of {self.link} towards {self.towards} was not recorded")
        first, last = sampled_span(rows.get_column("t_ns").to_list(), span)
        if abs(first - span[0]) > 2 * interval or abs(last - span[1]) > 2 * interval:
            raise Undecided(f"the samples of the queue do not cover the time {span_words(span)}")
        return rows.filter(within((first, last)))

    def _growth(self, inside: pl.DataFrame) -> float:
        """Return how much the counter grew from the first of the samples to the last."""
        column = "drops" if self.measure == "drops" else "ecn_mark"
        base, end = inside.get_column(column)[0], inside.get_column(column)[-1]
        if base is None or end is None:
            raise Undecided(f"this queue does not count its {self.measure}")
        return float(end - base)

    def _length(self, run: RunData, rows: pl.DataFrame) -> tuple[float, int | None]:
        """Return the length or the delay (ns), and when it was largest."""
        counts = self.measure.endswith("packets")
        values = (
            rows.get_column("backlog_packets").cast(float) if counts else self._delays(run, rows)
        )
        if values.null_count() == values.len():
            raise Undecided("the samples hold no backlog")
        if self.measure.startswith("mean"):
            return float(values.mean()), None  # type: ignore[arg-type]
        largest = int(values.arg_max() or 0)
        return float(values[largest]), int(rows.get_column("t_ns")[largest])

    def _delays(self, run: RunData, rows: pl.DataFrame) -> pl.Series:
        """Return backlog / rate of each sample in ns, with the link's rate at that time."""
        rate = pl.lit(None, dtype=pl.Float64)
        for epoch in find_rate_epochs(run):
            if (epoch.link, epoch.towards) == (
                self.link,
                self.towards,
            ) and epoch.direction.rate_bps:
                now = (pl.col("t_ns") >= epoch.from_ns) & (pl.col("t_ns") <= epoch.to_ns)
                rate = pl.when(now).then(pl.lit(float(epoch.direction.rate_bps))).otherwise(rate)
        delays = rows.select(delay=pl.col("backlog_bytes") * 8e9 / rate).get_column("delay")
        if delays.null_count():
            raise Undecided(
                f"the link {self.link} has no rate towards {self.towards}, so its queue has no"
                " delay"
            )
        return delays
