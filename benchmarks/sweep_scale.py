"""How large can a sweep be? The real coordinator and the real Dask scheduler, driven with runs that
cost nothing; and what that comes to at scale.

    python benchmarks/sweep_scale.py [--sizes 1000,10000] [--tasks 3000] [--json FILE]
    python benchmarks/sweep_scale.py --model 100000,500

The first form measures, each in a process of its own: what compiling costs per run and holds in
memory; how many tasks per second go through coordinator and scheduler, with tasks of no length and
plans of the usual size; what a look at the study's folder costs per run; what writing the tables
costs per run, and the memory at its largest; and the bytes of a run that travel. The second form
takes these figures (measured here and now for 1000 runs, or those of ``--from FILE``) and plays
runs on workers: a discrete-event model of one coordinator that takes its time for each task while
workers wait.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sweeping.cheap import WORKPLACE

SPEC = """\
name: scale
topology: two_host
links: {{h1-h2: {{rate: 10mbit, delay: 10ms, queue: 1bdp}}}}
duration: 10s
actions:
  - {{at: 200ms, do: iperf3, from: h1, to: h2, flow: bulk, congestion_control: cubic, until: 10s}}
sweep:
  parameters:
    rate: {{set: links.h1-h2.rate, range:
      {{from: 1mbit, to: 100mbit, steps: {cells}, scale: log, digits: 9}}}}
  repeat: {repeat}
  measures: {{goodput: {{metric: counters.h1.Tcp.OutSegs}}}}
