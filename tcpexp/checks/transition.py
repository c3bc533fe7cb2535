"""The check ``transition``: how often sockets changed from one state to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import Evidence, HostName, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import require_span
from tcpexp.checks.states import recorded_transitions
from tcpexp.record.states import TcpState
from tcpexp.words.measured import time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.analysis.transitions import Transition
    from tcpexp.store.rundata import RunData

LISTED = 20


class TransitionCheck(Compared[Count]):
    """How often sockets changed from one TCP state to another: one edge of the state diagram.

    From the kernel's own changes of state (tracepoint `sock:inet_sock_set_state`); the small
    entries by which Linux replaces sockets in TIME-WAIT and FIN-WAIT-2, and half-open connections,
    come from `ss`. Without a comparator at least one is asked.
    """

    name: ClassVar[str] = "transition"
    example: ClassVar[str] = "{from: FIN-WAIT-1, to: CLOSING, equals: 2}"

    from_: TcpState = Field(alias="from", description="the state before, as RFC 9293 spells it")
    to: TcpState = Field(description="the state after")
    host: HostName | None = Field(
        default=None, description="sockets of this host; of all when left out"
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="the port at either end")

    def needs_comparator(self) -> bool:
        """Return False: at least one is asked."""
        return False

    def title(self) -> str:
        """Name the edge and the sockets."""
        where = (f" on {self.host}" if self.host else "") + (
            f", port {self.port}" if self.port else ""
        )
        return f"transitions {self.from_} → {self.to}{where}"

    def asked(self) -> str:
        """Return the number in words."""
        return self.comparison() if self.has_comparator() else "at least 1"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the sockets that took this edge."""
        found = [
            transition
            for transition in recorded_transitions(run)
            if transition.edge == (self.from_, self.to) and self._means(transition)
        ]
        require_span(run, None)
        measured = many(len(found), "transition")
        evidence = [
            Evidence(
                f"{change.node} {change.socket}: {change.old} → {change.new}{source_of(change)}",
                None,
                (),
                change.t_ns,
                change.t_ns,
            )
            for change in found[:LISTED]
        ]
        passed = self.holds(len(found)) if self.has_comparator() else bool(found)
        reason = (
            f"{measured} from {self.from_} to"
            f" {self.to}{f', the first at {time_words(found[0].t_ns)}' if found else ''}; asked:"
            f" {self.asked()}"
        )
        return self.verdict(passed, measured, reason, evidence)

    def _means(self, change: Transition) -> bool:
        return self.host in (None, change.node) and self.port in (
            None,
            change.port,
            change.peer_port,
        )


def source_of(change: Transition) -> str:
    """Return words for a change that only ``ss`` shows, else nothing."""
    return " (as ss shows it)" if change.source == "ss" else ""
