"""The check ``discipline``: a number that a queue's discipline counts of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, HostName, LinkName, NotSupported, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number, require_kind
from tcpexp.checks.recorded import BETWEEN, Between, require_span, sample_interval
from tcpexp.late import polars as pl
from tcpexp.record.qdiscstats import STATISTICS
from tcpexp.registry import suggest
from tcpexp.units import Duration, QuantityError
from tcpexp.views.disciplines import statistic
from tcpexp.views.spans import Span, within
from tcpexp.words.measured import number_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

NumberOrTime = Annotated[Number | Duration, Field(union_mode="left_to_right")]


class Discipline(Compared[NumberOrTime]):
    """A number that the discipline of a link's queue counts of itself: a probability, a delay, or
    what it dropped and marked (docs/concepts/queues.md has the list).

    Delays are durations; a probability is a number from 0 to 1. Needs samples of the queues
    (`record: {qdisc: 100ms}`).
    """

    name: ClassVar[str] = "discipline"
    example: ClassVar[str] = (
        "{link: h1-h2, towards: h2, number: delay, measure: mean, between: [5s, 30s], at_most:"
        " 20ms}"
    )

    link: LinkName = Field(description="the link")
    towards: HostName = Field(description="the node at which the direction ends")
    number: str = Field(description="which number, such as probability, delay or early_drops")
    measure: Literal["mean", "median", "p99", "least", "largest", "growth"] = Field(
        default="mean",
        description=(
            "of its samples; p99 is the 99th percentile, growth is for numbers that only grow"
        ),
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _known_and_fitting(self) -> Self:
        if self.number not in STATISTICS:
            raise QuantityError(
                f"no discipline counts '{self.number}'",
                suggest(self.number, list(STATISTICS)) or "see docs/concepts/queues.md",
            )
        require_kind(self, int if self.is_time else float, self.number)
        return self

    @property
    def is_time(self) -> bool:
        """Whether the number is a duration."""
        return self.number.endswith("delay")

    def title(self) -> str:
        """Name the number, the queue and the span."""
        return (
            f"{self.measure} of {self.number.replace('_', ' ')} at {self.link} towards"
            f" {self.towards} {span_words(self.between)}"
        )

    def words(self, value: float) -> str:
        """Return a duration or a number in words."""
        return time_words(value) if self.is_time else number_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the measure over the samples of the span."""
        span = require_span(run, self.between)
        samples = self._samples(run, span)
        value = self._value(samples["value"])
        evidence = Evidence(
            many(samples.height, "sample"),
            from_ns=samples["t_ns"][0],
            to_ns=samples["t_ns"][-1],
        )
        words = self.words(value)
        reason = (
            f"{self.measure} of {self.number.replace('_', ' ')} was {words}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(value), words, reason, [evidence])

    def _samples(self, run: RunData, span: Span) -> pl.DataFrame:
        interval = sample_interval(run, "qdisc")
        rows = statistic(run, self.link, self.towards, self.number)
        if rows.is_empty():
            raise NotSupported(
                f"the queue of {self.link} towards {self.towards} counts no"
                f" {self.number.replace('_', ' ')}"
            )
        inside = rows.filter(within((span[0] - interval, span[1] + interval)))
        if inside.height < 2:
            raise Undecided(f"there are too few samples {span_words(span)}")
        return inside

    def _value(self, values: pl.Series) -> float:
        match self.measure:
            case "growth":
                return float(values[-1] - values[0])
            case "least":
                return float(values.min())  # type: ignore[arg-type]
            case "largest":
                return float(values.max())  # type: ignore[arg-type]
            case "p99":
                return float(values.quantile(0.99, "nearest") or 0)
            case "median":
                return float(values.median())  # type: ignore[arg-type]
        return float(values.mean())  # type: ignore[arg-type]
