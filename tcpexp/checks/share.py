"""The check ``share``: a flow's part of the goodput of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from tcpexp.analysis.pathsteps import bottlenecks
from tcpexp.checks.base import FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.goodput import all_goodputs
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.units import Fraction, QuantityError
from tcpexp.words.measured import digits, rate_words, span_words

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


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


def _sharing(run: RunData, flow: str) -> tuple[str, ...]:
    """Return the flows that have the same bottleneck as ``flow``, which is one of them."""
    groups = bottlenecks(run, run.plan.flows).values()
    return next(
        (names for group in groups if flow in (names := tuple(member.name for member in group))),
        (flow,),
    )
