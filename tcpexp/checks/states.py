"""The check ``states``: the way of one socket through TCP's states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.checks.base import Check, Evidence, FlowName, HostName, NotSupported, Undecided, Verdict
from tcpexp.checks.recorded import require_span, require_tracepoint, table_exists
from tcpexp.checks.words import many, time_words

if TYPE_CHECKING:
    import polars

    from tcpexp.store.rundata import RunData

State = Literal[
    "CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"
]  # fmt: skip

EVENT = "sock:inet_sock_set_state"
#: ss's words for the states, in the RFC's.
RFC_NAMES = {"estab": "ESTABLISHED", "unconn": "CLOSED", "syn-recv": "SYN-RECEIVED"}
Key = tuple[str, int, str, int]


@dataclass
class Way:
    """The states of one socket in order; ``times_ns[i]`` is when ``states[i]`` was entered (of the first: left)."""

    key: Key
    states: list[str]
    times_ns: list[int]

    @property
    def name(self) -> str:
        """Return the socket's two ends."""
        return f"{self.key[0]}:{self.key[1]} - {self.key[2]}:{self.key[3]}"


class States(Check):
    """States that one socket of a host goes through in this order; others may come in between.

    The kernel's own changes of state (tracepoint `sock:inet_sock_set_state`) are used. Linux turns a socket in TIME-WAIT
    into a smaller object, which the tracepoint shows as FIN-WAIT-2 to CLOSED; that it is TIME-WAIT is then taken from `ss`,
    and so is SYN-RECEIVED before the connection is established. The verdict says so.
    """

    name: ClassVar[str] = "states"
    example: ClassVar[str] = "{host: h1, path: [CLOSED, SYN-SENT, ESTABLISHED]}"

    host: HostName = Field(description="the host")
    path: tuple[State, ...] = Field(min_length=1, description="the states in their order, as RFC 9293 spells them")
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
        if not table_exists(run, "states"):
            raise Undecided("the kernel's trace has not been turned into tables")
        ways = ways_of(self._select(run, "states"))
        added = add_from_snapshots(ways, self._select(run, "sockets"), run.end_ns)
        found = next((way for way in ways if is_subsequence(self.path, way.states)), None)
        if found is None:
            require_span(run, None)
            seen = "; ".join(dict.fromkeys(" → ".join(way.states) for way in ways)) or "no socket changed its state"
            reason = f"none of {many(len(ways), 'socket')} on {self.host} went this way; seen: {seen[:500]}"
            return self.verdict(False, seen[:500], reason)
        note = ""
        if id(found) in added and set(added[id(found)]) & set(self.path):
            note = f" ({', '.join(added[id(found)])} as ss shows it; the tracepoint does not report it)"
        return self._found(found, note)

    def _found(self, way: Way, note: str) -> Verdict:
        seen = " → ".join(way.states)
        rows = (("state", "time"), *((state, time_words(t_ns)) for state, t_ns in zip(way.states, way.times_ns, strict=True)))
        evidence = Evidence(f"socket {way.name}", None, (), way.times_ns[0], way.times_ns[-1], rows)
        return self.verdict(True, seen, f"socket {way.name} went {seen}{note}", [evidence])

    def _judge_snapshots(self, run: RunData, why: Undecided) -> Verdict:
        """Prove the path from ``ss`` alone, which can confirm it but never refute it."""
        ways = ways_of_snapshots(self._select(run, "sockets"))
        for way in ways:
            if is_subsequence(self.path, way.states):
                return self._found(way, f" (as ss shows it; {why})")
        kind = NotSupported if isinstance(why, NotSupported) else Undecided
        raise kind(f"{why}, and the ss snapshots alone do not show the path")

    def _select(self, run: RunData, table: str) -> polars.DataFrame:
        """Return the rows of this host, and of the port and the flow."""
        import polars as pl

        wanted = (pl.col("node") == self.host) & (pl.col("t_ns") <= run.end_ns)  # not what the clean-up did
        if self.port is not None:
            wanted &= (pl.col("local_port") == self.port) | (pl.col("peer_port") == self.port)
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        return run.table(table).filter(wanted.fill_null(False)).sort("t_ns", maintain_order=True)


