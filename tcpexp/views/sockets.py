"""Sockets over time: their stays in a state, how many are in each, the queues of listening ones."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tcpexp.analysis.transitions import FROM_SS, transitions
from tcpexp.late import polars as pl
from tcpexp.views.spans import Span, rows_within, shown_span

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


@dataclass(frozen=True)
class Stay:
    """A socket's stay in one state."""

    socket: str
    state: str
    from_ns: int
    to_ns: int


def socket_stays(run: RunData) -> list[Stay]:
    """Return every stay of every connection's socket, by socket in order of appearance, from the
    trace and from ``ss``.
    """
    traced = _traced_stays(run)
    names = {stay.socket for stay in traced}
    seen = [
        stay
        for stay in _snapshot_stays(run)
        if stay.socket not in names or stay.state == "SYN-RECEIVED"
    ]
    stays = sorted([*traced, *seen], key=lambda stay: (stay.from_ns, stay.to_ns))
    order = {
        name: index for index, name in reversed(list(enumerate(stay.socket for stay in stays)))
    }
    return sorted(stays, key=lambda stay: (order[stay.socket], stay.from_ns))


def socket_name(row: dict[str, object]) -> str:
    """Return ``h1 :40000 > 10.0.0.2:80``."""
    return f"{row['node']} :{row['local_port']} → {row['peer_address']}:{row['peer_port']}"


def _traced_stays(run: RunData) -> list[Stay]:
    """Return stays between two changes of state: those of the tracepoint, completed where Linux
    keeps a small entry instead of a socket.
    """
    end = shown_span(run, None)[1]
    open_now: dict[str, tuple[str, int]] = {}
    stays = []
    for change in transitions(run):
        if not change.peer_port or (change.source == "ss" and change.new == "SYN-RECEIVED"):
            continue
        name = f"{change.node} :{change.port} → {change.socket.rpartition(' - ')[2]}"
        if name in open_now:
            state, since = open_now.pop(name)
            stays.append(Stay(name, state, since, change.t_ns))
        if change.new != "CLOSED":
            open_now[name] = (change.new, change.t_ns)
    stays.extend(Stay(name, state, since, end) for name, (state, since) in open_now.items())
    return stays


def _snapshot_stays(run: RunData) -> list[Stay]:
    """Return stays from ``ss``: from the first snapshot with a state to the last in unbroken
    sequence, plus one interval.
    """
    table = run.table("sockets").filter(
        (pl.col("state") != "listen") & (pl.col("peer_port").fill_null(0) > 0)
    )
    if table.is_empty():
        return []
    times = run.table("sockets")["t_ns"].unique().sort()
    gap = int(times.diff().median() or 0) if len(times) > 1 else 0  # type: ignore[arg-type]
    key = ["node", "local_port", "peer_address", "peer_port"]
    ordered = table.sort("t_ns", maintain_order=True)
    changed = (
        (pl.col("state") != pl.col("state").shift()) | (pl.col("t_ns").diff() > 2 * max(gap, 1))
    ).fill_null(True)
    runs = ordered.with_columns(changed.cum_sum().over(key).alias("run"))
    grouped = runs.group_by([*key, "run", "state"], maintain_order=True).agg(
        pl.col("t_ns").min().alias("from_ns"), pl.col("t_ns").max().alias("to_ns")
    )
    return [
        Stay(
            socket_name(row),
            FROM_SS.get(row["state"], row["state"].upper()),
            row["from_ns"],
            row["to_ns"] + gap,
        )
        for row in grouped.iter_rows(named=True)
    ]