"""


@dataclass
class Measured:
    """What one size of study costs the coordinator.

    Milliseconds and bytes per run unless said otherwise.
    """

    runs: int
    compile_ms: float = 0.0
    look_ms: float = 0.0
    task_ms: float = 0.0
    tables_ms: float = 0.0
    held_bytes: float = 0.0
    peak_mb: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure or model, and print."""
    options = parse_arguments(arguments)
    if options.part:
        print(json.dumps(PARTS[options.part](options.runs, Path(options.folder))))
        return 0
    if options.model:
        runs, cores = (int(word) for word in options.model.split(","))
        known = (
            json.loads(options.source.read_text())
            if options.source
            else measure_all([1000], options.tasks)
        )
        print_model(runs, cores, known)
        return 0
    found = measure_all([int(word) for word in options.sizes.split(",")], options.tasks)
    print_measured(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="sweep_scale.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sizes",
        default="1000,10000",
        help="runs of the studies that are measured (default 1000,10000)",
    )
    parser.add_argument(
        "--tasks",
        type=int,
        default=3000,
        help="tasks of no length for the rate of the scheduler (default 3000)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured there")
    parser.add_argument("--model", metavar="RUNS,CORES", help="play so many runs on so many cores")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="with --model: what was measured before",
    )
    for name in ("part", "folder"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


# --------------------------------------------------------------------------------------------------
# measured


def measure_all(sizes: list[int], tasks: int) -> dict[str, Any]:
    """Measure every part in a process of its own.

    Return the sizes' rows and the scheduler's figures.
    """
    rows = []
    for runs in sizes:
        with tempfile.TemporaryDirectory(prefix="sweep-scale-") as folder:
            row = Measured(runs)
            for part in ("compile", "look", "tables"):
                for name, value in apart(part, runs, folder).items():
                    setattr(
                        row, name, max(value, getattr(row, name)) if name == "peak_mb" else value
                    )
            rows.append(asdict(row))
    with tempfile.TemporaryDirectory(prefix="sweep-scale-") as folder:
        return {"rows": rows, "scheduler": apart("tasks", tasks, folder)}


def apart(part: str, runs: int, folder: str) -> dict[str, float]:
    """Measure one part in a process of its own."""
    print(f"sweep_scale: {part}, {runs} runs", file=sys.stderr)
    argv = [sys.executable, __file__, "--part", part, "--runs", str(runs), "--folder", folder]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def load(runs: int, folder: Path) -> Any:
    """Return the study of so many runs, ten of each combination."""
    from tcpexp.studies.study import StudyOptions, load_study

    spec = folder / "scale.yaml"
    spec.write_text(SPEC.format(cells=max(runs // 10, 2), repeat=min(runs, 10)))
    return load_study(spec, StudyOptions(out=folder, workplace=WORKPLACE, keep="metrics"))


def used_s() -> float:
    """Return the processor time of this process: on a busy machine a better measure than the
    wall's.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def memory_mb() -> float:
    """Return this process's resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mb() -> float:
    """Return this process's resident memory at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_compile(runs: int, folder: Path) -> dict[str, float]:
    """Expand and compile a study, then make every tenth task of it."""
    load(10, folder)
    before, began = memory_mb(), used_s()
    study = load(runs, folder)
    ended = used_s()
    kept = study.folder()
    some = study.runs[: max(runs // 10, 1)]
    for run in some:
        study.task_of(run, kept, "t")
    again = (used_s() - ended) / len(some)
    return {
        "compile_ms": 1e3 * ((ended - began) / runs + again),
        "held_bytes": (memory_mb() - before) * 2**20 / runs,
        "peak_mb": peak_mb(),
    }


def measure_look(runs: int, folder: Path) -> dict[str, float]:
    """Look for the finished runs of a study that has none, as a coordinator does when it starts and
    when it ends.
    """
    from tcpexp.studies.standing import standing_of

    study = load(runs, folder)
    began = used_s()
    standing_of(study, study.folder())
    return {"look_ms": 1e3 * (used_s() - began) / runs}


def measure_tables(runs: int, folder: Path) -> dict[str, float]:
    """Put finished runs into the folder, 200 numbers each, and write all tables."""
    from tcpexp.studies.tables import write_tables

    study = load(runs, folder)
    kept = study.folder()
    numbers = {f"flows.bulk.number_{index}": index / 7 for index in range(200)}
    row = {
        "status": "complete",
        "certificate": "VALID",
        "checks_passed": 3,
        "checks_failed": 0,
        "measured": {},
        "cost": {"wall_s": 3.0, "kept_bytes": 1.0},
    }
    for run in study.runs:
        made = folder / "made"
        made.mkdir()
        (made / "cell.json").write_text(
            json.dumps(
                {"key": run.key, **row, "metrics": {**numbers, "counters.h1.Tcp.OutSegs": run.seed}}
            )
        )
        kept.put(made, run.key)
    began = used_s()
    write_tables(study, kept)
    spent = used_s() - began
    shutil.rmtree(kept.path)
    return {"tables_ms": 1e3 * spent / runs, "peak_mb": peak_mb()}


def measure_tasks(count: int, folder: Path) -> dict[str, float]:
    """Send tasks of no length through coordinator and scheduler to two workers, as large as those
    of real runs.
    """
    from sweeping.nothing import do_nothing

    from tcpexp.batch import workers

    study = load(max(count // 100, 100), folder)
    kept = study.folder()
    task = study.task_of(study.runs[0], kept, "t")
    workers.run_cell = do_nothing  # the rest is as it is in a sweep
    tasks = (replace_key(task, number) for number in range(count))
    with workers.local_workers(2) as client:
        list(
            workers.run_tasks(
                client,
                (replace_key(task, -number) for number in range(1, 50)),
                lambda: False,
                lambda task: None,
            )
        )
        began, used = time.monotonic(), used_s()
        found = sum(1 for _ in workers.run_tasks(client, tasks, lambda: False, lambda task: None))
        wall, spent = time.monotonic() - began, used_s() - used
    return {
        "tasks": found,
        "per_s": found / wall,
        "coordinator_ms": 1e3 * spent / found,
        "task_bytes": float(len(task.plan)),
        "peak_mb": peak_mb(),
    }


def replace_key(task: Any, number: int) -> Any:
    """Return the task under another name."""
    import dataclasses

    return dataclasses.replace(task, key=f"{number:032d}")


PARTS = {
    "compile": measure_compile,
    "look": measure_look,
    "tables": measure_tables,
    "tasks": measure_tasks,
}


def print_measured(found: dict[str, Any]) -> None:
    """Print what was measured."""
    print(
        f"{'runs':>8} {'compile ms':>11} {'look ms':>8} {'tables ms':>10} {'held B':>8}"
        f" {'peak MB':>8}   (processor milliseconds per run)"
    )
    for row in found["rows"]:
        figures = (
            f"{row['compile_ms']:11.2f} {row['look_ms']:8.3f} {row['tables_ms']:10.2f}"
            f" {row['held_bytes']:8.0f} {row['peak_mb']:8.0f}"
        )
        print(f"{row['runs']:>8} {figures}")
    each = found["scheduler"]
    words = (
        f"{each['per_s']:.0f} tasks/s, {each['coordinator_ms']:.2f} ms of the coordinating process"
        f" each, plan of {each['task_bytes'] / 1e3:.0f} kB"
    )
    print(f"\nscheduler and coordinator with two workers: {words}")


# --------------------------------------------------------------------------------------------------
# model


def print_model(runs: int, cores: int, known: dict[str, Any]) -> None:
    """Print what so many runs on so many cores come to, for several lengths of run."""
    row = known["rows"][-1]
    service_ms = known["scheduler"]["coordinator_ms"] + row["compile_ms"] / 2
    start_s = runs * (row["compile_ms"] / 2 + row["look_ms"]) / 1e3
    end_s = runs * (row["tables_ms"] + row["look_ms"]) / 1e3
    print(
        f"{runs} runs on {cores} cores; the coordinator: {service_ms:.1f} ms per run, {start_s:.0f}"
        f" s before the first run, {end_s:.0f} s after the last"
    )
    print(f"{'run s':>6} {'hours':>7} {'workers busy %':>15} {'coordinator busy %':>19}")
    for length in (3.0, 10.0, 30.0, 100.0):
        made_s, busy, coordinator = play(runs, cores, length, service_ms / 1e3)
        print(
            f"{length:6.0f} {(start_s + made_s + end_s) / 3600:7.2f} {100 * busy:15.1f}"
            f" {100 * coordinator:19.1f}"
        )
    least = cores * service_ms / 1e3
    print(
        f"the coordinator is the limit for runs shorter than {least:.1f} s of wall time"
        f" ({1e3 / service_ms:.0f} runs/s)"
    )


def play(runs: int, cores: int, length_s: float, service_s: float) -> tuple[float, float, float]:
    """Play runs on cores with one coordinator; return the seconds, and how busy cores and
    coordinator were.

    The coordinator makes one task at a time, ``service_s`` each, and keeps three per core ahead in
    the scheduler's queue; a core that ends a run takes the next one from there, and the coordinator
    is asked for another. A run lasts ``length_s``, give or take a fifth.
    """
    dice = random.Random(1)
    events: list[tuple[float, str, int]] = []
    ahead = min(3 * cores, runs)
    for number in range(ahead):
        heapq.heappush(events, (service_s * (number + 1), "made", 0))
    free_at, asked = service_s * ahead, ahead
    ready, idle = 0, cores
    worked = now = 0.0
    while events:
        now, what, _ = heapq.heappop(events)
        if what == "made":
            ready += 1
        else:
            idle += 1
            if asked < runs:
                asked += 1
                free_at = max(free_at, now) + service_s
                heapq.heappush(events, (free_at, "made", 0))
        while ready and idle:
            ready, idle = ready - 1, idle - 1
            took = length_s * dice.uniform(0.8, 1.2)
            worked += took
            heapq.heappush(events, (now + took, "ended", 0))
    return now, worked / (cores * now), runs * service_s / now


if __name__ == "__main__":
    sys.exit(main())
