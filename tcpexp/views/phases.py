"""Phases and congestion states of a flow's busiest connection, as bands of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def busiest_phases(run: RunData, flow: str) -> pl.DataFrame:
    """Return the phases of the flow's connection that was acknowledged most, in time order.

    Empty without a trace.
    """
    rows = run.table("phases").filter(pl.col("flow") == flow)
    if rows.is_empty():
        return rows
    most = (
        rows.group_by("connection")
        .agg(pl.col("acks").sum())
        .sort(["acks", "connection"], descending=[True, False])["connection"][0]
    )
    return rows.filter(pl.col("connection") == most).sort("from_ns")


def congestion_bands(run: RunData, flow: str) -> list[tuple[str, int, int]]:
    """Return (state, from, to) of the kernel's congestion states of that connection, ns."""
    phases = busiest_phases(run, flow)
    if phases.is_empty():
        return []
    begin, end = int(phases["from_ns"][0]), int(phases["to_ns"][-1])
    own = (pl.col("connection") == phases["connection"][0]) & (pl.col("node") == phases["node"][0])
    rows = run.table("ca_states").filter(own).sort("t_ns")
    inside = rows.filter(pl.col("t_ns").is_between(begin, end))
    times = [begin, *inside["t_ns"].to_list(), end]
    before = rows.filter(pl.col("t_ns") < begin)["ca_state"].to_list()
    names = [before[-1] if before else "Open", *inside["ca_state"].to_list()]
    return [
        (name, low, high)
        for name, low, high in zip(names, times[:-1], times[1:], strict=True)
        if high > low
    ]


def joined(bands: list[tuple[str, int, int]], least: int) -> dict[str, list[tuple[int, int]]]:
    """Return (from, to) of each word's bands, those that lie less than ``least`` ns apart joined.

    A long transfer with many losses has more phases than a figure has pixels; joined, there is at
    most one band per word and pixel.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for word, low, high in bands:
        own = found.setdefault(word, [])
        if own and low - own[-1][1] < least:
            own[-1] = (own[-1][0], max(high, own[-1][1]))
        else:
            own.append((low, high))
    return found
