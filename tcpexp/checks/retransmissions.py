"""The check ``retransmissions``: how many segments a sender sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.resent import count_segments, resent_of
from tcpexp.checks.base import Evidence, FlowName, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import (
    BETWEEN,
    Between,
    captures_of,
    flow_plan,
    require_packets_of,
    require_span,
)
from tcpexp.late import polars as pl
from tcpexp.views.spans import Span, within
from tcpexp.words.measured import span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


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
