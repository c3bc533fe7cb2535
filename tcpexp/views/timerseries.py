"""The events of one timer in order, and the end of a connection whose timers are followed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.views.packets import PacketLink

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

SECOND = 1_000_000_000
INITIAL_RTO_NS, RTO_MAX_NS = SECOND, 120 * SECOND
#: A SYN-ACK so soon after a SYN answers it; a timer is never early by more than this (half a tick
#: at HZ = 250).
AT_ONCE_NS, EARLY_NS = 1_000_000, 2_000_000
#: How many times ``ss`` says that a timer has doubled.
_BACKOFF = re.compile(r"\bbackoff:(\d+)")


@dataclass(frozen=True)
class TimerEvent:
    """One event: ``gap_ns`` since the one before (None for the first), ``due_ns`` the gap by the
    rule (None where no rule speaks).
    """

    what: str
    t_ns: int
    gap_ns: int | None = None
    due_ns: int | None = None
    packet: PacketLink | None = None


@dataclass
class TimerSeries:
    """The events of one timer in order, beginning with what started it.

    ``rule`` says what is expected of it.
    """

    kind: str
    name: str
    rule: str
    events: list[TimerEvent] = field(default_factory=list)

    def add(self, what: str, row: dict[str, Any], due_ns: int | None) -> None:
        """Append a segment."""
        gap = row["t_ns"] - self.events[-1].t_ns if self.events else None
        self.events.append(
            TimerEvent(
                what,
                row["t_ns"],
                gap,
                due_ns if gap is not None else None,
                PacketLink(row["capture"], row["number"]),
            )
        )

    def add_end(self, what: str, t_ns: int, due_ns: int) -> None:
        """Append the end, if the timer can have caused it: a timer is never early."""
        gap = t_ns - self.events[-1].t_ns
        if gap >= due_ns - EARLY_NS:
            self.events.append(TimerEvent(what, t_ns, gap, due_ns))

    @property
    def repetitions(self) -> int:
        """How many gaps it has."""
        return len(self.events) - 1


@dataclass(frozen=True)
class Setting:
    """A sysctl of a node, from and until when; later ones win."""

    key: str
    value: str
    from_ns: int
    until_ns: int | None = None


@dataclass(frozen=True)
class End:
    """One end of a connection: what it sent and what it received, in its own capture, in the order
    of time.
    """

    node: str
    name: str
    port: int
    connection: int
    rows: list[dict[str, Any]]
    settings: tuple[Setting, ...]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """Return what it sent."""
        return [row for row in self.rows if row["outgoing"]]

    def setting(self, name: str, default: int, at_ns: int) -> int:
        """Return a sysctl as the plan has it at ``at_ns``, such as ``tcp_retries2``, or the
        kernel's default.
        """
        value = str(default)
        for setting in self.settings:
            if (
                setting.key == f"net.ipv4.{name}"
                and setting.from_ns <= at_ns
                and (setting.until_ns is None or at_ns < setting.until_ns)
            ):
                value = setting.value
        return int(value) if value.isdigit() else default


def rto_ns(run: RunData, end: End, t_ns: int) -> int | None:
    """Return the RTO, ns, in the last ``ss`` snapshot of the end's socket before ``t_ns``, or else
    in the first one after it; without the doublings that a retransmission timer had made by then.

    None where it had come to its limit: the value before is not to be had.
    """
    rows = (
        run.table("sockets")
        .filter(
            of_socket(end)
            & pl.col("rto_ms").is_not_null()
            & pl.col("state").is_in(["syn-recv", "syn-sent"]).not_()
        )
        .sort("t_ns")
    )
    before = rows.filter(pl.col("t_ns") < t_ns)
    chosen = before.tail(1) if before.height else rows.head(1)
    for snapshot in chosen.iter_rows(named=True):
        # a zero-window probe's timer counts in ``backoff`` too, and leaves the RTO as it is
        doubled = _BACKOFF.search(snapshot["info"] or "")
        shown: int = round(snapshot["rto_ms"] * 1e6)
        if doubled is None or not (snapshot["timer"] or "").startswith("on,"):
            return shown
        return None if shown >= RTO_MAX_NS else shown >> int(doubled[1])
    return None


def of_socket(end: End) -> pl.Expr:
    """Return whether a row of ``sockets`` or ``states`` is about the end's socket, as a filter."""
    return (
        (pl.col("node") == end.node)
        & (pl.col("local_port") == end.port)
        & (pl.col("connection") == end.connection)
    )


def backed_off(base_ns: int, times: int) -> int:
    """Return ``base_ns`` doubled ``times`` times, at most TCP_RTO_MAX."""
    return min(base_ns << max(times, 0), RTO_MAX_NS)
