"""The parts of the benchmark as jobs that can be interleaved: each gives rows."""

from __future__ import annotations

import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from costing import arrangements
from costing.arrangements import busy_loops, printed_rows
from costing.cases import Case, bulk, growth_cases, handshake
from costing.rows import Row, row_of, run_case, run_in
from costing.saturation import climb
from costing.template import measure_template
from costing.watch import RunFailed

BUSY_LOOPS = 4
#: How long after the first SYN the run ends that is made to find the wall instant of that SYN, in ms of the experiment.
AFTER_SYN_MS = 2


@dataclass(frozen=True)
class Sizes:
    """How much is measured; ``quick`` is for trying the command out."""

    rounds: int = 3
    seconds: int = 10
    traffic_seconds: int = 10
    repeats: int = 20
    batch: int = 5
    rung_seconds: int = 4
    build: bool = True
    quick: bool = False


QUICK = Sizes(rounds=1, seconds=4, traffic_seconds=5, repeats=5, rung_seconds=3, quick=True)


@dataclass(frozen=True)
class Job:
    """Something measured ``times`` over; rounds go through all jobs, so that each sees the machine's good and bad minutes."""

    part: str
    name: str
    times: int
    measure: Callable[[], Iterable[Row]]


def plan_jobs(parts: str, sizes: Sizes) -> list[Job]:
    """Return the jobs of the parts asked for. Memory (c) is what the runs of the other parts take; alone, it runs those of (b)."""
    jobs: list[Job] = []
    if "a" in parts:
        jobs.append(Job("a", "handshake, 10 s, and the same up to its first SYN", sizes.rounds, measure_start))
    if "b" in parts or "c" in parts:
        jobs += [_case_job(case, sizes.rounds) for case in growth_cases(sizes.seconds)]
        jobs += [_case_job(handshake(seconds), sizes.rounds) for seconds in (10, 60, 240)]
    if "d" in parts:
        jobs.append(Job("d", "template", 1, lambda: measure_template(sizes.build)))
    if "e" in parts:
        for case in (arrangements.ours(sizes.traffic_seconds), arrangements.real_clock(sizes.traffic_seconds, 1)):
            jobs.append(Job("e", case.name, sizes.rounds, lambda case=case: measure_arrangement("e", case, 0)))  # type: ignore[misc]
    if "f" in parts:
        jobs += _spread_jobs(sizes)
    if "g" in parts:
        jobs.append(Job("g", "two runs side by side, and one after the other", sizes.rounds, lambda: measure_pair(sizes.seconds)))
    if "h" in parts:
        jobs.append(Job("h", "full frames, then small ones, faster and faster", 1, lambda: climb(sizes.rung_seconds, quick=sizes.quick)))
    return jobs


def in_rounds(jobs: list[Job]) -> Iterator[tuple[int, Job]]:
    """Yield (round, job) until every job has had its times, going round."""
    for number in range(max((job.times for job in jobs), default=0)):
        for job in jobs:
            if number < job.times:
                yield number + 1, job


def _case_job(case: Case, times: int) -> Job:
    return Job("b", case.name, times, lambda: [run_case("b", case)])


def measure_start() -> Iterator[Row]:
    """Run the handshake to its end; then the same spec, cut 2 ms after its first SYN, whose ``stop`` shows when that SYN was sent."""
    case = handshake(10)
    whole = run_case("a", case)
    yield whole
    if whole["syn_clock_s"] is not None:
        end_ms = math.ceil(whole["syn_clock_s"] * 1e3) + AFTER_SYN_MS
        cut = Case("handshake, up to its first SYN", case.text.replace("duration: 10s", f"duration: {end_ms}ms"), arguments=case.arguments)
        yield run_case("a", cut)


def _spread_jobs(sizes: Sizes) -> list[Job]:
    jobs = []
    seconds = sizes.traffic_seconds
    case, real = arrangements.ours(seconds), arrangements.real_clock(seconds, sizes.batch)
    batches = math.ceil(sizes.repeats / (sizes.batch if real.name == arrangements.STOCK else 1))
    for loops in (0, BUSY_LOOPS):
        beside = f", beside {loops} busy loops" if loops else ""
        jobs.append(Job("f", f"{case.name}{beside}", sizes.repeats, lambda loops=loops: measure_arrangement("f", case, loops)))  # type: ignore[misc]
        jobs.append(Job("f", f"{real.name}{beside}", batches, lambda loops=loops: measure_arrangement("f", real, loops)))  # type: ignore[misc]
    seeds = iter(range(2, sizes.repeats + 2))
    jobs.append(Job("f", f"{case.name}, other seeds", sizes.repeats, lambda: measure_arrangement("f", case, 0, seed=next(seeds))))
    return jobs


def measure_arrangement(part: str, case: Case, loops: int, seed: int | None = None) -> list[Row]:
    """Run one arrangement beside busy loops; one row per network, with what the script in it measured."""
    if seed is not None:
        case = replace(case, arguments=(*case.arguments, "--seed", str(seed)))
    with tempfile.TemporaryDirectory(prefix="tcpexp-cost-") as name, busy_loops(loops):
        watched, _ = run_in(Path(name), case)
        whole = row_of(part, case, watched, loops=loops, seed=seed)
        return [{**whole, **measured} for measured in printed_rows(watched.run_dir)]


def measure_pair(seconds: int) -> list[Row]:
    """Run the same case twice one after the other, then twice at once."""
    case = bulk(10, 1, seconds)
    alone = [run_case("g", case, mode="one after the other") for _ in range(2)]
    together: list[Row] = []
    threads = [threading.Thread(target=lambda: together.append(run_case("g", case, mode="side by side"))) for _ in range(2)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both = time.monotonic() - began
    if len(together) < 2:
        raise RunFailed("one of two runs side by side failed")
    pair = {"part": "g", "case": "pair", "serial_s": sum(row["wall_s"] for row in alone), "parallel_s": both, "processors": os.cpu_count()}
    return [*alone, *together, pair]
