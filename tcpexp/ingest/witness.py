"""What the kernel's trace says about the run's own sockets: the trace is the whole machine's, and
on a host others use TCP too.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tcpexp.ingest.lifetimes import ACCEPTED, LISTENING, OPENED, Sockets
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.tcptrace import EXTRA, Trace
from tcpexp.plan.types import RunPlan
from tcpexp.store.frames import empty_frame

_ENDS = ("local_address", "local_port", "peer_address", "peer_port")
_FOUR = ("src", "src_port", "dst", "dst_port")


@dataclass(frozen=True)
class Witness:
    """A trace with the lifetimes of its sockets: ``lives`` has ``node``, ``connection`` and
    ``kept``, whether the socket is one of a node of the plan.
    """

    trace: Trace
    sockets: Sockets
    lives: pl.DataFrame

    @classmethod
    def of(
        cls,
        plan: RunPlan,
        nodes: Nodes,
        trace: Trace,
        sockets: Sockets,
        connections: pl.DataFrame,
        captured: frozenset[str],
    ) -> Witness:
        """Decide which sockets are the plan's.

        Where the trace tells processes: those that the run's processes opened or listen with; those
            of strangers only if a node's capture shows their connection and nobody else's socket is
            its end (somebody entered a node's namespace). A socket that a listener accepted is the
            plan's when a capture shows the connection, or the other end is a socket of the run.
            What was there before the trace is a stranger's: recorders start before any process of
            the plan, so only where records were lost a socket may have no beginning. Without
            knowledge of processes the address decides. ``captured`` are the nodes that have a
            capture.
        """
        lives = _with_nodes(sockets.lives, plan, nodes)
        lives = lives.with_columns(kept=True)
        if sockets.known:
            lives = _judge_accepted(
                _judge_opened(lives, bool(trace.lost_pages)), connections, captured
            )
        return cls(
            trace, sockets, lives.with_columns(kept=pl.col("kept") & pl.col("node").is_not_null())
        )

    def states(self) -> pl.DataFrame:
        """Return the changes of state of the plan's sockets, with ``node`` and ``connection``."""
        if self.sockets.states.is_empty():
            return empty_frame("states")
        own = self.lives.filter("kept").select("life", "node", "connection")
        return self.sockets.states.drop("node", "connection", strict=False).join(
            own, on="life", how="inner", maintain_order="left"
        )

    def rows(self, name: str) -> pl.DataFrame:
        """Return the rows of the table ``name`` without those of sockets that are known to be no
        node's.

        A socket is told by its address in the kernel; where the kernel's tracepoint has none
        (tcp_probe before Linux 6.10), by both its ends.
        """
        frame = self.trace.tables.get(name)
        if frame is None:
            return empty_frame(name).with_columns(
                pl.lit(None, dtype=kind).alias(name) for name, kind in EXTRA.items()
            )
        if self.lives["kept"].all() or frame.is_empty():
            return frame
        told = pl.col("socket").is_not_null()
        by_socket = (
            frame.filter(told)
            .sort("order")
            .join_asof(
                self.lives.select("socket", "order", "kept").sort("order"),
                on="order",
                by="socket",
                strategy="backward",
                check_sortedness=False,
            )
        )
        ends = self.lives.select(
            *(pl.col(one).alias(other) for one, other in zip(_ENDS, _FOUR, strict=True)), "kept"
        )
        kept = ends.filter("kept").unique(_FOUR)
        strange = ends.filter(~pl.col("kept")).unique(_FOUR).join(kept, on=_FOUR, how="anti")
        by_ends = frame.filter(~told).join(strange, on=_FOUR, how="anti")
        return pl.concat(
            [
                by_socket.filter(pl.col("kept").fill_null(bool(self.trace.lost_pages))).drop(
                    "kept"
                ),
                by_ends,
            ]
        ).sort("order")


def _with_nodes(lives: pl.DataFrame, plan: RunPlan, nodes: Nodes) -> pl.DataFrame:
    """Add ``node``: where the step runs whose process opened the socket, or whose address it has.

    A listening socket without address whose process is not known is on the node whose server
    listens on that port in the plan.
    """
    step_nodes = {
        step.id: str(node)
        for step in (*plan.setup, *plan.steps)
        if (node := getattr(step.do, "node", None)) is not None
    }
    by_step = pl.col("step").replace_strict(step_nodes, default=None, return_dtype=pl.String)
    by_port = pl.when(unspecified("local_address") & pl.col("own").is_null()).then(
        pl.col("local_port").replace_strict(servers(plan), default=None, return_dtype=pl.String)
    )
    return lives.with_columns(node=pl.coalesce(by_step, nodes.of_address("local_address"), by_port))


def unspecified(column: str) -> pl.Expr:
    """Return whether an address says "any", as that of a socket that listens on all does."""
    return pl.col(column).is_null() | pl.col(column).is_in(["0.0.0.0", "::", "*"])


def servers(plan: RunPlan) -> dict[int, str]:
    """Return the node that listens on each flow's port, of ports that only one node serves."""
    found: dict[int, set[str]] = {}
    for flow in plan.flows:
        found.setdefault(flow.port, set()).add(flow.server)
    return {port: names.pop() for port, names in found.items() if len(names) == 1}


def _judge_opened(lives: pl.DataFrame, lost: bool) -> pl.DataFrame:
    """Add ``kept`` of all sockets but those that a listener accepted.

    ``lost`` says that the trace has gaps.
    """
    opened = pl.col("kind") == OPENED
    claimed = lives.filter(opened & pl.col("own"))["connection"].drop_nulls()
    in_a_node = (
        opened & pl.col("connection").is_not_null() & ~pl.col("connection").is_in(claimed.implode())
    )
    strange = pl.col("kind").is_in([OPENED, LISTENING]) & ~pl.col("own")
    there_before = pl.col("kind").is_null() & (not lost)
    return lives.with_columns(
        kept=~(strange.fill_null(False) | there_before) | in_a_node.fill_null(False)
    )


def _judge_accepted(
    lives: pl.DataFrame, connections: pl.DataFrame, captured: frozenset[str]
) -> pl.DataFrame:
    """Fill ``kept``, and where the address says nothing ``node``, of the sockets that a listener
    accepted.
    """
    clients = lives.filter((pl.col("kind") == OPENED) & pl.col("kept")).select(
        pl.col("peer_address").alias("local_address"),
        pl.col("peer_port").alias("local_port"),
        pl.col("local_address").alias("peer_address"),
        pl.col("local_port").alias("peer_port"),
        "order",
        client_node="node",
    )
    accepted = (
        lives.filter(pl.col("kind") == ACCEPTED)
        .sort("order")
        .join_asof(
            clients.sort("order"),
            on="order",
            by=list(_ENDS),
            strategy="backward",
            check_sortedness=False,
        )
    )
    uncaptured = ~pl.col("node").is_in(list(captured))
    is_own = (
        pl.col("connection").is_not_null()
        | pl.col("client_node").is_not_null()
        | uncaptured.fill_null(False)
    )
    judged = accepted.with_columns(kept=is_own, node=pl.coalesce("node", "client_node"))
    return pl.concat(
        [
            lives.filter(~(pl.col("kind") == ACCEPTED).fill_null(False)),
            _without_doubles(judged, lives, connections).select(lives.columns),
        ]
    )


def _without_doubles(
    accepted: pl.DataFrame, lives: pl.DataFrame, connections: pl.DataFrame
) -> pl.DataFrame:
    """Of several accepted sockets with a connection's ends, of which a stranger's client has the
    same, keep the one nearest to the captured handshake.
    """
    strange = lives.filter((pl.col("kind") == OPENED) & ~pl.col("kept"))["connection"].drop_nulls()
    doubted = accepted.filter(pl.col("connection").is_in(strange.implode()))
    if doubted.is_empty():
        return accepted
    nearest = (
        doubted.join(
            connections.select("connection", "established_ns"), on="connection", how="left"
        )
        .sort((pl.col("t_ns") - pl.col("established_ns")).abs(), nulls_last=True)
        .unique("connection", keep="first", maintain_order=True)
    )
    chosen = (
        pl.col("life").is_in(nearest["life"].implode())
        | ~pl.col("connection").is_in(strange.implode())
        | pl.col("connection").is_null()
    )
    return accepted.with_columns(kept=pl.col("kept") & chosen)
