"""BBR's phases: STARTUP, DRAIN, PROBE_BW and PROBE_RTT from its gains, as ss reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tcpexp.analysis.flowstates import PACED, sender_snapshots
from tcpexp.analysis.timeline import Timeline
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from tcpexp.analysis.phases import Phase

#: cwnd in PROBE_RTT, segments (net/ipv4/tcp_bbr.c, bbr_cwnd_min_target).
PROBE_RTT_CWND = 4


def is_bbr(control: str) -> bool:
    """Whether a congestion control paces by a model of the path, with phases of its own."""
    return control in PACED


def model_phases(timeline: Timeline, begin: int, end: int, run: RunData, flow: FlowPlan, port: int) -> list[Phase]:
    """Return BBR's phases from ``begin`` to ``end``.

    net/ipv4/tcp_bbr.c: bbr_high_gain 2.885 for both gains is STARTUP; pacing below 1/2 with the same cwnd gain DRAIN; cwnd gain 2 PROBE_BW; both
    gains 1 PROBE_RTT. A phase begins at the first snapshot that shows it and may have begun one snapshot earlier. PROBE_RTT is exact:
    cwnd of four segments, ACK by ACK.
    """
    from tcpexp.analysis.phases import Phase

    snapshots = sender_snapshots(run, flow).filter((pl.col("port") == port) & pl.col("t_ns").is_between(begin, end) & pl.col("bbr_pacing_gain").is_not_null())
    step = _spacing(run, flow)
    found = [Phase(begin, end, "startup", "BBR begins in STARTUP")]
    for t_ns, pacing, window in snapshots.select("t_ns", "bbr_pacing_gain", "bbr_cwnd_gain").iter_rows():
        name = phase_of_gains(float(pacing), float(window))
        if name != found[-1].name:
            last = found[-1]
            found[-1] = Phase(last.from_ns, t_ns, last.name, last.rule, last.resolution_ns)
            found.append(Phase(t_ns, end, name, f"ss: pacing_gain {pacing:g}, cwnd_gain {window:g}", step))
    return found


def phase_of_gains(pacing: float, window: float) -> str:
    """Return the phase that a pair of gains belongs to."""
    if window > 2.5:
        return "startup" if pacing > 1 else "drain"
    return "probe_rtt" if window < 1.5 else "probe_bw"


def _spacing(run: RunData, flow: FlowPlan) -> int:
    """Return the planned distance of the sender's ss snapshots, ns."""
    found = [each.interval_ns for each in run.plan.recorders if each.kind == "ss" and each.node in (None, flow.sender) and each.interval_ns]
    return int(found[0]) if found and found[0] else run.plan.duration_ns
