"""The check ``visited``: which states sockets went through."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.transitions import visited
from tcpexp.checks.base import Check, Evidence, HostName, Verdict
from tcpexp.checks.recorded import require_span
from tcpexp.checks.states import recorded_transitions
from tcpexp.checks.transition import source_of
from tcpexp.record.states import TcpState
from tcpexp.words.measured import time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.analysis.transitions import Transition
    from tcpexp.store.rundata import RunData


class Visited(Check):
    """Which TCP states sockets were in during the run; every one that is named must have been
    reached by some socket.

    From the same sources as `transition`. What happened before the experiment's start counts too:
    servers begin to listen then.
    """

    name: ClassVar[str] = "visited"
    example: ClassVar[str] = "{states: [SYN-RECEIVED, FIN-WAIT-1, CLOSING, LAST-ACK]}"

    states: tuple[TcpState, ...] = Field(
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
            [
                transition
                for transition in recorded_transitions(run)
                if self.host in (None, transition.node)
            ]
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


def _row(state: str, changes: list[Transition]) -> tuple[str, str, str, str]:
    if not changes:
        return state, "0", "never", ""
    first = changes[0]
    when = time_words(first.t_ns) if first.t_ns >= 0 else "before the start"
    return state, str(len(changes)), when, f"{first.node} {first.socket}{source_of(first)}"
