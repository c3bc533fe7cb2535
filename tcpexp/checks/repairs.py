"""The check ``repair``: by which mechanism the sender repaired what a fault did, and how long that
took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.analysis.faults import fault_steps
from tcpexp.analysis.repairs import MECHANISMS, find_repairs
from tcpexp.checks.base import ActionName, Evidence, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import captures_of, require_span, require_tracepoint
from tcpexp.checks.words import time_words
from tcpexp.units import Duration

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
            (each for repair in found for each in repair.again), key=lambda each: each.t_ns
        )
        if again:
            require_tracepoint(run, "tcp:tcp_retransmit_skb")
            require_tracepoint(run, "tcp:tcp_cong_state_set")
        if any(each.mechanism is None for each in again):
            raise Undecided("a retransmission in the capture is not in the kernel's trace")
        names = tuple(str(each.mechanism) for each in again)
        complaints = (
            []
            if self.by is None or names == self.by
            else [f"sent again by: {_names(names)}; asked: {_names(self.by)}"]
        )
        arrivals = [each.arrived_ns for each in found if each.arrived_ns is not None]
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
    return ", then ".join(MECHANISMS[each] for each in mechanisms) or "nothing sent again"


def _evidence(found: list[Repair], again: list[Again]) -> Evidence:
    """Return each sending of the touched segments as a row."""
    rows: list[tuple[str, ...]] = [("sent", "packet", "first byte", "as", "congestion state")]
    rows += [
        (time_words(each.sent_ns), str(each.sent_number), str(each.offset), "original", "")
        for each in found
    ]
    rows += [
        (
            time_words(each.t_ns),
            str(each.number),
            str(each.offset),
            MECHANISMS[str(each.mechanism)],
            each.ca_state or "",
        )
        for each in again
    ]
    numbers = tuple(
        sorted([*(each.sent_number for each in found), *(each.number for each in again)])
    )
    last = max(
        [
            found[0].sent_ns,
            *(each.t_ns for each in again),
            *(each.arrived_ns or 0 for each in found),
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
