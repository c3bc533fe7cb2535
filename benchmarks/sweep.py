"""What does a sweep cost beside its runs, and how much faster are two at a time than one? Rates
side by side in one run.

    python benchmarks/sweep.py [--runs 200] [--block 10] [--workers 2] [--duration 3] [--on uml]
    [--kernel NAME] [--cheap] [--json FILE]

Blocks of runs one at a time and ``--workers`` at a time alternate, so that a noisy machine treats
both alike. Both go through the sweep's own coordinator and workers (Dask). Shown are, for each:
runs per minute, processor seconds per run (worker, guest and tshark together), the wall seconds of
a run in its worker, what the sweep adds (1 - wall seconds of all runs / (workers x wall seconds of
their blocks)), and what part of it the coordinator takes (processor seconds of the coordinating
process, which holds Dask's scheduler too).

``--runs`` counts the runs of both kinds together; on two processors 200 of them last some 3 minutes
in User-Mode Linux, 6 in QEMU. ``--cheap`` uses a place whose runs cost next to nothing: then the
figures are about the sweep alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sweeping.cheap import WORKPLACE as CHEAP

from tcpexp.batch.cell import CellResult, CellTask
from tcpexp.batch.workers import local_workers, run_tasks
from tcpexp.batch.workplace import GUEST
from tcpexp.studies.study import Study, StudyOptions, load_study

SPEC = """\
name: sweep_benchmark
title: A short run, many times
topology: two_host
links: {{h1-h2: {{rate: 10mbit, delay: 10ms, queue: 1bdp}}}}
duration: {duration}s
actions:
  - {{at: 200ms, do: iperf3, from: h1, to: h2, flow: bulk,
     congestion_control: cubic, until: {duration}s}}
sweep:
  parameters: {{cc: {{set: "actions[0].congestion_control", values: [cubic]}}}}
  repeat: {runs}
  measures: {{goodput: {{metric: flows.bulk.goodput_bps, unit: bit/s}}}}
"""


@dataclass
class Side:
    """All blocks of one kind: how many runs at a time, and what was seen."""

    at_once: int
    wall_s: list[float] = field(default_factory=list)
    results: list[CellResult] = field(default_factory=list)
    coordinator_s: float = 0.0
    per_block: int = 0

    @property
    def rate(self) -> float:
        """Runs per minute, over all blocks."""
        return 60 * len(self.results) / sum(self.wall_s)

    def row(self) -> dict[str, Any]:
        """Return what is printed."""
        costs = [result.cost for result in self.results]
        in_runs = sum(cost["wall_s"] for cost in costs)
        return {
            "at a time": self.at_once,
            "runs": len(costs),
            "runs/min": round(self.rate, 2),
            "median block": round(60 * self.per_block / median(self.wall_s), 2),
            "run wall s": round(in_runs / len(costs), 2),
            "run cpu s": round(sum(cost["processor_s"] for cost in costs) / len(costs), 2),
            "added %": round(100 * (1 - in_runs / (self.at_once * sum(self.wall_s))), 2),
            "coordinator %": round(100 * self.coordinator_s / sum(self.wall_s), 2),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 4 when a run failed."""
    options = parse_arguments(arguments)
    with tempfile.TemporaryDirectory(prefix="sweep-benchmark-") as folder:
        sides, failed = measure(options, Path(folder))
    rows = [side.row() for side in sides]
    print_rows(rows)
    speedup = sides[1].rate / sides[0].rate
    print(
        f"\n{sides[1].at_once} at a time: {speedup:.2f} times the rate of one at a time; load"
        f" {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors"
    )
    print(
        "memory of this process at its largest:"
        f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB; failed runs:"
        f" {failed}"
    )
    if options.json:
        costs = {side.at_once: [result.cost for result in side.results] for side in sides}
        options.json.write_text(
            json.dumps(
                {
                    "rows": rows,
                    "speedup": speedup,
                    "blocks": {s.at_once: s.wall_s for s in sides},
                    "costs": costs,
                },
                indent=1,
            )
            + "\n"
        )
    return 4 if failed else 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="sweep.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=200, help="runs of both kinds together (default 200)"
    )
    parser.add_argument("--block", type=int, default=10, help="runs per block (default 10)")
    parser.add_argument(
        "--workers", type=int, default=2, help="runs at a time in every other block (default 2)"
    )
    parser.add_argument(
        "--duration", type=int, default=3, help="virtual seconds of a run (default 3)"
    )
    parser.add_argument(
        "--on", default=GUEST, help="where the runs are made: guest (the better one), uml, qemu"
    )
    parser.add_argument("--kernel", help="with --on uml: another kernel than the one in use")
    parser.add_argument(
        "--cheap", action="store_true", help="a place whose runs cost next to nothing"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write rows and every run's cost there"
    )
    return parser.parse_args(arguments)


def measure(options: argparse.Namespace, folder: Path) -> tuple[tuple[Side, Side], int]:
    """Make all blocks, one kind after the other; return both sides and how many runs failed."""
    study = load(options, folder)
    kept = study.folder()
    kept.begin({"token": "benchmark"}, b"")
    tasks = (study.task_of(run, kept, "benchmark") for run in study.runs)
    sides = (Side(1, per_block=options.block), Side(options.workers, per_block=options.block))
    failed = 0
    with local_workers(1) as one, local_workers(options.workers) as several:
        # every worker warm: imports, template in memory
        for client, count in ((one, 1), (several, options.workers)):
            list(run_tasks(client, take(tasks, 2 * count), lambda: False, lambda task: None))
        for number in range(options.runs // options.block):
            side, client = (sides[0], one) if number % 2 == 0 else (sides[1], several)
            block = run_block(client, take(tasks, options.block), side)
            failed += sum(result.status != "complete" for result in block)
            print(
                f"sweep: block {number + 1} of {options.runs // options.block}, {side.at_once} at a"
                f" time: {side.wall_s[-1]:.1f} s",
                file=sys.stderr,
            )
    return sides, failed


def load(options: argparse.Namespace, folder: Path) -> Study:
    """Return the study; builds what the guest lacks."""
    spec = folder / "sweep_benchmark.yaml"
    spec.write_text(
        SPEC.format(duration=options.duration, runs=options.runs + 2 + 2 * options.workers)
    )
    return load_study(
        spec,
        StudyOptions(
            out=folder, workplace=CHEAP if options.cheap else options.on, kernel=options.kernel
        ),
    )


def take(tasks: Iterator[CellTask], count: int) -> Iterator[CellTask]:
    """Return the next ``count`` tasks."""
    return iter([next(tasks) for _ in range(count)])


def run_block(client: Any, tasks: Iterator[CellTask], side: Side) -> list[CellResult]:
    """Make a block of runs and note what it took."""
    began, used = time.monotonic(), processor_seconds()
    found = [result for _, result in run_tasks(client, tasks, lambda: False, lambda task: None)]
    side.wall_s.append(time.monotonic() - began)
    side.coordinator_s += processor_seconds() - used
    side.results += found
    return found


def processor_seconds() -> float:
    """Return the processor time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    heads = list(rows[0])
    widths = [max(len(head), *(len(str(row[head])) for row in rows)) for head in heads]
    for cells in (heads, *([str(row[head]) for head in heads] for row in rows)):
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
