"""Checks of links: ``queue`` (the bottleneck's) and ``measured`` (what the wire did to packets)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.analysis.links import Epoch, count_drops, find_rate_epochs, journeys_of, measure_faults
from tcpexp.analysis.samples import sampled_span
from tcpexp.checks.base import Evidence, HostName, LinkName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number, Percent
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span, sample_interval
from tcpexp.checks.words import digits, fraction_words, many, number_words, span_words, time_words
from tcpexp.late import polars as pl
from tcpexp.units import Duration, Fraction, QuantityError
from tcpexp.views.queues import queue_samples
from tcpexp.views.spans import Span, within

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: A bare number is a float, a duration an int (ns): so the two can be told apart.
NumberOrTime = Annotated[Number | Duration, Field(union_mode="left_to_right")]
FractionOrTime = Annotated[Fraction | Duration, Field(union_mode="left_to_right")]
MIN_PACKETS = 20


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
        _require_kind(self, int if self.measure.endswith("delay") else float, self.measure)
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
        """Return backlog / rate of each sample in ns, with the rate that the link had at that time."""
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


class Measured(Compared[FractionOrTime]):
    """What one direction of a link really did to the packets that crossed it, from the captures at
    both ends.

    `loss` leaves out what the full queue dropped. `reorder` counts packets that netem let pass
    without the delay, `late` all that a later one overtook, whatever the reason. `corrupt` needs
    whole packets in the captures (`capture: full`). `delay` is the median one-way time, waiting in
    the queue included, and `jitter` its standard deviation.
    """

    name: ClassVar[str] = "measured"
    example: ClassVar[str] = (
        "{link: h1-h2, towards: h2, what: duplicate, equals: 1%, tolerance: 20%}"
    )

    link: LinkName = Field(description="the link")
    towards: HostName = Field(description="the node at which the direction ends")
    what: Literal["loss", "duplicate", "reorder", "corrupt", "late", "delay", "jitter"] = Field(
        description="a fraction of the packets, or with `delay` and `jitter` a duration"
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _units_fit(self) -> Self:
        _require_kind(self, int if self._is_time() else float, self.what)
        return self

    def _is_time(self) -> bool:
        return self.what in ("delay", "jitter")

    def title(self) -> str:
        """Name the measure, the link and the span."""
        return (
            f"measured {self.what} of {self.link} towards {self.towards} {span_words(self.between)}"
        )

    def words(self, value: float) -> str:
        """Return a duration or percent."""
        return time_words(value) if self._is_time() else fraction_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Measure and judge."""
        span = require_span(run, self.between)
        for node in run.plan.network.nodes:
            if node.kind == "host":
                captures_of(run, node.name)
        rows = self._journeys(run, span)
        value, text = self._times(rows) if self._is_time() else self._fraction(run, span, rows)
        measured = self.words(value)
        evidence = Evidence(text, None, (), span[0], span[1])
        return self.verdict(
            self.holds(value),
            measured,
            f"{self.what} was {measured} ({text}); asked: {self.comparison()}",
            [evidence],
        )

    def _journeys(self, run: RunData, span: Span) -> pl.DataFrame:
        """Return the packets that crossed this direction, sent within the span."""
        link = run.plan.network.link(self.link)
        direction = link.forward if link.b.node == self.towards else link.backward
        whole = Epoch(self.link, self.towards, 0, run.end_ns * 2, direction)
        rows = journeys_of(run, whole).filter(within(span, "sent_ns"))
        if rows.height < MIN_PACKETS:
            raise Undecided(
                f"only {many(rows.height, 'packet')} with a capture at both ends crossed"
                f" {self.link} towards {self.towards}"
            )
        return rows

    def _times(self, rows: pl.DataFrame) -> tuple[float, str]:
        """Return the one-way delay or its standard deviation in ns."""
        delays = (
            rows.filter(pl.col("copies") > 0)
            .select(delay=pl.col("received_ns") - pl.col("sent_ns"))
            .get_column("delay")
        )
        if delays.len() < MIN_PACKETS:
            raise Undecided(f"only {many(delays.len(), 'packet')} arrived")
        value = delays.median() if self.what == "delay" else delays.std()
        return float(value), many(delays.len(), "packet")  # type: ignore[arg-type]

    def _fraction(self, run: RunData, span: Span, rows: pl.DataFrame) -> tuple[float, str]:
        """Return events / packets."""
        arrived = rows.filter(pl.col("copies") > 0)
        if self.what == "reorder":
            return self._reordered(run, span)
        if self.what == "corrupt" and any(
            each.kind == "capture" and each.options.get("snaplen", 0) for each in run.plan.recorders
        ):
            raise Undecided(
                "the captures hold only headers; record whole packets (capture: full) to see damage"
            )
        if self.what == "loss":
            dropped = count_drops(run, self.link, self.towards, "queue", span[0], span[1])
            events, trials = max(rows.height - arrived.height - dropped, 0), rows.height - dropped
        else:
            wanted = {
                "duplicate": pl.col("copies") > 1,
                "late": pl.col("late"),
                "corrupt": pl.col("changed"),
            }[self.what]
            events, trials = arrived.filter(wanted).height, arrived.height
        if trials < MIN_PACKETS:
            raise Undecided(f"only {many(trials, 'packet')} to judge by")
        return events / trials, f"{digits(events)} of {trials} packets"

    def _reordered(self, run: RunData, span: Span) -> tuple[float, str]:
        """Return the rate that the analysis found, over its spans of constant link parameters that
        lie within ``span``.
        """
        found = [
            rate
            for rate in measure_faults(run)
            if (rate.link, rate.towards, rate.fault) == (self.link, self.towards, "reorder")
            and rate.from_ns >= span[0]
            and rate.to_ns <= max(span[1], run.end_ns if self.between is None else 0)
        ]
        good = [rate for rate in found if rate.measured is not None]
        if not good:
            why = (
                found[0].why
                if found
                else (
                    "no reordering was asked for within the time span; `late` counts every"
                    " overtaken packet"
                )
            )
            raise Undecided(f"reordering was not measured: {why}")
        events, trials = sum(rate.events for rate in good), sum(rate.trials for rate in good)
        return events / trials, f"{events} of {trials} packets"


def _require_kind(check: Compared[float], kind: type, what: str) -> None:
    """Raise unless every comparator is of ``kind``: int for durations, float for plain numbers and
    fractions.
    """
    for name in ("equals", "tolerance", "at_least", "at_most", "above", "below"):
        value = getattr(check, name)
        if value is not None and not isinstance(value, (kind, Percent)):
            right = (
                "a duration, such as 20ms"
                if kind is int
                else "a number or a percentage without a unit of time"
            )
            raise QuantityError(f"{name}: of '{what}' has the wrong unit", f"write {right}")
