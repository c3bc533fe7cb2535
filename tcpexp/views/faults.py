"""What faults did to segments, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of, flow_of

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def fault_marks(run: RunData, flow: str) -> pl.DataFrame:
    """Return the faults that acted on data of a flow's sender: ``t_ns``, ``seq_rel`` (as the
    captures count, the first byte is 1), ``effect``.
    """
    plan = flow_of(run.plan, flow)
    own = run.table("faults").filter((pl.col("flow") == flow) & pl.col("offset").is_not_null())
    if plan is not None:
        own = own.filter(pl.col("src").is_in(addresses_of(run.plan, plan.sender)))
    return own.select("t_ns", "effect", seq_rel=pl.col("offset") + 1)


def effects_on(
    segments: Sequence[Mapping[str, Any]], faults: Sequence[Mapping[str, Any]]
) -> dict[int, str]:
    """Return what faults did to ``segments``, by index.

    ``segments`` are rows of ``packets`` at their sender, in order; ``faults`` are rows of the table
    ``faults``.

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


def fault_words(fault: dict[str, Any]) -> str:
    """Return what a row of the table ``faults`` says, such as ``drop data 20``."""
    return " ".join(
        str(fault[name]) for name in ("effect", "segment", "number") if fault[name] is not None
    )
