"""Checks of what flows deliver: ``share``, ``goodput``, ``jain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from tcpexp.analysis.pathsteps import bottlenecks
from tcpexp.analysis.sharing import jain_index
from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import (
    BETWEEN,
    Between,
    captures_of,
    flow_plan,
    require_span,
    table_exists,
)
from tcpexp.checks.words import digits, many, rate_words, span_words, time_words
from tcpexp.late import polars as pl
from tcpexp.plan.flows import receiver_of
from tcpexp.record.tables import THROUGHPUT_INTERVAL_NS as INTERVAL_NS
from tcpexp.units import Fraction, QuantityError, Rate
from tcpexp.views.spans import Span

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: A capture that missed fewer packets than this still measures a rate to three digits.
HARMLESS_LOSS = 0.001
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


class Share(Compared[Fraction]):
    """A flow's part of the goodput of several flows, from 0 to 1."""

    name: ClassVar[str] = "share"
    example: ClassVar[str] = "{flow: bbr, of: [bbr, cubic], between: [10s, 60s], at_least: 0.5}"

    flow: FlowName = Field(description="the flow whose part is asked")
    of: tuple[FlowName, ...] | None = Field(
        default=None,
        min_length=2,
        description=(
            "the flows that share, this one among them; when left out those with the same"
            " bottleneck, in the same direction"
        ),
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _flow_is_among_them(self) -> Self:
        if self.of is not None and self.flow not in self.of:
            raise QuantityError(
                f"of: does not name the flow '{self.flow}' itself", "add it to the list"
            )
        return self

    def title(self) -> str:
        """Name the flow and the span."""
        return f"share of flow {self.flow} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the share of the goodput."""
        span = require_span(run, self.between)
        flows = self.of or _sharing(run, self.flow)
        if len(flows) < 2:
            raise Undecided("a share needs at least two flows")
        rates, evidence = all_goodputs(run, flows, span)
        share = rates[self.flow] / sum(rates.values())
        parts = ", ".join(f"{name} {rate_words(rate)}" for name, rate in rates.items())
        reason = (
            f"flow {self.flow} had {digits(share)} of the goodput ({parts}); asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(share), digits(share), reason, evidence)


class Jain(Compared[Fraction]):
    """Jain's fairness index of several flows' goodput: 1 when all are equal, 1/n when one has
    everything.
    """

    name: ClassVar[str] = "jain"
    example: ClassVar[str] = "{flows: [first, second], between: [30s, 60s], at_least: 0.9}"

    flows: tuple[FlowName, ...] | None = Field(
        default=None, min_length=2, description="the flows; all when left out"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flows and the span."""
        return (
            f"Jain's index of {', '.join(self.flows) if self.flows else 'all flows'}"
            f" {span_words(self.between)}"
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the index. Jain, Chiu, Hawe: (sum x)^2 / (n sum x^2)."""
        span = require_span(run, self.between)
        flows = self.flows or tuple(flow.name for flow in run.plan.flows)
        if len(flows) < 2:
            raise Undecided("Jain's index needs at least two flows")
        rates, evidence = all_goodputs(run, flows, span)
        index = jain_index(list(rates.values()))
        assert index is not None  # something was delivered
        reason = (
            f"Jain's index of {many(len(rates), 'flow')} is {digits(index)}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(index), digits(index), reason, evidence)


def _sharing(run: RunData, flow: str) -> tuple[str, ...]:
    """Return the flows that have the same bottleneck as ``flow``, which is one of them."""
    groups = bottlenecks(run, run.plan.flows).values()
    return next(
        (names for group in groups if flow in (names := tuple(each.name for each in group))),
        (flow,),
    )


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


def require_packets_of(run: RunData, flow: str) -> None:
    """Raise ``Undecided`` when a flow delivered nothing in the whole run: then it cannot be judged,
    only be absent.
    """
    if not table_exists(run, "throughput"):
        raise Undecided("the captures have not been turned into tables")
    if run.table("throughput").filter(pl.col("flow") == flow).is_empty():
        raise Undecided(f"no packet of flow {flow} arrived in the whole run")