def is_subsequence(path: tuple[str, ...], states: list[str]) -> bool:
    """Whether the states of ``path`` appear in this order in ``states``, with any others between them."""
    rest = iter(states)
    return all(state in rest for state in path)


def ways_of(rows: polars.DataFrame) -> list[Way]:
    """Return one way per socket of the ``states`` table; ``rows`` are in the order of time.

    A socket's rows are those of its four-tuple. A change whose old state is not where the socket was begins a new one: the
    port pair was used again.
    """
    ways: list[Way] = []
    current: dict[Key, Way] = {}
    for row in rows.iter_rows(named=True):
        key, old, new, t_ns = _key(row), row["old_state"], row["new_state"], row["t_ns"]
        way = current.get(key)
        if way is None or way.states[-1] != old or old == "CLOSED" or (old == "LISTEN" and new == "SYN-RECEIVED"):
            way = Way(key, [old], [t_ns])
            ways.append(way)
            if old != "LISTEN" or new != "SYN-RECEIVED" or key not in current:
                current[key] = way
        way.states.append(new)
        way.times_ns.append(t_ns)
    return ways


def ways_of_snapshots(rows: polars.DataFrame) -> list[Way]:
    """Return one way per four-tuple of the ``sockets`` table: the states that follow one another in its snapshots."""
    ways: dict[Key, Way] = {}
    for row in rows.iter_rows(named=True):
        state = _rfc_name(row["state"])
        way = ways.setdefault(_key(row), Way(_key(row), [], []))
        if not way.states or way.states[-1] != state:
            way.states.append(state)
            way.times_ns.append(row["t_ns"])
    return list(ways.values())


def add_from_snapshots(ways: list[Way], sockets: polars.DataFrame, end_ns: int) -> dict[int, list[str]]:
    """Insert what only ``ss`` shows: TIME-WAIT before the last CLOSED (or instead, if it waited to the end), SYN-RECEIVED before ESTABLISHED.

    Returns the inserted states by the ``id`` of the way.
    """
    seen: dict[Key, list[tuple[int, str]]] = {}
    for row in sockets.iter_rows(named=True):
        seen.setdefault(_key(row), []).append((row["t_ns"], _rfc_name(row["state"])))
    added: dict[int, list[str]] = {}
    for way in ways:
        snapshots = seen.get(way.key, [])
        waiting = [t_ns for t_ns, state in snapshots if state == "TIME-WAIT" and t_ns >= way.times_ns[-1]]
        if waiting and way.states[-1] == "CLOSED" and "TIME-WAIT" not in way.states:
            way.states.insert(-1, "TIME-WAIT")
            way.times_ns.insert(-1, way.times_ns[-1])
            way.times_ns[-1] = waiting[-1]
            if len(waiting) > 1 and end_ns - waiting[-1] < 1.5 * (waiting[-1] - waiting[-2]):  # the tracepoint's CLOSED began the wait, nothing has ended it
                del way.states[-1], way.times_ns[-1]
            added.setdefault(id(way), []).append("TIME-WAIT")
        half_open = [t_ns for t_ns, state in snapshots if state == "SYN-RECEIVED" and t_ns <= way.times_ns[0]]
        if half_open and "SYN-RECEIVED" not in way.states:
            way.states.insert(0, "SYN-RECEIVED")
            way.times_ns.insert(0, half_open[0])
            added.setdefault(id(way), []).append("SYN-RECEIVED")
    return added


def _rfc_name(state: str) -> str:
    return RFC_NAMES.get(state, state.upper())


def _key(row: dict[str, object]) -> Key:
    return tuple(row[each] for each in ("local_address", "local_port", "peer_address", "peer_port"))  # type: ignore[return-value]
