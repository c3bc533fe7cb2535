"""BBR's phases: STARTUP, DRAIN, PROBE_BW and PROBE_RTT from its gains, as ss reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.analysis.flowstates import PACED, sender_snapshots
from tcpexp.analysis.timeline import Phase, Timeline
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from tcpexp.analysis.timeline import Phase

#: cwnd in PROBE_RTT, segments (net/ipv4/tcp_bbr.c, bbr_cwnd_min_target).
PROBE_RTT_CWND = 4
#: It stays there for 200 ms at least (bbr_probe_rtt_mode_ms), counted from when so few are in
#: flight.
PROBE_RTT_LEAST_NS = 150_000_000


def is_bbr(control: str) -> bool:
    """Whether a congestion control paces by a model of the path, with phases of its own."""
    return control in PACED


def model_phases(
    timeline: Timeline, begin: int, end: int, run: RunData, flow: FlowPlan, connection: int
) -> list[Phase]:
    """Return BBR's phases from ``begin`` to ``end``.

    net/ipv4/tcp_bbr.c: bbr_high_gain 2.885 for both gains is STARTUP; pacing below 1/2 with the
    same cwnd gain DRAIN; cwnd gain 2 PROBE_BW; both gains 1 PROBE_RTT. A phase begins at the first
    snapshot that shows it and may have begun one snapshot earlier. PROBE_RTT is exact: it holds
    cwnd at four segments for 200 ms or a round trip, which the trace shows ACK by ACK.
    """
    own = (pl.col("connection") == connection) & pl.col("t_ns").is_between(begin, end)
    snapshots = sender_snapshots(run, flow).filter(own & pl.col("bbr_pacing_gain").is_not_null())
    step = _spacing(run, flow)
    found = [Phase(begin, end, "startup", "BBR begins in STARTUP")]
    for t_ns, pacing, window in snapshots.select(
        "t_ns", "bbr_pacing_gain", "bbr_cwnd_gain"
    ).iter_rows():
        name = phase_of_gains(float(pacing), float(window))
        if name not in (found[-1].name, "probe_rtt"):
            last = found[-1]
            found[-1] = Phase(last.from_ns, t_ns, last.name, last.rule, last.resolution_ns)
            found.append(
                Phase(t_ns, end, name, f"ss: pacing_gain {pacing:g}, cwnd_gain {window:g}", step)
            )
    return _insert(
        found,
        [
            Phase(low, high, "probe_rtt", "cwnd of 4 segments for 150 ms or more")
            for low, high in probe_rtt_spans(timeline, begin, end)
        ],
    )


def probe_rtt_spans(timeline: Timeline, begin: int, end: int) -> list[tuple[int, int]]:
    """Return (from, to) of the times between ``begin`` and ``end`` in which cwnd stood at four
    segments for at least 150 ms.

    A recovery that begins meanwhile takes it below four for a round trip
    (bbr_set_cwnd_to_recover_or_restore). Growth from below to four, as after a time-out, is no
    part of it.
    """
    low = np.concatenate([[False], timeline.cwnd <= PROBE_RTT_CWND, [False]])
    starts, stops = np.flatnonzero(low[1:] & ~low[:-1]), np.flatnonzero(low[:-1] & ~low[1:])
    spans = []
    for start, behind in zip(starts, stops, strict=True):
        fours = np.flatnonzero(timeline.cwnd[start:behind] == PROBE_RTT_CWND)
        if not fours.size:
            continue
        first = start + fours[0]
        since = int(timeline.force_ns[first - 1]) if first > 0 else int(timeline.row_ns[0])
        until = (
            int(timeline.force_ns[behind - 1])
            if behind < timeline.row_ns.size
            else int(timeline.row_ns[-1])
        )
        if begin <= since and until <= end and until - since >= PROBE_RTT_LEAST_NS:
            spans.append((since, until))
    return spans


def _insert(phases: list[Phase], others: list[Phase]) -> list[Phase]:
    """Return ``phases`` with ``others`` laid over them.

    A phase that goes on behind another one begins exactly there.
    """
    for other in others:
        cut: list[Phase] = []
        for present in phases:
            if present.from_ns < other.from_ns:
                cut.append(
                    Phase(
                        present.from_ns,
                        min(present.to_ns, other.from_ns),
                        present.name,
                        present.rule,
                        present.resolution_ns,
                    )
                )
            if present.to_ns > other.to_ns:
                later = present.from_ns > other.to_ns
                cut.append(
                    Phase(
                        max(present.from_ns, other.to_ns),
                        present.to_ns,
                        present.name,
                        present.rule,
                        present.resolution_ns if later else 0,
                    )
                )
        phases = sorted([*cut, other], key=lambda phase: phase.from_ns)
    return phases


def phase_of_gains(pacing: float, window: float) -> str:
    """Return the phase that a pair of gains belongs to."""
    if window > 2.5:
        return "startup" if pacing > 1 else "drain"
    return "probe_rtt" if window < 1.5 else "probe_bw"


def _spacing(run: RunData, flow: FlowPlan) -> int:
    """Return the planned distance of the sender's ss snapshots, ns."""
    found = [
        recorder.interval_ns
        for recorder in run.plan.recorders
        if recorder.kind == "ss" and recorder.node in (None, flow.sender) and recorder.interval_ns
    ]
    return int(found[0]) if found and found[0] else run.plan.duration_ns
