"""Numbers of congestion control, from the derived tables: phases, loss events, delay, utilization,
convergence.
"""

from __future__ import annotations

from typing import Any

from tcpexp.analysis.activity import activity_of
from tcpexp.analysis.fairness import converged_at
from tcpexp.analysis.pathsteps import offered_to
from tcpexp.analysis.timeouts import measure_timeouts
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import NANOSECONDS, RunData

#: Flows have converged when Jain's index of a second reaches this and stays there for so long.
CONVERGED_INDEX = 0.9
CONVERGED_HOLD_NS = 2 * NANOSECONDS


def measure_congestion(run: RunData, flow: FlowPlan) -> dict[str, Any]:
    """Return one flow's numbers; what was not recorded is None."""
    return {
        "phases": _phases(run, flow),
        "loss_events": _loss_events(run, flow),
        "timeouts": measure_timeouts(run, flow),
        "delay": _delay(run, flow),
        "utilization": utilization(run, flow),
    }


def _phases(run: RunData, flow: FlowPlan) -> dict[str, Any] | None:
    """Return per phase how often and how long it was (s), its median growth per RTT, and how the
    first slow start ended.
    """
    rows = run.table("phases").filter(pl.col("flow") == flow.name)
    if rows.is_empty():
        return None
    grouped = rows.group_by("phase", maintain_order=True).agg(
        count=pl.len(),
        seconds=(pl.col("to_ns") - pl.col("from_ns")).sum() / NANOSECONDS,
        growth_per_rtt=pl.col("growth_per_rtt").median(),
    )
    result: dict[str, Any] = {row.pop("phase"): row for row in grouped.iter_rows(named=True)}
    slow = rows.filter(pl.col("phase") == "slow_start").sort("from_ns")
    result["first_slow_start_ended_by"] = slow["ended_by"][0] if slow.height else None
    return result


def _loss_events(run: RunData, flow: FlowPlan) -> dict[str, Any] | None:
    """Return how many loss events there were, by what they were noticed, and medians.

    None when the sender was not traced.
    """
    if run.table("flow_states").filter(pl.col("flow") == flow.name).is_empty():
        return None
    rows = run.table("loss_events").filter(pl.col("flow") == flow.name)
    lost = rows["lost_packets"]
    return {
        "count": rows.height,
        "spurious": int(rows["spurious"].sum()),
        "noticed_by": dict(
            rows.group_by(pl.col("noticed_by").fill_null("unknown"))
            .len()
            .sort("noticed_by")
            .iter_rows()
        ),
        "lost_packets": int(lost.sum()) if lost.null_count() == 0 else None,
        "backoff": rows["backoff"].median(),
        "notice_ms": _milliseconds(rows["notice_delay_ns"].median()),
        "repair_ms": _milliseconds(rows["repair_delay_ns"].median()),
    }


def _milliseconds(value: Any) -> float | None:
    return None if value is None else float(value) / 1e6


def _delay(run: RunData, flow: FlowPlan) -> dict[str, Any] | None:
    """Return one-way delay and queueing delay of a flow's data (ms), and how many packets came out
    of order; None without both ends.
    """
    own = (
        (pl.col("flow") == flow.name)
        & (pl.col("from_node") == flow.sender)
        & (pl.col("payload_bytes") > 0)
    )
    rows = run.table("journeys").filter(own & pl.col("delay_ns").is_not_null())
    if rows.is_empty():
        return None
    found: dict[str, Any] = {"packets": rows.height}
    for column, word in (("delay_ns", "delay"), ("queueing_ns", "queueing")):
        values = rows[column].drop_nulls().to_numpy()
        found |= {
            f"{word}_{name}_ms": float(np.quantile(values, point, method="nearest")) / 1e6
            if values.size
            else None
            for name, point in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
        }
    return {
        **found,
        "reordered": int((rows["reordered_by"] > 0).sum()),
        "reordered_by_max": rows["reordered_by"].max(),
    }


def utilization(run: RunData, flow: FlowPlan) -> float | None:
    """Return how much of what the slowest link on its way offered while the flow was active
    (:class:`Activity`) its data's frames filled; None without a rate.

    At most 1: the link's rate is summed over all changes and lists of rates, and every frame that
    is counted passed it in that time. Of MPTCP the links of all its subflows' ways count.
    """
    active = activity_of(run, flow)
    if active is None:
        return None
    offered = offered_to(run, flow, active.from_ns, active.to_ns)
    return active.wire_bytes * 8 / offered if offered else None


def measure_fairness(run: RunData) -> dict[str, Any]:
    """Return per receiving host with several flows: mean and least Jain's index, mean utilization,
    and how long flows took to converge.

    ``convergence_s`` is from the first moment at which the largest number of flows ran until Jain's
    index of a second was at least 0.9 and stayed there for 2 s; None when that never happened.
    """
    result: dict[str, Any] = {}
    for (towards,), rows in run.table("fairness").group_by("towards", maintain_order=True):
        most = rows.filter(pl.col("flows") == rows["flows"].max())
        begin = int(most["t_ns"].to_numpy().min())
        at = converged_at(rows, begin, CONVERGED_INDEX, CONVERGED_HOLD_NS)
        result[str(towards)] = {
            "jain_mean": rows["jain_index"].mean(),
            "jain_min": rows["jain_index"].min(),
            "utilization": rows["utilization"].mean(),
            "converged_ns": at,
            "convergence_s": None if at is None else (at - begin) / NANOSECONDS,
        }
    return result