def close_view(stays: list[Stay], span: tuple[int, int]) -> tuple[int, int] | None:
    """Return a time span that shows the short stays, when they are too short for the whole span and
    lie close together.
    """
    whole = span[1] - span[0]
    short = [
        stay
        for stay in stays
        if stay.to_ns - stay.from_ns < whole / 200 and span[0] <= stay.from_ns <= span[1]
    ]
    if len(short) < 3:
        return None
    start, end = min(stay.from_ns for stay in short), max(stay.to_ns for stay in short)
    if end - start > whole / 10:
        return None
    margin = max((end - start) // 8, 1)
    return start - margin, end + margin


def state_counts(run: RunData, span: Span | None = None) -> pl.DataFrame:
    """Return ``node``, ``state`` (RFC 9293's name), ``t_ns`` and ``count``, with a 0 for each
    snapshot without such a socket.
    """
    table = rows_within(run.table("sockets"), span)
    named = table.with_columns(pl.col("state").replace(FROM_SS)).filter(
        ~pl.col("state").is_in(["LISTEN", "CLOSED"])
    )
    named = named.filter(pl.col("state").is_in(list(FROM_SS.values())))
    counts = (
        named.group_by("node", "state", "t_ns")
        .len("count")
        .with_columns(pl.col("count").cast(pl.Int64))
    )
    times = pl.DataFrame(
        [
            (node, t_ns)
            for node in named["node"].unique().sort()
            for t_ns in _looked_at_ns(table, node)
        ],
        schema={"node": pl.String, "t_ns": pl.Int64},
        orient="row",
    )
    grid = named.select("node", "state").unique().join(times, on="node")
    return (
        grid.join(counts, on=["node", "state", "t_ns"], how="left")
        .fill_null(0)
        .sort("node", "state", "t_ns")
    )


def _looked_at_ns(table: pl.DataFrame, node: str) -> list[int]:
    """Return when ``node`` was looked at: a snapshot that lists no socket of it leaves no row, so
    other nodes' times fill its gaps.

    All nodes are sampled on one grid, a little apart; a time of another node counts only where none
    of this node's own is near.
    """
    own = table.filter(pl.col("node") == node)["t_ns"].unique().sort().to_list()
    result = list(own)
    for other in table["node"].unique().sort().to_list():
        times = table.filter(pl.col("node") == other)["t_ns"].unique().sort().to_list()
        gaps = sorted(later - earlier for earlier, later in pairwise(times))
        near = gaps[len(gaps) // 2] * 0.6 if gaps else 0
        known = sorted(result)
        result += [t_ns for t_ns in times if other != node and _distance(known, t_ns) > near]
    return sorted(result)


def _distance(known: list[int], t_ns: int) -> float:
    """Return the distance of ``t_ns`` from the nearest of ``known``, which is sorted."""
    at = bisect(known, t_ns)
    return min(
        (abs(t_ns - other_ns) for other_ns in known[max(at - 1, 0) : at + 1]), default=float("inf")
    )


@dataclass(frozen=True)
class ListenQueues:
    """The queues of the listening sockets on one port of a host, one entry of each list per
    snapshot, in the order of time.
    """

    node: str
    port: int
    times_ns: list[int]
    half_open: list[int]
    waiting: list[int]
    backlog: int


def listen_queues(run: RunData, span: Span | None = None) -> list[ListenQueues]:
    """Return the queues of every listening port that ever held a connection, by host and port.

    ``half_open`` counts the sockets in SYN-RECEIVED with this local port; ``waiting`` is the
    listening socket's Recv-Q, and ``backlog`` its Send-Q: the second argument of listen(2), cut to
    ``net.core.somaxconn``. Snapshots without the listening socket leave no entry.
    """
    table = rows_within(run.table("sockets"), span)
    key = ["node", "local_port", "t_ns"]
    listening = (
        table.filter(pl.col("state") == "listen")
        .group_by(key)
        .agg(pl.col("recv_q").sum(), pl.col("send_q").max())
    )
    half_open = (
        table.filter(pl.col("state") == "syn-recv")
        .group_by(key)
        .agg(pl.len().cast(pl.Int64).alias("half_open"))
    )
    rows = (
        listening.join(half_open, on=key, how="left")
        .with_columns(pl.col("half_open").fill_null(0))
        .sort(key)
    )
    found = [
        _queues(str(node), int(port), group)
        for (node, port), group in rows.group_by("node", "local_port", maintain_order=True)
    ]
    return [queues for queues in found if any(queues.half_open) or any(queues.waiting)]


def _queues(node: str, port: int, rows: pl.DataFrame) -> ListenQueues:
    return ListenQueues(
        node,
        port,
        rows["t_ns"].to_list(),
        rows["half_open"].to_list(),
        rows["recv_q"].to_list(),
        int(rows["send_q"].max() or 0),  # type: ignore[arg-type]
    )
