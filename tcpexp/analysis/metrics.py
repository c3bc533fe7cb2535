"""Tables to ``metrics.json``: the numbers of a run."""

from __future__ import annotations

from typing import Any

from tcpexp.analysis.capacity import measure_followed
from tcpexp.analysis.congestion import measure_congestion, measure_fairness
from tcpexp.analysis.flows import measure_flow
from tcpexp.analysis.labels import count_labels
from tcpexp.analysis.links import measure_faults
from tcpexp.analysis.sharing import measure_shares
from tcpexp.ingest.tshark import LABELS
from tcpexp.late import polars as pl
from tcpexp.store.rundata import RunData
from tcpexp.store.rundir import to_json_text, write_atomic

METRICS_SCHEMA = 1


def measure_run(run: RunData) -> dict[str, Any]:
    """Measure a run from its tables, write ``metrics.json`` and return what it holds
    (docs/reference/data.md).

    Times are ns, rates bit/s, RTTs ms, windows segments. What could not be measured is None, never
    0.
    """
    flows = run.plan.flows
    shares = measure_shares(run)
    metrics: dict[str, Any] = {
        "metrics_schema": METRICS_SCHEMA,
        "status": run.status,
        "end_ns": run.end_ns,
        "flows": {
            flow.name: {**measure_flow(run, flow), **measure_congestion(run, flow)}
            for flow in flows
        },
        "shares": shares,
        "jain_index": (shares["together"] or shares["whole"])["jain_index"] if flows else None,
        "fairness": measure_fairness(run),
        "queues": measure_queues(run),
        "connections": count_connections(run),
        "counters": counter_changes(run),
        "labels": count_labels(run, tuple(LABELS)),
        "links": [rate.as_dict() for rate in measure_faults(run)],
        "followed": [followed.as_dict() for followed in measure_followed(run)],
        "packets": dict(run.table("packets").group_by("capture").len().sort("capture").iter_rows()),
    }
    for name, share in shares["whole"]["share"].items():
        metrics["flows"][name]["share"] = share
    write_atomic(run.path / "metrics.json", to_json_text(metrics))
    return metrics


def measure_queues(run: RunData) -> list[dict[str, Any]]:
    """Return per direction of a shaped link: the queue's length (packets, bytes) over the samples,
    and who dropped how many from the first to the last.
    """
    result = []
    own = run.table("queues").filter(pl.col("qdisc") != "host")
    for (link, towards), rows in own.group_by("link", "towards", maintain_order=True):
        queue = rows.filter(pl.col("qdisc") == "queue")
        counters = pl.col("drops", "sent_packets", "ecn_mark")
        growth = (
            rows.sort("t_ns", maintain_order=True)
            .group_by("qdisc")
            .agg(counters.last() - counters.first())
        )
        by_name = {row["qdisc"]: row for row in growth.iter_rows(named=True)}
        result.append(
            {
                "link": link,
                "towards": towards,
                "samples": queue.height,
                "max_packets": queue["backlog_packets"].max(),
                "mean_packets": queue["backlog_packets"].mean(),
                "max_bytes": queue["backlog_bytes"].max(),
                "drops": by_name.get("queue", {}).get("drops"),
                "netem_drops": by_name.get("netem", {}).get("drops"),
                **({"policer_drops": by_name["policer"]["drops"]} if "policer" in by_name else {}),
                "ecn_marks": by_name.get("queue", {}).get("ecn_mark"),
                "sent_packets": by_name.get("queue", by_name.get("netem", {})).get("sent_packets"),
            }
        )
    return sorted(result, key=lambda row: (str(row["link"]), str(row["towards"])))


def count_connections(run: RunData) -> dict[str, int]:
    """Return how many connections were tried, carry no flow, were established, closed by FIN, reset
    and left open or half open.
    """
    rows = run.table("connections")
    made = rows.filter(pl.col("established_ns").is_not_null())
    return {
        "seen": rows.height,
        "without_flow": rows["flow"].null_count(),
        "established": made.height,
        "closed": made.filter(pl.col("end_ns").is_not_null() & pl.col("reset_by").is_null()).height,
        "reset": rows.filter(pl.col("reset_by").is_not_null()).height,
        "open_at_end": made.filter(pl.col("end_ns").is_null()).height,
        "never_established": rows.height - made.height,
        "syn_repeats": int((rows["syn_count"] - 1).clip(0).sum()),
        "synack_repeats": int((rows["synack_count"] - 1).clip(0).sum()),
    }


def counter_changes(run: RunData) -> dict[str, dict[str, int]]:
    """Return per node what each SNMP and TcpExt counter grew by between the first and the last
    sample; unchanged ones are left out.
    """
    rows = run.table("counters")
    deltas = rows.group_by("node", "counter").agg(
        change=pl.col("value").last() - pl.col("value").first()
    )
    result: dict[str, dict[str, int]] = {}
    for node, counter, change in (
        deltas.filter(pl.col("change") != 0).sort("node", "counter").iter_rows()
    ):
        result.setdefault(node, {})[counter] = change
    return result
