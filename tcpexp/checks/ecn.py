"""The check ``ecn``: what a flow agreed on, and how many marks its sender heard of."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import HARMLESS_LOSS, captures_of, flow_plan, require_span
from tcpexp.plan.flows import receiver_of
from tcpexp.units import QuantityError
from tcpexp.views.ecn import marks_of, negotiated
from tcpexp.words.measured import digits

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Ecn(Compared[Number]):
    """Explicit Congestion Notification of a flow, in the whole run.

    `negotiated` is what its handshake agreed on: `accurate` (RFC 9768), `classic` (RFC 3168) or
    `none`. `measure` is a number: `arrived`, packets with a mark at the receiver; `told`, marks
    that the acknowledgments tell of (accurate: how far ACE grew; classic: acknowledgments with
    ECE); `kernel`, the marked segments that the sender's kernel has counted (delivered_ce of ss) at
    its last snapshot; `told_share`, told over arrived; `kernel_share`, kernel over arrived.
    """

    name: ClassVar[str] = "ecn"
    example: ClassVar[str] = "{flow: download, negotiated: accurate}"

    flow: FlowName = Field(description="the flow")
    negotiated: Literal["accurate", "classic", "none"] | None = Field(
        default=None, description="what its handshake agreed on"
    )
    measure: Literal["arrived", "told", "kernel", "told_share", "kernel_share"] | None = Field(
        default=None, description="the number that is compared"
    )

    def needs_comparator(self) -> bool:
        """Whether a number is asked for."""
        return self.measure is not None

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.negotiated is None) == (self.measure is None):
            raise QuantityError(
                "ecn: asks either negotiated: or measure:", "write one of them per entry"
            )
        return self

    def title(self) -> str:
        """Name the question and the flow."""
        if self.measure is None:
            return f"variant of ECN that flow {self.flow} agreed on"
        what = {
            "arrived": "marked packets that arrived",
            "told": "marks that the sender was told of",
            "kernel": "marked segments that the sender counted",
            "told_share": "marks told over marks arrived",
            "kernel_share": "marks counted over marks arrived",
        }[self.measure]
        return f"{what}, flow {self.flow}"

    def asked(self) -> str:
        """Return what is asked in words."""
        return self.negotiated or self.comparison()

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the handshake or the number."""
        require_span(run, None)
        flow = flow_plan(run, self.flow)
        for host in (flow.sender, receiver_of(flow)):
            captures_of(run, host, fraction=HARMLESS_LOSS)
        if self.measure is None:
            found = negotiated(run, flow)
            if found is None:
                raise Undecided(f"no handshake of flow {self.flow} was captured")
            reason = f"flow {self.flow} agreed on {found}; asked: {self.negotiated}"
            return self.verdict(found == self.negotiated, found, reason)
        marks = marks_of(run, flow)
        text = (
            f"{marks.arrived} packets arrived with CE, the acknowledgments told of {marks.told},"
            f" the sender's kernel counted {'nothing' if marks.kernel is None else marks.kernel}"
        )
        value = self._value(marks.arrived, marks.told, marks.kernel)
        reason = f"{text}; asked: {self.comparison()}"
        return self.verdict(self.holds(value), digits(value), reason, [Evidence(text)])

    def _value(self, arrived: int, told: int, kernel: int | None) -> float:
        if self.measure in ("kernel", "kernel_share") and kernel is None:
            raise Undecided("no snapshot shows the sender's socket")
        if self.measure in ("told_share", "kernel_share"):
            if not arrived:
                raise Undecided("no packet arrived with a mark")
            return (told if self.measure == "told_share" else kernel or 0) / arrived
        return float({"arrived": arrived, "told": told, "kernel": kernel or 0}[str(self.measure)])
