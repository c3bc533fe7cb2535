"""Changes of TCP state that sockets really made, and the edges of RFC 9293's state diagram that
they belong to.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from tcpexp.late import polars as pl
from tcpexp.record.states import TcpState

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: The eleven states, in the order of RFC 9293 section 3.3.2.
STATES: tuple[str, ...] = (*get_args(TcpState)[1:], "CLOSED")

#: The edges of RFC 9293 figure 5 and what makes a socket take each: what happens / what is sent.
EDGES: dict[tuple[str, str], str] = {
    ("CLOSED", "LISTEN"): "passive open",
    ("LISTEN", "CLOSED"): "close",
    ("CLOSED", "SYN-SENT"): "active open / SYN",
    # the figure has "CLOSE"; the others are in sections 3.10.7.3 and 3.10.8
    ("SYN-SENT", "CLOSED"): "close, RST or timeout",
    ("LISTEN", "SYN-RECEIVED"): "SYN / SYN,ACK",
    ("SYN-RECEIVED", "LISTEN"): "RST",
    ("LISTEN", "SYN-SENT"): "send / SYN",
    ("SYN-SENT", "SYN-RECEIVED"): "SYN / SYN,ACK",
    ("SYN-RECEIVED", "ESTABLISHED"): "ACK of SYN",
    ("SYN-SENT", "ESTABLISHED"): "SYN,ACK / ACK",
    ("SYN-RECEIVED", "FIN-WAIT-1"): "close / FIN",
    ("ESTABLISHED", "FIN-WAIT-1"): "close / FIN",
    ("ESTABLISHED", "CLOSE-WAIT"): "FIN / ACK",
    ("FIN-WAIT-1", "FIN-WAIT-2"): "ACK of FIN",
    ("FIN-WAIT-1", "CLOSING"): "FIN / ACK",
    ("FIN-WAIT-1", "TIME-WAIT"): "FIN, ACK of FIN / ACK",
    ("CLOSE-WAIT", "LAST-ACK"): "close / FIN",
    ("FIN-WAIT-2", "TIME-WAIT"): "FIN / ACK",
    ("CLOSING", "TIME-WAIT"): "ACK of FIN",
    ("LAST-ACK", "CLOSED"): "ACK of FIN",
    ("TIME-WAIT", "CLOSED"): "timeout (2 MSL)",
}

#: How ``ss`` spells the states, in lower case.
FROM_SS = {
    "listen": "LISTEN",
    "syn-sent": "SYN-SENT",
    "syn-recv": "SYN-RECEIVED",
    "estab": "ESTABLISHED",
    "fin-wait-1": "FIN-WAIT-1",
    "fin-wait-2": "FIN-WAIT-2",
    "close-wait": "CLOSE-WAIT",
    "closing": "CLOSING",
    "last-ack": "LAST-ACK",
    "time-wait": "TIME-WAIT",
    "unconn": "CLOSED",
    "close": "CLOSED",
}
#: States in which Linux may have replaced a socket by a small entry, which only ``ss`` shows.
_SMALL = ("FIN-WAIT-2", "TIME-WAIT")
Key = tuple[str, str, int, str, int, int | None]
Stay = tuple[str, int, int]


@dataclass(frozen=True)
class Transition:
    """One change of one socket's state.

    ``source`` is who saw it: the kernel's tracepoint, or ``ss`` (then no earlier than ``t_ns``).
    """

    t_ns: int
    node: str
    socket: str
    port: int
    peer_port: int
    old: str
    new: str
    source: Literal["trace", "ss"] = "trace"
    flow: str | None = None
    connection: int | None = None

    @property
    def edge(self) -> tuple[str, str]:
        """Return both states."""
        return self.old, self.new


def transitions(run: RunData) -> list[Transition]:
    """Return every change of state from before the experiment to its end, in the order of time.

    From the tracepoint ``sock:inet_sock_set_state``, completed from the snapshots: the tracepoint
    shows a socket that becomes a small entry in FIN-WAIT-2 or TIME-WAIT as CLOSED, and a half-open
    connection not before its handshake is complete. Of a half-open connection that was given up the
    change to CLOSED is the last snapshot that shows it.
    """
    rows = run.table("states")
    traced: list[Transition] = []
    stays = _small_stays(run)
    known: set[Key] = set()
    for row in rows.sort("t_ns", maintain_order=True).iter_rows(named=True):
        change = _transition(row, row["old_state"], row["new_state"])
        known.add(_key(row))
        if change.new == "CLOSED" and change.old in ("FIN-WAIT-1", "FIN-WAIT-2", "CLOSING"):
            traced += _completed(
                change, [stay for stay in stays.get(_key(row), []) if stay[2] >= row["t_ns"]], run
            )
        else:
            traced.append(change)
    return sorted(traced + _half_open(run, known), key=lambda change: change.t_ns)


def visited(changes: list[Transition]) -> dict[str, list[Transition]]:
    """Return, for each of the eleven states, the changes that entered it.

    Of a state that was only left, those that left it.
    """
    entered: dict[str, list[Transition]] = {
        state: [change for change in changes if change.new == state] for state in STATES
    }
    return {
        state: entries or [change for change in changes if change.old == state]
        for state, entries in entered.items()
    }


def _completed(change: Transition, stays: list[Stay], run: RunData) -> list[Transition]:
    """Return the changes behind a change to CLOSED: through the small entry's states, and to CLOSED
    if the run saw its end.
    """
    found: list[Transition] = []
    state, left_ns = change.old, change.t_ns
    for number, (small, first_ns, last_ns) in enumerate(stays):
        if small != state:
            # the first snapshot comes up to one interval later
            at_once = number == 0 and first_ns - change.t_ns <= 2 * _interval_ns(run)
            entered_ns = change.t_ns if at_once else first_ns
            found.append(replace(change, t_ns=entered_ns, old=state, new=small, source="ss"))
        state, left_ns = small, last_ns
    if not stays:
        return [change]
    if left_ns + 2 * _interval_ns(run) < run.end_ns:
        found.append(replace(change, t_ns=left_ns, old=state, new="CLOSED", source="ss"))
    return found


def _small_stays(run: RunData) -> dict[Key, list[Stay]]:
    """Return (state, first snapshot, last snapshot) of every socket seen in FIN-WAIT-2 and
    TIME-WAIT, in the order of time.
    """
    stays: dict[Key, list[Stay]] = defaultdict(list)
    for row in _snapshots(run, [small.lower() for small in _SMALL]).iter_rows(named=True):
        of_socket, state = stays[_key(row)], FROM_SS[row["state"]]
        if of_socket and of_socket[-1][0] == state:
            of_socket[-1] = (state, of_socket[-1][1], row["t_ns"])
        else:
            of_socket.append((state, row["t_ns"], row["t_ns"]))
    return stays


def _half_open(run: RunData, known: set[Key]) -> list[Transition]:
    """Return LISTEN to SYN-RECEIVED, and the end if the run saw it, of connections whose handshake
    never ended, so that only ``ss`` saw them.

    A client that goes on repeating its SYN gets a new half-open connection when the server has
    given the first one up. Both have the same addresses and ports; the kernel's socket cookie
    (``sk:`` in ``ss -e``) tells them apart.
    """
    rows = _snapshots(run, ["syn-recv"]).with_columns(
        cookie=pl.col("info").str.extract(r"\bsk:(\w+)")
    )
    found: dict[tuple[Key, str | None], list[dict[str, object]]] = defaultdict(list)
    for row in rows.iter_rows(named=True):
        if _key(row) not in known:
            found[_key(row), row["cookie"]].append(row)
    changes = []
    for seen in found.values():
        changes.append(replace(_transition(seen[0], "LISTEN", "SYN-RECEIVED"), source="ss"))
        if int(str(seen[-1]["t_ns"])) + 2 * _interval_ns(run) < run.end_ns:
            changes.append(replace(_transition(seen[-1], "SYN-RECEIVED", "CLOSED"), source="ss"))
    return changes


def _snapshots(run: RunData, states: list[str]) -> pl.DataFrame:
    return (
        run.table("sockets").filter(pl.col("state").is_in(states)).sort("t_ns", maintain_order=True)
    )


def _interval_ns(run: RunData) -> int:
    return max(
        (recorder.interval_ns or 0 for recorder in run.plan.recorders if recorder.kind == "ss"),
        default=0,
    )


def _key(row: dict[str, object]) -> Key:
    return tuple(
        row[column]
        for column in (
            "node",
            "local_address",
            "local_port",
            "peer_address",
            "peer_port",
            "connection",
        )
    )  # type: ignore[return-value]


def _transition(row: dict[str, object], old: str, new: str) -> Transition:
    peer = f" - {row['peer_address']}:{row['peer_port']}" if row["peer_port"] else ""
    name = f"{row['local_address']}:{row['local_port']}{peer}"
    flow = None if row["flow"] is None else str(row["flow"])
    ports = int(str(row["local_port"] or 0)), int(str(row["peer_port"] or 0))
    connection = None if row["connection"] is None else int(str(row["connection"]))
    return Transition(
        int(str(row["t_ns"])),
        str(row["node"]),
        name,
        *ports,
        old,
        new,
        flow=flow,
        connection=connection,
    )
