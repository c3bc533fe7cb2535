"""Which samples of a counter stand for a span of time.

A sample that is planned for a moment is read a little after it.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from tcpexp.ingest.ending import ended_early
from tcpexp.late import polars as pl
from tcpexp.store.rundata import RunData


def nearest(times_ns: Sequence[int], at_ns: int) -> int:
    """Return that of the ascending ``times_ns`` which lies closest to ``at_ns``, the earlier one of
    two.
    """
    index = bisect.bisect_left(times_ns, at_ns)
    around = times_ns[max(index - 1, 0) : index + 1]
    return min(around, key=lambda t_ns: abs(t_ns - at_ns))


def sampled_span(times_ns: Sequence[int], span: tuple[int, int]) -> tuple[int, int]:
    """Return the times of the two samples between which a growth in ``span`` was measured."""
    return nearest(times_ns, span[0]), nearest(times_ns, span[1])


def sample_times(run: RunData, node: str, rows: pl.DataFrame) -> list[int]:
    """Return when a node's counters were sampled: the table keeps only what changed, so the raw
    file's headings say it.
    """
    path = run.path / "raw" / "counters" / f"{node}.txt"
    if not path.is_file():
        return sorted(set(rows["t_ns"].to_list()))
    heads = (
        line for line in path.read_text(errors="replace").splitlines() if line.startswith("# t_ns=")
    )
    times = [int(line.removeprefix("# t_ns=")) for line in heads]
    return [at for at in times if at < run.end_ns] if ended_early(run) else times
