"""What a run will cost: wall time, memory and disk, by a rule (docs/concepts/speed.md) that
finished runs of the study correct.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcpexp.batch.cell import CellCost
    from tcpexp.plan.types import RunPlan

#: Measured (docs/concepts/speed.md): a run without packets, from its start to its tables, and an
#: idle second of the experiment, in wall seconds.
START_S = 5.0
IDLE_S_PER_S = 0.02
#: Packets, data and ACKs, that a run simulates, records and reads per wall second.
PACKETS_PER_S = 2500.0
#: Bytes on disk per packet, and at least: of the tables, and of a whole run.
TABLE_BYTES, TABLE_LEAST = 70.0, 120_000.0
RUN_BYTES, RUN_LEAST = 500.0, 4_000_000.0
METRICS_BYTES = 30_000.0
#: Memory of a run, guest and worker together, at least and per packet.
MEMORY_LEAST, MEMORY_PER_PACKET = 550e6, 4_000.0
#: Left to the rest of the machine.
MEMORY_SPARE = 1e9
FRAME_BITS = 1514 * 8
#: An ACK for every second segment, as delayed ACKs have it.
PACKETS_PER_SEGMENT = 1.5


@dataclass(frozen=True)
class Forecast:
    """The rule's figures for one run: packets, wall seconds, bytes kept, bytes of memory."""

    packets: float
    wall_s: float
    kept_bytes: float
    memory_bytes: float


def forecast_run(plan: RunPlan, keep: str) -> Forecast:
    """Return what the rule says of a run: the slowest link of the network, busy as long as any flow
    lasts.
    """
    duration_s = plan.duration_ns / 1e9
    rates = [
        way.rate_bps
        for link in plan.network.links
        for way in (link.forward, link.backward)
        if way.rate_bps
    ]
    spans = [
        (flow.start_ns, flow.until_ns or plan.duration_ns)
        for flow in plan.flows
        if flow.application == "iperf3"
    ]
    packets = min(rates, default=0) * _union_s(spans) / FRAME_BITS * PACKETS_PER_SEGMENT
    kept = {
        "metrics": METRICS_BYTES,
        "tables": METRICS_BYTES + max(TABLE_LEAST, TABLE_BYTES * packets),
        "runs": METRICS_BYTES + max(RUN_LEAST, RUN_BYTES * packets),
    }[keep]
    return Forecast(
        packets,
        START_S + IDLE_S_PER_S * duration_s + packets / PACKETS_PER_S,
        kept,
        MEMORY_LEAST + MEMORY_PER_PACKET * packets,
    )


def _union_s(spans: list[tuple[int, int]]) -> float:
    """Return how long at least one of the spans (ns) lasts, in seconds."""
    total, reached = 0, 0
    for start, end in sorted(spans):
        total += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return total / 1e9


@dataclass(frozen=True)
class Estimate:
    """What is left to do: wall seconds and bytes, and how many finished runs the rule was corrected
    by (0: the rule alone).
    """

    wall_s: float
    kept_bytes: float
    corrected_by: int


def estimate_rest(
    rest: Iterable[Forecast], done: Iterable[tuple[Forecast, CellCost]], at_once: int
) -> Estimate:
    """Return the estimate for ``rest``.

    ``done`` are finished runs with the rule's forecast and their ``cost``.
    """
    pairs = [(forecast, cost) for forecast, cost in done if cost.get("wall_s")]
    time_factor = disk_factor = 1.0
    if pairs:
        time_factor = sum(cost["wall_s"] for _, cost in pairs) / sum(
            forecast.wall_s for forecast, _ in pairs
        )
        disk_factor = sum(cost["kept_bytes"] for _, cost in pairs) / sum(
            forecast.kept_bytes for forecast, _ in pairs
        )
    wanted = list(rest)
    wall = (
        sum(forecast.wall_s for forecast in wanted)
        * time_factor
        / max(min(at_once, len(wanted)), 1)
    )
    return Estimate(wall, sum(forecast.kept_bytes for forecast in wanted) * disk_factor, len(pairs))


def jobs_that_fit(asked: int | None, largest_bytes: float) -> tuple[int, str | None]:
    """Return how many runs fit on this machine at a time (one per processor, and by memory), and a
    remark when memory is the limit.

    An ``asked`` number is taken as it is, with a remark when memory does not suffice for it.
    """
    processors = len(os.sched_getaffinity(0))
    by_memory = max(int((available_bytes() - MEMORY_SPARE) // largest_bytes), 1)
    need = (
        f"a run needs about {largest_bytes / 1e9:.1f} GB of memory, {available_bytes() / 1e9:.1f}"
        " GB are free"
    )
    if asked is not None:
        return asked, f"{need}: {asked} at a time may be too many" if asked > by_memory else None
    return min(processors, by_memory), (
        f"{need}: {by_memory} at a time" if by_memory < processors else None
    )


def available_bytes() -> float:
    """Return the memory that is free for use on this machine, in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES"))
