"""Say where the time after a run goes: wall and processor time of each step.

python benchmarks/after_run.py RUN ... [--times 3]

Each RUN is copied, and everything that follows from its ``raw/`` is made again in a Python of its
own, as ``tcpexp report`` does it: first the imports, each module where it is first needed, then
the steps. Of several times the one with the least processor time is printed, with the machine's
load at its end.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Costs = tuple[float, float, float]


def now() -> Costs:
    """Return wall time, our processor time, and that of children that ended, in seconds."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return time.monotonic(), own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


def steps(run: Path) -> dict[str, Callable[[], object]]:
    """Return what is done after a run, in order, by name."""
    from tcpexp.runs.preload import WITH_THREADS, WITHOUT_THREADS
    from tcpexp.store.manifest import NAME, refresh_manifest, verify
    from tcpexp.store.rundata import RunData

    data = RunData(run)
    whole = (run / NAME).is_file()

    def call(reference: str) -> Callable[[], object]:
        module, _, name = reference.partition(":")
        return lambda: getattr(importlib.import_module(module), name)(data)

    found: dict[str, Callable[[], object]] = {}
    if whole:
        found["verify the manifest"] = lambda: verify(run, recorded_only=True)
    for name in (*WITH_THREADS, *WITHOUT_THREADS):
        found[f"import {name}"] = lambda name=name: importlib.import_module(name)
    found["read the template"] = lambda: importlib.import_module(
        "tcpexp.report.page.write"
    ).template()
    found["read raw data"] = lambda: importlib.import_module("tcpexp.ingest.ingest").ingest_run(run)
    found["derived tables"] = call("tcpexp.analysis.derive:derive_tables")
    found["metrics"] = call("tcpexp.analysis.metrics:measure_run")
    found["certificate"] = call("tcpexp.analysis.certificate:certify_run")
    found["checks"] = call("tcpexp.checks.run:check_run")
    found["the page's figures"] = call("tcpexp.report.page.pagefigures:page_figures")
    found["panels"] = call("tcpexp.report.panels.build:panel_data")
    found["page, with both again"] = call("tcpexp.report.page.write:write_report")
    if whole:
        found["manifest"] = lambda: refresh_manifest(run)
    return found


def measure(run: Path) -> list[tuple[str, Costs]]:
    """Do everything once and return what each step cost, the start of Python first."""
    rows = [("start Python", (0.0, *now()[1:]))]
    for name, act in steps(run).items():
        before = now()
        act()
        rows.append((name, difference(before, now())))
    return rows


def difference(before: Costs, after: Costs) -> Costs:
    """Return what was spent between two moments."""
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


def measured(run: Path, times: int) -> list[tuple[str, Costs]]:
    """Return the cheapest of several measurements of a copy, each in a Python of its own."""
    found = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / run.parent.name / run.name
            shutil.copytree(run, copy, ignore=shutil.ignore_patterns("figures"))
            command = [sys.executable, __file__, "--one", str(copy)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append([(name, tuple(costs)) for name, costs in json.loads(done.stdout)])
    return min(found, key=lambda rows: sum(costs[1] + costs[2] for _, costs in rows))


def table(run: Path, rows: list[tuple[str, Costs]]) -> str:
    """Return the steps that took a hundredth of a second, and the sum of all."""
    lines = [f"{run.parent.name}/{run.name}", f"{'':34}{'wall s':>8}{'here s':>8}{'others s':>9}"]
    total = tuple(sum(costs[at] for _, costs in rows) for at in range(3))
    shown = [row for row in rows if max(row[1]) >= 0.01]
    for name, (wall, here, others) in [*shown, ("all", total)]:
        lines.append(f"{name:34}{wall:8.2f}{here:8.2f}{others:9.2f}")
    return "\n".join(lines)


def main() -> None:
    """Measure each run and print its table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    options.add_argument("--times", type=int, default=3)
    options.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        print(json.dumps(measure(given.runs[0])))
        return
    for run in given.runs:
        print(table(run, measured(run, given.times)))
    print(f"load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} processors")


if __name__ == "__main__":
    main()
