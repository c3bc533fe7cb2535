"""When a flow was active, and what it delivered meanwhile: computed here alone, with the interval
that is meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tcpexp.analysis.segments import data_segments
from tcpexp.late import polars as pl
from tcpexp.plan.flows import receiver_of
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import NANOSECONDS, RunData


@dataclass(frozen=True)
class Activity:
    """From a flow's first data segment sent to its last data that arrived, ns from t0;
    ``wire_bytes``: its data segments' frames that arrived.

    All that the flow delivered left and arrived within, so it is at most what every link on the way
    offered in this time. Where the sender was not captured, the first arrival stands for the first
    segment sent.
    """

    from_ns: int
    to_ns: int
    goodput_bytes: int
    wire_bytes: int

    @property
    def span_ns(self) -> int:
        """The length of the interval."""
        return self.to_ns - self.from_ns

    @property
    def goodput_bps(self) -> float | None:
        """First arrivals of payload over the interval; None for an interval without length."""
        return bits_per_second(self.goodput_bytes, self.span_ns)

    def as_dict(self) -> dict[str, Any]:
        """Return interval and rate by their names in ``metrics.json``."""
        return {
            "start_ns": self.from_ns,
            "end_ns": self.to_ns,
            "duration_s": self.span_ns / NANOSECONDS,
            "goodput_active_bps": self.goodput_bps,
        }


#: What ``Activity.as_dict`` says of a flow of which nothing arrived.
NEVER = dict.fromkeys(("start_ns", "end_ns", "duration_s", "goodput_active_bps"))


def activity_of(run: RunData, flow: FlowPlan) -> Activity | None:
    """Return when the flow was active, None when none of its data arrived before the end."""
    arrived, sent = (
        data_segments(run, flow, receiver_of(flow)),
        data_segments(run, flow, flow.sender),
    )
    if arrived.is_empty():
        return None
    begin = (arrived if sent.is_empty() else sent)["t_ns"]
    return Activity(
        int(begin[0]),
        int(arrived["t_ns"][-1]),
        goodput_bytes(run, [flow.name])[flow.name],
        int(arrived["frame_bytes"].sum()),
    )


def goodput_bytes(
    run: RunData, names: Iterable[str], span: tuple[int, int] | None = None
) -> dict[str, int]:
    """Return per flow how many payload bytes arrived for the first time, in the run or in the
    table's intervals that lie wholly within ``span``.
    """
    rows = run.table("throughput")
    if span is not None:
        rows = rows.filter(
            (pl.col("t_ns") >= span[0]) & (pl.col("t_ns") + pl.col("interval_ns") <= span[1])
        )
    sums = dict(rows.group_by("flow").agg(pl.col("goodput_bytes").sum()).iter_rows())
    return {name: int(sums.get(name, 0)) for name in names}


def bits_per_second(count: int, span_ns: int) -> float | None:
    """Return the rate of ``count`` bytes in ``span_ns``, None for no time at all."""
    return count * 8 * NANOSECONDS / span_ns if span_ns > 0 else None
