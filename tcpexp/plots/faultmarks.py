"""Where faults acted on segments: marks in the sequence figure and on the arrows of the ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.plots.data import flow_of
from tcpexp.plots.kit.look import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcpexp.store.rundata import RunData

#: The mark of each effect, and its word in the legend.
MARKS = {
    "drop": ("v", "dropped by a fault"),
    "corrupt": ("s", "damaged by a fault"),
    "duplicate": ("D", "duplicated by a fault"),
    "delay": (">", "delayed by a fault"),
}


def fault_marks(run: RunData, flow: str) -> pl.DataFrame:
    """Return the faults that acted on data of a flow's sender: ``t_ns``, ``seq_rel`` (as the
    captures count, the first byte is 1), ``effect``.
    """
    plan = flow_of(run, flow)
    own = run.table("faults").filter((pl.col("flow") == flow) & pl.col("offset").is_not_null())
    if plan is not None:
        addresses = [each.address for each in run.plan.network.node(plan.sender).interfaces]
        own = own.filter(pl.col("src").is_in(addresses))
    return own.select("t_ns", "effect", seq_rel=pl.col("offset") + 1)


def draw_fault_marks(axes: Axes, faults: pl.DataFrame, divisor: float) -> None:
    """Draw a mark for each fault at the time when the segment came out of the bottleneck.

    ``divisor`` is the axis's unit in bytes.
    """
    for effect, (marker, words) in MARKS.items():
        own = faults.filter(pl.col("effect") == effect)
        if own.is_empty():
            continue
        axes.plot(
            own["t_ns"] / 1e9,
            own["seq_rel"] / divisor,
            linestyle="none",
            marker=marker,
            markersize=6,
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=1.1,
            label=words,
            zorder=5,
        )


def effects_on(
    segments: Sequence[Mapping[str, Any]], faults: Sequence[Mapping[str, Any]]
) -> dict[int, str]:
    """Return what faults did to ``segments`` (rows of ``packets`` at their sender, in order), by
    index; ``faults`` are rows of the table ``faults``.

    A fault acts where the bottleneck ends: on the last segment of its sequence number and length
    that had been sent by then.
    """
    found: dict[int, str] = {}
    for fault in faults:
        for index in range(len(segments) - 1, -1, -1):
            segment = segments[index]
            same = all(
                segment[name] == fault[name]
                for name in ("src", "src_port", "dst", "dst_port", "seq", "payload_bytes")
            )
            if same and segment["t_ns"] <= fault["t_ns"] and index not in found:
                found[index] = fault["effect"]
                break
    return found
