"""The check ``jain``: how evenly flows share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.sharing import jain_index
from tcpexp.checks.base import FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.goodput import all_goodputs
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.units import Fraction
from tcpexp.words.measured import digits, span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


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
