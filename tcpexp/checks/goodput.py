"""The check ``goodput``: how fast a flow delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import (
    BETWEEN,
    HARMLESS_LOSS,
    Between,
    captures_of,
    flow_plan,
    require_packets_of,
    require_span,
)
from tcpexp.late import polars as pl
from tcpexp.plan.flows import receiver_of
from tcpexp.record.tables import THROUGHPUT_INTERVAL_NS as INTERVAL_NS
from tcpexp.units import Rate
from tcpexp.views.spans import Span
from tcpexp.words.measured import rate_words, span_words, time_words

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

NS = 1_000_000_000


class Goodput(Compared[Rate]):
    """The rate at which a flow's payload arrives for the first time at its receiver.

    Retransmitted bytes count once and headers not at all. The mean over the time span, in whole
    intervals of 100 ms.
    """

    name: ClassVar[str] = "goodput"
    example: ClassVar[str] = "{flow: cubic, between: [1s, 5s], at_least: 8.5mbit}"

    flow: FlowName = Field(description="the flow")
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        return f"goodput of flow {self.flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a rate in words."""
        return rate_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the mean goodput."""
        span = require_span(run, self.between)
        rate_bps, evidence = goodput_bps(run, self.flow, span)
        reason = f"flow {self.flow} delivered {rate_words(rate_bps)}; asked: {self.comparison()}"
        return self.verdict(self.holds(rate_bps), rate_words(rate_bps), reason, [evidence])


def goodput_bps(run: RunData, flow: str, span: Span) -> tuple[float, Evidence]:
    """Return a flow's mean goodput in bit/s over the whole intervals inside ``span``, and where it
    was counted.

    Raises ``Undecided`` when the flow sent nothing in the whole run, or its receiver's capture has
    gaps.
    """
    receiver = receiver_of(flow_plan(run, flow))
    captures = captures_of(run, receiver, fraction=HARMLESS_LOSS)
    require_packets_of(run, flow)
    begin, end = -(-span[0] // INTERVAL_NS) * INTERVAL_NS, span[1]
    if end < run.plan.duration_ns:
        end = end // INTERVAL_NS * INTERVAL_NS
    if end <= begin:
        raise Undecided(f"the time span holds no whole interval of {time_words(INTERVAL_NS)}")
    rows = run.table("throughput").filter(
        (pl.col("flow") == flow) & (pl.col("t_ns") >= begin) & (pl.col("t_ns") < end)
    )
    total = int(rows.get_column("goodput_bytes").sum())
    evidence = Evidence(f"{flow}: {total} bytes arrived at {receiver}", captures[0], (), begin, end)
    return total * 8 * NS / (end - begin), evidence


def all_goodputs(
    run: RunData, flows: tuple[str, ...], span: Span
) -> tuple[dict[str, float], list[Evidence]]:
    """Return each flow's goodput in bit/s and the evidence.

    Raises ``Undecided`` when none sent anything.
    """
    rates, evidence = {}, []
    for flow in flows:
        rates[flow], proof = goodput_bps(run, flow, span)
        evidence.append(proof)
    if not sum(rates.values()):
        raise Undecided(f"none of the flows delivered anything {span_words(span)}")
    return rates, evidence
