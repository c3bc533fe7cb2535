"""The socket calls that programs logged: which call, on which host, from when to when it blocked,
and the packets between two hosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.views.logs import read_events

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: Events of the programs that come with tcpexp which are calls themselves: they carry ``took_us``.
CALL_EVENTS = ("write", "read", "send", "recv", "blocked")
#: Calls that only prepare a socket and put nothing on the wire.
QUIET = ("socket", "bind", "listen")


@dataclass(frozen=True)
class Call:
    """One call: ``from_ns`` when it was made, ``to_ns`` when it returned.

    ``text`` names it with its result.
    """

    action: str
    node: str
    from_ns: int
    to_ns: int
    text: str
    failed: bool = False


@dataclass(frozen=True)
class Crossing:
    """One packet between the hosts: ``received_ns`` None when it never arrived."""

    to_right: bool
    sent_ns: int
    received_ns: int | None
    text: str


def logged_calls(run: RunData, action: str) -> list[Call]:
    """Return the calls of one action's program in the order of their returns.

    Empty when it logged none.
    """
    node = next(
        (
            step.do.node
            for step in (*run.plan.setup, *run.plan.steps)
            if step.id == action and step.do.kind == "spawn"
        ),
        None,
    )
    if node is None:
        return []
    calls = []
    for event in read_events(run, action):
        facts = event.facts
        name = (
            facts.get("call")
            if facts.get("event") == "call"
            else facts.get("event")
            if facts.get("event") in CALL_EVENTS
            else None
        )
        took = facts.get("took_us")
        if name is not None and isinstance(took, int) and name not in QUIET:
            calls.append(
                Call(
                    action,
                    node,
                    event.t_ns - took * 1000,
                    event.t_ns,
                    _text(str(name), facts),
                    "error" in facts,
                )
            )
    return calls


def _text(name: str, facts: dict[str, Any]) -> str:
    if "error" in facts:
        return f"{name}: {str(facts['error']).rpartition('] ')[2]}"
    return f"{name} {facts['bytes']:,} B" if isinstance(facts.get("bytes"), int) else name


def crossings(
    run: RunData, left: str, right: str, span: tuple[int, int], flows: list[str] | None = None
) -> list[Crossing]:
    """Return the packets between two hosts (of ``flows`` only) that were sent within ``span``, in
    the order of their sending.
    """
    ways = [(left, right, True), (right, left, False)]
    journeys = run.table("journeys").filter(pl.col("sent_ns").is_between(*span))
    packets = run.table("packets").filter(pl.col("t_ns").is_between(*span))
    if flows is not None:
        packets = packets.filter(pl.col("flow").is_in(flows))
    found = []
    for source, target, to_right in ways:
        mine = journeys.filter(
            (pl.col("from_node") == source) & (pl.col("to_node") == target)
        ).select("sent_ns", "sent_number", "received_ns")
        sent = packets.filter(pl.col("node") == source).join(
            mine, left_on=["t_ns", "number"], right_on=["sent_ns", "sent_number"], how="inner"
        )
        for row in sent.iter_rows(named=True):
            found.append(Crossing(to_right, row["t_ns"], row["received_ns"], packet_text(row)))
    return sorted(found, key=lambda flight: flight.sent_ns)


def packet_text(row: dict[str, Any]) -> str:
    """Return a few letters for a packet: ``SYN``, ``100 B``, ``ACK``, ``ICMP``."""
    if row["protocol"] == "tcp":
        flags = row["flags"] or ""
        marks = [
            word for letter, word in (("S", "SYN"), ("F", "FIN"), ("R", "RST")) if letter in flags
        ]
        if "S" in flags and "A" in flags:
            marks.append("ACK")
        if row["payload_bytes"]:
            marks.append(f"{row['payload_bytes']:,} B")
        return "+".join(marks) or "ACK"
    return (
        f"{row['payload_bytes']:,} B"
        if row["protocol"] == "udp" and row["payload_bytes"] is not None
        else str(row["protocol"]).upper()
    )
