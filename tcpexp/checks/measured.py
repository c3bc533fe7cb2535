"""The check ``measured``: what a link did to the packets that crossed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.analysis.links import Epoch, count_drops_before, journeys_of, measure_faults
from tcpexp.checks.base import Evidence, HostName, LinkName, Undecided, Verdict
from tcpexp.checks.compare import Compared, require_kind
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span
from tcpexp.late import polars as pl
from tcpexp.units import Duration, Fraction
from tcpexp.views.spans import Span, within
from tcpexp.words.measured import digits, fraction_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

FractionOrTime = Annotated[Fraction | Duration, Field(union_mode="left_to_right")]


MIN_PACKETS = 20


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
        require_kind(self, int if self._is_time() else float, self.what)
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
            recorder.kind == "capture" and recorder.options.get("snaplen", 0)
            for recorder in run.plan.recorders
        ):
            raise Undecided(
                "the captures hold only headers; record whole packets (capture: full) to see damage"
            )
        if self.what == "loss":
            dropped = count_drops_before(run, self.link, self.towards, span[0], span[1])
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
