"""Lifetimes of TCP sockets in the kernel's trace: from the opening to CLOSED, with the step whose
process opened each, and whose it is.

The trace is the whole machine's. A socket is told by its address in the kernel, which is given
again after its end.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tcpexp.ingest.openers import find_openers
from tcpexp.ingest.socketnames import name_sockets
from tcpexp.ingest.tcptrace import Trace

OPENED, LISTENING, ACCEPTED = "opened", "listening", "accepted"
LIVES: dict[str, pl.DataType] = {
    "life": pl.Int64(),
    "socket": pl.Int64(),
    "order": pl.Int64(),
    "t_ns": pl.Int64(),
    "task": pl.Int64(),
    "kind": pl.String(),
    "local_address": pl.String(),
    "local_port": pl.Int64(),
    "peer_address": pl.String(),
    "peer_port": pl.Int64(),
    "own": pl.Boolean(),
    "step": pl.String(),
    "process": pl.Int64(),
}


@dataclass(frozen=True)
class Sockets:
    """The sockets of a trace.

    ``states`` are the trace's rows with ``life``. ``lives`` has one row per socket, by its
    beginning: ``kind`` (None: it was there before the trace), both ends as the last row has them,
    and of those that a process opened or listens with whether that is one of the run's (``own``),
    its ``step`` and which process it was.
    ``known``: the trace tells processes, so that ``own`` is not null where it applies.
    """

    states: pl.DataFrame
    lives: pl.DataFrame
    known: bool


def read_sockets(trace: Trace) -> Sockets:
    """Return the sockets of a trace; without a trace both frames are empty."""
    rows = trace.tables.get("states")
    if rows is None or rows.is_empty():
        return Sockets(pl.DataFrame(), pl.DataFrame(schema=LIVES), False)
    states = _filled(_numbered(rows))
    lives = states.group_by("life", maintain_order=True).agg(
        pl.col("socket", "order", "t_ns", "task", "kind").first(),
        pl.col("local_address", "local_port", "peer_address", "peer_port").last(),
    )
    known = not trace.marks.is_empty()
    return Sockets(states.drop("kind"), _with_openers(lives, trace, known), known)


def with_connections(lives: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Add ``connection``: the captured one with the same ends that began with this socket.

    What opens a connection stands before its SYN.
    """
    return name_sockets(
        lives,
        spans,
        ("local_address", "local_port"),
        ("peer_address", "peer_port"),
        opening=pl.col("kind") == OPENED,
    ).drop("flow")


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``life``, in the order of their beginnings, and in a life's first row ``kind``."""
    kind = (
        pl.when((pl.col("old_state") == "CLOSED") & (pl.col("new_state") == "SYN-SENT"))
        .then(pl.lit(OPENED))
        .when((pl.col("old_state") == "CLOSED") & (pl.col("new_state") == "LISTEN"))
        .then(pl.lit(LISTENING))
        .when((pl.col("old_state") == "LISTEN") & (pl.col("new_state") == "SYN-RECEIVED"))
        .then(pl.lit(ACCEPTED))
    )
    rows = rows.sort("order").with_columns(kind=kind)
    rows = rows.with_columns(nth=pl.col("kind").is_not_null().cum_sum().over("socket"))
    return rows.with_columns(
        life=pl.col("order").first().over("socket", "nth").rank("dense").cast(pl.Int64)
    ).drop("nth")


def _filled(rows: pl.DataFrame) -> pl.DataFrame:
    """Give a socket that has no port or address yet those of its own next row.

    connect() enters SYN-SENT before it has chosen its port, and a listener's child SYN-RECEIVED
    before it has its addresses.
    """
    unknown = ((pl.col("kind") == OPENED) & (pl.col("local_port") == 0)) | (
        pl.col("kind") == ACCEPTED
    )
    names = ("local_port", "peer_port", "local_address", "peer_address")
    later = {
        name: pl.when(unknown).then(pl.col(name).shift(-1).over("life")).otherwise(pl.col(name))
        for name in names
    }
    return rows.with_columns(
        **{name: pl.coalesce(value, pl.col(name)) for name, value in later.items()}
    )


def _with_openers(lives: pl.DataFrame, trace: Trace, known: bool) -> pl.DataFrame:
    """Add ``own``, ``step`` and ``process`` to the lives that began in the context of the process
    that they belong to.
    """
    lives = lives.with_columns(
        pl.lit(None, dtype=LIVES[name]).alias(name) for name in ("own", "step", "process")
    )
    if known:
        asked = lives.filter(pl.col("kind").is_in([OPENED, LISTENING])).sort("order")
        openers = find_openers(trace.forks, trace.marks, asked)
        columns = {
            "life": asked["life"],
            "own": [opener is not None for opener in openers],
            "step": [opener.step if opener else None for opener in openers],
            "process": [opener.process if opener else None for opener in openers],
        }
        told = pl.DataFrame(columns, schema={name: LIVES[name] for name in columns})
        lives = lives.drop("own", "step", "process").join(
            told, on="life", how="left", maintain_order="left"
        )
    return lives.select(list(LIVES))
