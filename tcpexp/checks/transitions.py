"""The checks ``transition`` and ``visited``: edges of the state diagram that were taken, and states
that were reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.transitions import visited
from tcpexp.checks.base import Check, Evidence, HostName, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import require_span
from tcpexp.checks.states import State, recorded_transitions
from tcpexp.checks.words import many, time_words

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

    from_: State = Field(alias="from", description="the state before, as RFC 9293 spells it")
    to: State = Field(description="the state after")
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
            each
            for each in recorded_transitions(run)
            if each.edge == (self.from_, self.to) and self._means(each)
        ]
        require_span(run, None)
        measured = many(len(found), "transition")
        evidence = [
            Evidence(
                f"{each.node} {each.socket}: {each.old} → {each.new}{_source(each)}",
                None,
                (),
                each.t_ns,
                each.t_ns,
            )
            for each in found[:LISTED]
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


class Visited(Check):
    """Which TCP states sockets were in during the run; every one that is named must have been
    reached by some socket.

    From the same sources as `transition`. What happened before the experiment's start counts too:
    servers begin to listen then.
    """

    name: ClassVar[str] = "visited"
    example: ClassVar[str] = "{states: [SYN-RECEIVED, FIN-WAIT-1, CLOSING, LAST-ACK]}"

    states: tuple[State, ...] = Field(
        min_length=1, description="the states, as RFC 9293 spells them"
    )
    host: HostName | None = Field(
        default=None, description="sockets of this host; of all when left out"
    )

    def title(self) -> str:
        """Say how many states are asked."""
        return f"{many(len(self.states), 'state')} reached{f' on {self.host}' if self.host else ''}"

    def asked(self) -> str:
        """Return the states."""
        return ", ".join(self.states)

    def evaluate(self, run: RunData) -> Verdict:
        """Look for each state."""
        found = visited(
            [each for each in recorded_transitions(run) if self.host in (None, each.node)]
        )
        missing = [state for state in self.states if not found[state]]
        if missing:
            require_span(run, None)
        reached = len(self.states) - len(missing)
        rows = [
            ("state", "times", "first at", "by"),
            *(_row(state, found[state]) for state in self.states),
        ]
        evidence = [
            Evidence("the states, how often each was entered, and when first", rows=tuple(rows))
        ]
        measured = f"{reached} of {len(self.states)}"
        reason = f"{measured} states were reached" + (
            f"; never: {', '.join(missing)}" if missing else ""
        )
        return self.verdict(not missing, measured, reason, evidence)


def _source(change: Transition) -> str:
    return " (as ss shows it)" if change.source == "ss" else ""


def _row(state: str, changes: list[Transition]) -> tuple[str, str, str, str]:
    if not changes:
        return state, "0", "never", ""
    first = changes[0]
    when = time_words(first.t_ns) if first.t_ns >= 0 else "before the start"
    return state, str(len(changes)), when, f"{first.node} {first.socket}{_source(first)}"
