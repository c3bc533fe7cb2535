"""The check ``repair``: how a lost segment was repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.analysis.faults import fault_steps
from tcpexp.analysis.repairs import MECHANISMS, find_repairs
from tcpexp.checks.base import ActionName, Evidence, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import captures_of, require_span, require_tracepoint
from tcpexp.units import Duration
from tcpexp.words.measured import time_words

if TYPE_CHECKING:
    from tcpexp.analysis.repairs import Again, Repair
    from tcpexp.store.rundata import RunData

Mechanism = Literal[
    "fast_retransmit", "lost_retransmission", "tail_loss_probe", "timeout", "after_timeout"
]


class RepairCheck(Compared[Duration]):
    """How the sender repaired what a `fault` did to data segments: by which mechanisms, in order,
    and how long it took.

    The time is from the first sending of the first touched segment to the arrival of the last one.
    `by` names the mechanism of every retransmission of touched segments in the order in which they
    were sent: `fast_retransmit` (SACK, duplicate ACKs or RACK, in state Recovery),
    `lost_retransmission` (again in Recovery: RACK found that the retransmission was lost too),
    `tail_loss_probe` (in Open or Disorder), `timeout` (the retransmission timer ran out),
    `after_timeout` (the others that were lost with it). `[]` says that nothing was sent again.
    Needs the tracepoints of Linux 5.19 or later.
    """

    name: ClassVar[str] = "repair"
    example: ClassVar[str] = "{action: lose_20, by: [fast_retransmit], at_most: 150ms}"

    action: ActionName = Field(description="the `id` of the fault")
    by: tuple[Mechanism, ...] | None = Field(
        default=None, description="the mechanism of each retransmission, in order"
    )

    def needs_comparator(self) -> bool:
        """Whether no mechanism is named."""
        return self.by is None

    def title(self) -> str:
        """Name the fault."""
        return f"repair of what fault {self.action} did"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def asked(self) -> str:
        """Return the mechanisms and the time."""
        return " and ".join(
            part
            for part in (None if self.by is None else _names(self.by), self.comparison())
            if part
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Name the mechanism of every retransmission and judge the time."""
        require_span(run, None)
        fault = next((fault for step, fault in fault_steps(run) if step.id == self.action), None)
        if fault is None:
            raise Undecided(f"the action '{self.action}' is no fault")
        captures_of(run, fault.source)
        found = find_repairs(run, self.action)
        if not found:
            raise Undecided(f"the fault '{self.action}' touched no data segment")
        again = sorted(
            (copy for repair in found for copy in repair.again), key=lambda copy: copy.t_ns
        )
        if again:
            require_tracepoint(run, "tcp:tcp_retransmit_skb")
            require_tracepoint(run, "tcp:tcp_cong_state_set")
        if any(copy.mechanism is None for copy in again):
            raise Undecided("a retransmission in the capture is not in the kernel's trace")
        names = tuple(str(copy.mechanism) for copy in again)
        complaints = (
            []
            if self.by is None or names == self.by
            else [f"sent again by: {_names(names)}; asked: {_names(self.by)}"]
        )
        arrivals = [repair.arrived_ns for repair in found if repair.arrived_ns is not None]
        took = max(arrivals) - found[0].sent_ns if len(arrivals) == len(found) else None
        if took is None:
            complaints.append("not all that was touched arrived")
        elif self.has_comparator() and not self.holds(took):
            complaints.append(f"it took {time_words(took)}; asked: {self.comparison()}")
        words = "" if took is None else f", all there {time_words(took)} after the first sending"
        measured = f"{_names(names)}{words}"
        return self.verdict(
            not complaints, measured, "; ".join(complaints) or measured, [_evidence(found, again)]
        )


def _names(mechanisms: tuple[str, ...]) -> str:
    return ", then ".join(MECHANISMS[mechanism] for mechanism in mechanisms) or "nothing sent again"


def _evidence(found: list[Repair], again: list[Again]) -> Evidence:
    """Return each sending of the touched segments as a row."""
    rows: list[tuple[str, ...]] = [("sent", "packet", "first byte", "as", "congestion state")]
    rows += [
        (time_words(repair.sent_ns), str(repair.sent_number), str(repair.offset), "original", "")
        for repair in found
    ]
    rows += [
        (
            time_words(copy.t_ns),
            str(copy.number),
            str(copy.offset),
            MECHANISMS[str(copy.mechanism)],
            copy.ca_state or "",
        )
        for copy in again
    ]
    numbers = tuple(
        sorted([*(repair.sent_number for repair in found), *(copy.number for copy in again)])
    )
    last = max(
        [
            found[0].sent_ns,
            *(copy.t_ns for copy in again),
            *(repair.arrived_ns or 0 for repair in found),
        ]
    )
    return Evidence(
        "every sending of the touched segments",
        found[0].capture,
        numbers,
        found[0].sent_ns,
        last,
        tuple(rows),
    )
