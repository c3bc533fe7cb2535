"""The check ``class_rate``: how fast a class of htb sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.samples import sampled_span
from tcpexp.checks.base import Evidence, HostName, LinkName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import BETWEEN, Between, require_span, sample_interval
from tcpexp.late import polars as pl
from tcpexp.units import Rate
from tcpexp.words.measured import rate_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class ClassRate(Compared[Rate]):
    """The rate at which a class of htb sends, by the kernel's count of the class, Ethernet frames
    included.

    The mean between the samples that are nearest to the ends of the time span.
    """

    name: ClassVar[str] = "class_rate"
    example: ClassVar[str] = (
        "{link: h1-h2, towards: h2, class: web, between: [5s, 10s], at_most: 4mbit}"
    )

    link: LinkName = Field(description="the link")
    towards: HostName = Field(description="the node at which the direction ends")
    class_: str = Field(alias="class", description="the class")
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the class, the link and the span."""
        return (
            f"rate of class {self.class_} at {self.link} towards {self.towards}"
            f" {span_words(self.between)}"
        )

    def words(self, value: float) -> str:
        """Return a rate in words."""
        return rate_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the mean rate."""
        span = require_span(run, self.between)
        interval = sample_interval(run, "qdisc")
        rows = (
            run.table("classes")
            .filter(
                (pl.col("link") == self.link)
                & (pl.col("towards") == self.towards)
                & (pl.col("class") == self.class_)
            )
            .sort("t_ns")
        )
        if rows.is_empty():
            raise Undecided(
                f"no class {self.class_} was sampled at {self.link} towards {self.towards}"
            )
        first, last = sampled_span(rows["t_ns"].to_list(), span)
        if abs(first - span[0]) > 2 * interval or abs(last - span[1]) > 2 * interval:
            raise Undecided(f"the samples of the class do not cover the time {span_words(span)}")
        inside = rows.filter(pl.col("t_ns").is_between(first, last))
        grown = {
            name: int(inside[name][-1] - inside[name][0])
            for name in ("sent_bytes", "lends", "borrows", "drops")
        }
        rate = grown["sent_bytes"] * 8e9 / (last - first)
        text = (
            f"{many(grown['lends'], 'packet')} within its own rate, {grown['borrows']} borrowed,"
            f" {grown['drops']} dropped, between the samples at {time_words(first)} and"
            f" {time_words(last)}"
        )
        reason = f"class {self.class_} sent {rate_words(rate)}; asked: {self.comparison()}"
        evidence = Evidence(text, from_ns=first, to_ns=last)
        return self.verdict(self.holds(rate), rate_words(rate), reason, [evidence])
