"""Which step's process opened a socket: the kernel's record of forks, and the engine's marks in it,
to a step per task.

A mark says "the last task that I forked is a process of this step". Forks of forks belong to the
same step. All numbers are the kernel's own, so that this holds in any namespace of process ids; a
number that is given again after its task's end belongs to the later fork.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Opener:
    """Who a task is to the run: a process of ``step``, its ``process``-th of all (None: the
    engine's own, such as a recorder of the sampler).
    """

    step: str | None
    process: int | None


def find_openers(
    forks: pl.DataFrame, marks: pl.DataFrame, asked: pl.DataFrame
) -> list[Opener | None]:
    """Return per row of ``asked`` (``order``, ``task``), which is in order, who the task was at
    that time; None for a task that is none of the run's.
    """
    began = _first_tasks(forks, marks)
    known: dict[int, Opener] = dict.fromkeys(marks["task"].to_list(), Opener(None, None))
    found: list[Opener | None] = []
    made = iter([*forks.select("order", "parent", "child").sort("order").iter_rows(), (None, 0, 0)])
    at, parent, child = next(made)
    for order, task in asked.select("order", "task").iter_rows():
        while at is not None and at < order:
            who = began.get(at) or known.get(parent)
            if who is not None:
                known[child] = who
            else:
                known.pop(child, None)
            at, parent, child = next(made)
        found.append(known.get(task))
    return found


def _first_tasks(forks: pl.DataFrame, marks: pl.DataFrame) -> dict[int, Opener]:
    """Return the forks, by their order, that made each step's processes."""
    by_parent: dict[int, list[int]] = defaultdict(list)
    for order, parent in forks.select("order", "parent").sort("order").iter_rows():
        by_parent[parent].append(order)
    began = {}
    for number, (order, task, step) in enumerate(
        marks.select("order", "task", "step").sort("order").iter_rows()
    ):
        before = by_parent[task]
        last = bisect_left(before, order) - 1
        if last >= 0:
            began[before[last]] = Opener(step, number)
    return began
