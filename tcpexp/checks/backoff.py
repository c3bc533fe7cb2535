"""The check ``backoff``: by which factor a sender reduced its window."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.checks.traced import Which, choose, event_evidence, events_of
from tcpexp.words.measured import digits, span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Backoff(Compared[Number]):
    """By which factor a flow's sender reduced its window at a loss: the new ssthresh over the cwnd
    before.

    CUBIC 0.7 (RFC 9438 section 4.6), Reno 0.5 (RFC 5681 section 3.1), each rounded down to whole
    segments; so small windows give smaller factors.
    """

    name: ClassVar[str] = "backoff"
    example: ClassVar[str] = "{flow: cubic, equals: 0.7, tolerance: 3%}"

    flow: FlowName = Field(description="the flow")
    which: Which = Field(
        default="each", description="each event's factor, the first, or the median"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        return f"back-off factor of flow {self.flow} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the factors."""
        span = require_span(run, self.between)
        rows = events_of(run, self.flow, span)
        values = rows["backoff"].drop_nulls().to_list()
        if not values:
            raise Undecided(f"flow {self.flow} reduced its window at no loss {span_words(span)}")
        chosen = choose(values, self.which)
        measured = " to ".join(digits(factor) for factor in sorted({min(chosen), max(chosen)}))
        reason = (
            f"flow {self.flow} reduced its window to {measured} of it ({self.which} of"
            f" {many(len(values), 'event')}); asked: {self.comparison()}"
        )
        return self.verdict(
            all(self.holds(factor) for factor in chosen), measured, reason, [event_evidence(rows)]
        )
