"""The check ``coupling``: the law by which dualpi2 treats its two queues."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.checks.base import Evidence, HostName, LinkName, NotSupported, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import BETWEEN, Between, require_span, sample_interval
from tcpexp.record.disciplines import DUALPI2
from tcpexp.views.disciplines import ANY_ECT, Coupling, coupling, queue_of
from tcpexp.words.measured import digits, number_words, span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class CouplingLaw(Compared[Number]):
    """dualpi2's coupling (RFC 9332 section 2.1): the classic queue drops with the probability
    p'^2, the low-latency queue marks with k p'.

    `marks` and `drops` are counted over expected: what the queue counted, over what the recorded p'
    lets expect of the packets that came in (1 when the law holds). `factor` is k out of the counts
    alone: the share of marks over the square root of the share of drops. Marks by the step are not
    among them. All marks must be those of the low-latency queue: `l4s: any`.
    """

    name: ClassVar[str] = "coupling"
    example: ClassVar[str] = (
        "{link: h1-h2, towards: h2, measure: marks, between: [5s, 30s], equals: 1, tolerance: 10%}"
    )

    link: LinkName = Field(description="the link")
    towards: HostName = Field(description="the node at which the direction ends")
    measure: Literal["marks", "drops", "factor"] = Field(description="what is compared")
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the measure, the queue and the span."""
        what = {
            "marks": "coupled marks over those expected by p'",
            "drops": "classic drops over those expected by p'",
            "factor": "coupling factor by the counts",
        }[self.measure]
        return f"{what}, {self.link} towards {self.towards} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a ratio in words."""
        return number_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the ratio or the factor."""
        span = require_span(run, self.between)
        queue = queue_of(run, self.link, self.towards)
        if queue is None or queue.discipline != DUALPI2:
            raise NotSupported(f"{self.link} has no dualpi2 towards {self.towards}")
        if queue.setting("l4s") != ANY_ECT:
            raise NotSupported(
                "the kernel counts marks of both queues as one, and only with l4s: any are all of"
                " them those of the low-latency queue"
            )
        sample_interval(run, "qdisc")
        found = coupling(run, self.link, self.towards, span)
        if found is None:
            raise Undecided("the queue was not sampled")
        value, text = self._value(found)
        evidence = Evidence(text, from_ns=span[0], to_ns=span[1])
        reason = f"{text}: {digits(value)}; asked: {self.comparison()}"
        return self.verdict(self.holds(value), digits(value), reason, [evidence])

    def _value(self, found: Coupling) -> tuple[float, str]:
        if self.measure == "factor":
            value = found.by_counts
            if value is None:
                raise Undecided("nothing was dropped or nothing came into the low-latency queue")
            return value, (
                f"{found.coupled_marks} of {found.l4s_packets} packets marked,"
                f" {found.classic_drops} of {found.classic_packets} dropped"
            )
        counted, expected, of = (
            (found.coupled_marks, found.expected_marks, found.l4s_packets)
            if self.measure == "marks"
            else (found.classic_drops, found.expected_drops, found.classic_packets)
        )
        if expected < 1:
            raise Undecided(f"p' lets expect {digits(expected)} {self.measure}, too few to judge")
        spread = math.sqrt(expected) / expected
        return counted / expected, (
            f"{many(counted, self.measure.removesuffix('s'))} of {of} packets, expected"
            f" {digits(expected)} (chance alone: ± {digits(100 * spread)} %, one standard"
            " deviation)"
        )
