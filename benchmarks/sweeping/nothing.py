"""A run that takes no time, for the rate of the scheduler."""

from __future__ import annotations

from tcpexp.batch.cell import CellResult, CellTask


def do_nothing(task: CellTask) -> CellResult:
    """Answer as a finished run does."""
    cost = {
        "wall_s": 3.0,
        "processor_s": 3.0,
        "recorded_bytes": 100_000,
        "kept_bytes": 100_000,
        "host": "host",
        "pid": 1,
    }
    return CellResult(task.key, "complete", cost=cost)
