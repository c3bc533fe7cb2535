"""Throughput to the table ``fairness``: Jain's index and the bottleneck's utilization over time,
and when flows converged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.links import Epoch, find_rate_epochs
from tcpexp.analysis.offered import offered_before_arrival
from tcpexp.analysis.sharing import Direction, find_directions
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.record.tables import THROUGHPUT_INTERVAL_NS as STEP_NS
from tcpexp.store.frames import conform, empty_frame
from tcpexp.store.rundata import NANOSECONDS, RunData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[Any]

#: How many intervals of the table ``throughput`` make an interval of ``fairness``.
STEPS = 10


def build_fairness(run: RunData) -> pl.DataFrame:
    """Return the ``fairness`` table: sliding means of 1 s for every direction that at least two
    flows share.
    """
    epochs = find_rate_epochs(run)
    parts = [
        _of(run, direction, epochs)
        for direction in find_directions(run.plan)
        if len(direction.flows) > 1
    ]
    parts = [part for part in parts if part.height]
    return conform(pl.concat(parts), "fairness") if parts else empty_frame("fairness")


def _of(run: RunData, direction: Direction, epochs: Sequence[Epoch]) -> pl.DataFrame:
    flows = direction.flows
    whole = (pl.col("interval_ns") == STEP_NS) & pl.col("flow").is_in(list(direction.names))
    rows = run.table("throughput").filter(whole)
    if rows.is_empty():
        return empty_frame("fairness")
    good, wire = (_matrix(rows, flows, column) for column in ("goodput_bytes", "wire_bytes"))
    begin = int(rows["t_ns"].to_numpy().min())
    running = _sliding(_running(good), np.min)
    sums = _sliding(good, np.sum) * running
    count = running.sum(axis=1)
    squares = (sums**2).sum(axis=1) * count
    usable = (count >= 2) & (squares > 0)
    times = begin + np.arange(sums.shape[0]) * STEP_NS
    length_s = STEP_NS * STEPS / NANOSECONDS
    offered = offered_before_arrival(epochs, direction.shared, times, STEP_NS * STEPS)
    carried = _carried(
        (_sliding(wire, np.sum) * running).sum(axis=1) * 8, offered, _largest_frame(rows) * 8
    )
    frame = pl.DataFrame(
        {
            "t_ns": times,
            "interval_ns": np.full(times.size, STEP_NS * STEPS),
            "towards": [direction.towards] * times.size,
            "flows": count.astype(np.int64),
            "jain_index": np.divide(
                sums.sum(axis=1) ** 2, squares, out=np.zeros(times.size), where=usable
            ),
            "goodput_bps": sums.sum(axis=1) * 8 / length_s,
            "utilization": pl.Series(
                np.divide(carried, offered, out=np.full(times.size, np.nan), where=offered > 0)
            ).fill_nan(None),
        }
    )
    return conform(frame.filter(pl.Series(usable)), "fairness")


def _largest_frame(rows: pl.DataFrame) -> float:
    """Return the largest mean size of an interval's frames, bytes."""
    size = (
        rows.filter(pl.col("packets") > 0)
        .select((pl.col("wire_bytes") / pl.col("packets")).max())
        .item()
    )
    return float(size or 0)


def _carried(arrived: Matrix, offered: Matrix, frame: float) -> Matrix:
    """Return the bits that were sent within each interval: of the first frame to arrive a part had
    been sent before, which does not count.
    """
    result: Matrix = np.where((arrived > offered) & (arrived - offered <= frame), offered, arrived)
    return result


def _matrix(rows: pl.DataFrame, flows: Sequence[FlowPlan], column: str) -> Matrix:
    """Return ``column`` per interval of 100 ms (rows) and flow (columns), from the first interval
    of any to the last.
    """
    slot = ((rows["t_ns"] - rows["t_ns"].min()) // STEP_NS).to_numpy()
    index = {flow.name: number for number, flow in enumerate(flows)}
    result = np.zeros((int(slot.max()) + 1, len(flows)))
    np.add.at(
        result,
        (slot, rows["flow"].replace_strict(index, return_dtype=pl.Int64).to_numpy()),
        rows[column].to_numpy(),
    )
    return result


def _running(good: Matrix) -> Matrix:
    """Return 1 in the intervals from a flow's first goodput to its last, else 0."""
    busy = good > 0
    started = np.maximum.accumulate(busy, axis=0)
    goes_on = np.maximum.accumulate(busy[::-1], axis=0)[::-1]
    result: Matrix = (started & goes_on).astype(float)
    return result


def _sliding(values: Matrix, reduce: Any) -> Matrix:
    """Return ``reduce`` over each ``STEPS`` neighbouring rows; no rows when there are fewer."""
    if values.shape[0] < STEPS:
        return values[:0]
    result: Matrix = reduce(
        np.lib.stride_tricks.sliding_window_view(values, STEPS, axis=0), axis=-1
    )
    return result


def converged_at(fairness: pl.DataFrame, begin_ns: int, index: float, hold_ns: int) -> int | None:
    """Return when Jain's index first reached ``index`` at or after ``begin_ns`` and kept it for
    ``hold_ns``; None when it never did.

    ``fairness`` is the table of one receiving host. The time is the end of the first 1 s interval
    that counts.
    """
    rows = fairness.filter(pl.col("t_ns") >= begin_ns).sort("t_ns")
    times, good = rows["t_ns"].to_numpy(), rows["jain_index"].to_numpy() >= index
    bad = np.flatnonzero(~good)
    starts = (
        np.flatnonzero(good & np.concatenate([[True], ~good[:-1]]))
        if good.size
        else np.zeros(0, dtype=np.int64)
    )
    for start in starts:
        position = np.searchsorted(bad, start)
        end = times[bad[position]] if position < bad.size else times[-1] + STEP_NS
        if end - times[start] >= hold_ns:
            return int(times[start]) + STEP_NS * STEPS
    return None
