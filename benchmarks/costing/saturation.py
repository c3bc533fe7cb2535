"""How many packets the guest's processor can take: raise the rate until the certificate says that it was too busy."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from costing.cases import bulk
from costing.rows import Row, processor_of, row_of, run_in
from tcpexp.store.rundata import RunData

#: Mbit/s for full frames, and for frames that carry few bytes each.
FULL_RATES = (50, 100, 200, 400, 600, 800)
SMALL_RATES = (10, 20, 40, 80, 160)
#: Of these, the ones that the quick form takes.
QUICK_RATES = (20, 80, 100, 160, 400, 800)
SMALL_MSS = 256
BUSY_LIMIT = 0.80


def climb(seconds: int, *, quick: bool) -> Iterator[Row]:
    """Yield a row per rate, for full frames and for small ones, each up to the first rate at which the processor is SUSPECT."""
    for frames, rates, mss in (("full frames", FULL_RATES, None), (f"MSS {SMALL_MSS}", SMALL_RATES, SMALL_MSS)):
        for rate in rates:
            if quick and rate not in QUICK_RATES:
                continue
            row = measure_rung(frames, rate, mss, seconds)
            yield row
            if row["processor"] == "suspect":
                break


def measure_rung(frames: str, rate: int, mss: int | None, seconds: int) -> Row:
    """Run one rate and return its row, with packets per second and the processor's share in the run's second half."""
    case = bulk(rate, 1, seconds, mss=mss, tag="cost_load")
    with tempfile.TemporaryDirectory(prefix="tcpexp-cost-") as name:
        watched, run = run_in(Path(name), case)
        busiest, verdict = processor_of(run.certificate)
        steady = steady_state(run, seconds)
        return row_of("h", case, watched, frames=frames, rate_mbit=rate, busiest=busiest, processor=verdict, **steady)


def steady_state(run: RunData, seconds: int) -> dict[str, Any]:
    """Return packets per second (both directions, as the sender's interface saw them) and busy share between half time and 0.1 s before the end."""
    first, last = seconds * 5e8, seconds * 1e9 - 1e8
    packets = run.table("packets").filter((pl.col("capture") == "h1-eth0") & pl.col("t_ns").is_between(first, last)).height
    length = pl.col("t_ns").diff()
    cpu = run.table("cpu").with_columns(length=length).filter((pl.col("t_ns") > first) & (pl.col("t_ns") <= seconds * 1e9 + 5e7)).drop_nulls()
    samples = cpu.select("busy", "length").rows()
    work, whole = sum(busy * span for busy, span in samples), sum(span for _, span in samples)
    return {"pps": packets / ((last - first) / 1e9), "busy": work / whole if whole else None}


def crossing(points: list[tuple[float, float]], limit: float = BUSY_LIMIT) -> tuple[float, bool] | None:
    """Return the packet rate at which the busy share reaches ``limit``, and whether it was reached at all.

    ``points`` are (packets per second, busy share) in the order of the rates asked for; an idle guest, (0, 0), comes before them. Between
    two points the line is straight. When all lie below the limit, the last two are drawn out and the second value is False.
    """
    line = [(0.0, 0.0), *points]
    pairs = list(itertools.pairwise(line))
    for (pps_a, busy_a), (pps_b, busy_b) in pairs:
        if busy_a <= limit < busy_b:
            return pps_a + (limit - busy_a) / (busy_b - busy_a) * (pps_b - pps_a), True
    if not pairs:
        return None
    (pps_a, busy_a), (pps_b, busy_b) = pairs[-1]
    if busy_b <= busy_a:
        return None
    return pps_b + (limit - busy_b) / (busy_b - busy_a) * (pps_b - pps_a), False
