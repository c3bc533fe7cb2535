"""The check ``states``: the way of one socket through TCP's states."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.transitions import transitions
from tcpexp.analysis.ways import ways_of, ways_of_snapshots
from tcpexp.checks.base import Check, Evidence, FlowName, HostName, NotSupported, Undecided, Verdict
from tcpexp.checks.recorded import require_span, require_tracepoint, table_exists
from tcpexp.late import polars as pl
from tcpexp.record.states import TcpState
from tcpexp.words.measured import time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.analysis.transitions import Transition
    from tcpexp.analysis.ways import Way
    from tcpexp.store.rundata import RunData

EVENT = "sock:inet_sock_set_state"


class States(Check):
    """States that one socket of a host goes through in this order; others may come in between.

    The kernel's own changes of state (tracepoint `sock:inet_sock_set_state`) are used. Linux turns
    a socket in TIME-WAIT into a smaller object, which the tracepoint shows as FIN-WAIT-2 to CLOSED;
    that it is TIME-WAIT is then taken from `ss`, and so is SYN-RECEIVED before the connection is
    established. The verdict says so.
    """

    name: ClassVar[str] = "states"
    example: ClassVar[str] = "{host: h1, path: [CLOSED, SYN-SENT, ESTABLISHED]}"

    host: HostName = Field(description="the host")
    path: tuple[TcpState, ...] = Field(
        min_length=1, description="the states in their order, as RFC 9293 spells them"
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="the port at either end")
    flow: FlowName | None = Field(default=None, description="sockets of this flow only")

    def title(self) -> str:
        """Name the host."""
        return f"states of a socket on {self.host}"

    def asked(self) -> str:
        """Return the path."""
        return " → ".join(self.path)

    def evaluate(self, run: RunData) -> Verdict:
        """Look for a socket that went this way."""
        try:
            require_tracepoint(run, EVENT)
        except Undecided as why:
            return self._judge_snapshots(run, why)
        here = [
            transition for transition in recorded_transitions(run) if transition.node == self.host
        ]
        ways = ways_of(
            [
                change
                for change in here
                if self.port in (None, change.port, change.peer_port)
                and self.flow in (None, change.flow)
            ]
        )
        found = next((way for way in ways if way.passes(self.path)), None)
        if found is None:
            require_span(run, None)
            seen = (
                "; ".join(dict.fromkeys(" → ".join(way.states) for way in ways))
                or "no socket changed its state"
            )
            reason = (
                f"none of {many(len(ways), 'socket')} on {self.host} went this way; seen:"
                f" {seen[:500]}"
            )
            return self.verdict(False, seen[:500], reason)
        shown = [state for state in found.shown_by_ss() if state in self.path]
        return self._found(
            found,
            (
                f" ({', '.join(shown)} as ss shows it; the tracepoint does not report it)"
                if shown
                else ""
            ),
        )

    def _found(self, way: Way, note: str) -> Verdict:
        seen = " → ".join(way.states)
        rows = (
            ("state", "time"),
            *(
                (state, time_words(t_ns))
                for state, t_ns in zip(way.states, way.times_ns, strict=True)
            ),
        )
        evidence = Evidence(
            f"socket {way.socket}", None, (), way.times_ns[0], way.times_ns[-1], rows
        )
        return self.verdict(True, seen, f"socket {way.socket} went {seen}{note}", [evidence])

    def _judge_snapshots(self, run: RunData, why: Undecided) -> Verdict:
        """Prove the path from ``ss`` alone, which can confirm it but never refute it."""
        wanted = pl.col("node") == self.host
        if self.port is not None:
            wanted &= (pl.col("local_port") == self.port) | (pl.col("peer_port") == self.port)
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        for way in ways_of_snapshots(
            run.table("sockets").filter(wanted.fill_null(False)).sort("t_ns", maintain_order=True)
        ):
            if way.passes(self.path):
                return self._found(way, f" (as ss shows it; {why})")
        kind = NotSupported if isinstance(why, NotSupported) else Undecided
        raise kind(f"{why}, and the ss snapshots alone do not show the path")


def recorded_transitions(run: RunData) -> list[Transition]:
    """Return the run's changes of state.

    Raises ``Undecided`` or ``NotSupported`` when they were not recorded whole.
    """
    require_tracepoint(run, EVENT)
    if not table_exists(run, "states"):
        raise Undecided("the kernel's trace has not been turned into tables")
    return transitions(run)
