"""The way of each socket through TCP's states: the changes of one connection's end, in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from tcpexp.analysis.transitions import FROM_SS, Transition
from tcpexp.late import polars as pl


@dataclass
class Way:
    """The states of one socket in order; ``times_ns[i]`` is when ``states[i]`` was entered (of the
    first: left).

    ``from_ss`` are the changes' numbers (1 is the one into ``states[1]``) that only ``ss`` showed.
    """

    socket: str
    states: list[str]
    times_ns: list[int]
    from_ss: list[int] = field(default_factory=list)

    def shown_by_ss(self) -> list[str]:
        """Return the states, each once, in which only ``ss`` showed the socket (CLOSED is not one:
        ss then shows nothing).
        """
        return list(
            dict.fromkeys(
                self.states[number] for number in self.from_ss if self.states[number] != "CLOSED"
            )
        )

    def passes(self, path: tuple[str, ...]) -> bool:
        """Whether the states of ``path`` appear in this order, with any others between them."""
        rest = iter(self.states)
        return all(state in rest for state in path)


def ways_of(changes: list[Transition]) -> list[Way]:
    """Return one way per socket of the changes, which are in the order of time.

    A change whose old state is not where the socket was begins a new way: the port pair was used
    again.
    """
    ways: list[Way] = []
    current: dict[tuple[str, str], Way] = {}
    for change in changes:
        key = (change.node, change.socket)
        way = current.get(key)
        if (
            way is None
            or way.states[-1] != change.old
            or change.old == "CLOSED"
            or change.edge == ("LISTEN", "SYN-RECEIVED")
        ):
            way = current[key] = Way(change.socket, [change.old], [change.t_ns])
            ways.append(way)
        way.states.append(change.new)
        way.times_ns.append(change.t_ns)
        if change.source == "ss":
            way.from_ss.append(len(way.states) - 1)
    return ways


def ways_of_snapshots(rows: pl.DataFrame) -> list[Way]:
    """Return one way per pair of addresses and ports of ``rows`` of the ``sockets`` table.

    A way is the states that followed one another. In the order of time.
    """
    ways: dict[str, Way] = {}
    for row in rows.iter_rows(named=True):
        state = FROM_SS.get(row["state"], row["state"].upper())
        name = (
            f"{row['local_address']}:{row['local_port']} - {row['peer_address']}:{row['peer_port']}"
        )
        way = ways.setdefault(name, Way(name, [], []))
        if not way.states or way.states[-1] != state:
            way.states.append(state)
            way.times_ns.append(row["t_ns"])
    return list(ways.values())
