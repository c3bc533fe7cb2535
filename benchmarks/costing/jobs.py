"""What is measured: jobs that can be interleaved, each giving values for lines of the table."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from costing import tclink
from costing.cases import DELAY_MS, Case, bulk, handshake
from costing.places import Side
from costing.table import LINE_KEYS
from costing.watch import RunFailed, Watched, tcpexp_command, watch_command
from tcpexp.store.rundata import RunData

#: One value: ``line`` of the table, ``place``, ``value``, and what else is known of the run.
Value = dict[str, Any]
#: How long after its first SYN the run ends that shows when that SYN was sent, in virtual ms.
AFTER_SYN_MS = 2
HANDSHAKE_MS = 10_000
#: At 1 Gbit/s one flow fills a path of this one-way delay with the receive buffer that Linux gives.
SHORT_DELAY_MS = 5
SWEEP = Path(__file__).parent.parent / "sweep.py"
FULL_FRAME_BITS = 1514 * 8


@dataclass(frozen=True)
class Sizes:
    """How much is measured; ``quick`` is for trying the command out."""

    rounds: int = 3
    seconds: int = 20
    #: Virtual seconds of one flow by its rate in Mbit/s: long enough that its start weighs little.
    flow_seconds: Mapping[int, int] = field(default_factory=lambda: {10: 60, 100: 20, 1000: 10})
    memory_seconds: int = 60
    sweep_runs: int = 200
    quick: bool = False


QUICK = Sizes(
    rounds=1,
    seconds=3,
    flow_seconds={10: 3, 100: 2, 1000: 1},
    memory_seconds=5,
    sweep_runs=8,
    quick=True,
)


@dataclass(frozen=True)
class Job:
    """Something that gives values for ``lines``, on each place for which ``fits`` is true.

    ``once``: in the first round only, everywhere or on slow places.
    """

    name: str
    lines: tuple[str, ...]
    measure: Callable[[Side, Sizes], list[Value]]
    fits: Callable[[Side, Sizes], bool] = lambda side, sizes: side.ours
    once: Callable[[Side], bool] = lambda side: False


def run_spec(
    spec: str | Case, side: Side, *, memory: bool = False, extra: tuple[str, ...] = ()
) -> tuple[Watched, Value]:
    """Run specs in a folder that is thrown away; return what was seen, and what goes with a value.

    Raises:
        RunFailed: a run could not be made.
    """
    with tempfile.TemporaryDirectory(prefix="tcpexp-cost-") as name:
        folder = Path(name)
        path = spec if isinstance(spec, str) else str(spec.write(folder))
        argv = [*tcpexp_command(), "run", path, "--out", str(folder / "results"), *side.arguments]
        watched = watch_command([*argv, *extra], side, memory=memory)
        runs = sorted(folder.glob("results/*/*/plan.json"))
        about: Value = {"checks_failed": watched.exit_code == 1, "runs": len(runs)}
        return watched, about | (facts_of(RunData(runs[0].parent)) if len(runs) == 1 else {})


def facts_of(run: RunData) -> Value:
    """Return what a run recorded: packets of its busiest capture, first SYN, certificate."""
    syns = run.table("connections")["syn_ns"].drop_nulls().to_list()
    flows = (run.metrics.get("flows") or {}).values()
    return {
        "packets": max((run.metrics.get("packets") or {}).values(), default=0),
        "goodput_bps": sum(flow.get("goodput_bps") or 0 for flow in flows),
        "syn_ns": min(syns, default=None),
        "certificate": run.certificate.get("verdict"),
    }


def first_packet(side: Side, sizes: Sizes) -> list[Value]:
    """Measure from the command to the experiment's first SYN.

    tcpdump writes a capture in blocks, so the SYN is not seen in the file when it is sent. The spec
    is run once more with an end 2 ms of virtual time after it: when that guest says ``stop``, the
    SYN has just been sent.
    """
    if not side.ours:
        seen = tclink.measure_flow(10, DELAY_MS, queue_packets(10, DELAY_MS), 2)
        return [{"line": "first_packet", "value": seen["first_packet_s"]}]
    _, about = run_spec(handshake(HANDSHAKE_MS), side)
    if about["syn_ns"] is None:
        raise RunFailed("no SYN was recorded")
    end_ms = math.ceil(about["syn_ns"] / 1e6) + AFTER_SYN_MS
    watched, _ = run_spec(handshake(end_ms), side)
    stop_s = watched.reached_s("stop")
    if stop_s is None:
        raise RunFailed("the guest was not seen to stop")
    return [{"line": "first_packet", "value": stop_s}]


def shipped(name: str, side: Side, sizes: Sizes) -> list[Value]:
    """Run a shipped experiment; its guest alone where that is a line of the table too."""
    watched, about = run_spec(name, side)
    about["phases"] = watched.phases
    alone: Value = {"line": f"{name}_alone", "value": watched.guest_s(), **about}
    return [{"line": name, "value": watched.wall_s, **about}, alone]


def flow(line: str, case: Callable[[Sizes], Case], side: Side, sizes: Sizes) -> list[Value]:
    """Measure wall seconds per virtual second of a run's phase ``run``."""
    made = case(sizes)
    watched, about = run_spec(made, side)
    run_s = watched.phases.get("run")
    if run_s is None:
        raise RunFailed("the guest was not seen to run")
    return [{"line": line, "value": run_s / seconds_of(made), "run_s": run_s, **about}]


def seconds_of(case: Case) -> int:
    """Return the virtual seconds of a case made by :func:`costing.cases.bulk`."""
    return int(case.name.rpartition(", ")[2].removesuffix(" s"))


def rated(rate: int, side: Side, sizes: Sizes) -> list[Value]:
    """Measure one flow at a rate, captured at both ends."""
    seconds = sizes.flow_seconds[rate]
    delay_ms = DELAY_MS if rate < 1000 else SHORT_DELAY_MS
    line = f"flow_{rate}"
    if side.ours:
        return flow(line, lambda _: bulk(rate, seconds, delay_ms=delay_ms), side, sizes)
    seen = tclink.measure_flow(rate, delay_ms, queue_packets(rate, delay_ms), seconds)
    return [{"line": line, "value": seen["run_s"] / seconds, **seen}]


def queue_packets(rate_mbit: int, delay_ms: int) -> int:
    """Return one bandwidth-delay product in full frames."""
    return max(1, int(rate_mbit * 1e6 * 2 * delay_ms / 1e3 / FULL_FRAME_BITS))


def memory(side: Side, sizes: Sizes) -> list[Value]:
    """Measure the largest memory of a run at 10 Mbit/s, of all processes of its command."""
    watched, about = run_spec(bulk(10, sizes.memory_seconds), side, memory=True)
    parts = {kind: size / (1 << 30) for kind, size in watched.memory.items()}
    return [{"line": "memory", "value": sum(parts.values()), "parts_gib": parts, **about}]


def all_experiments(side: Side, sizes: Sizes) -> list[Value]:
    """Run all shipped experiments, two at a time."""
    watched, about = run_spec("experiments/", side, extra=("--jobs", "2"))
    return [{"line": "all_experiments", "value": watched.wall_s, **about}]


def sweep(side: Side, sizes: Sizes) -> list[Value]:
    """Let blocks of runs one at a time and two at a time alternate (benchmarks/sweep.py)."""
    with tempfile.TemporaryDirectory(prefix="tcpexp-cost-") as name:
        out = Path(name) / "sweep.json"
        block = max(2, min(10, sizes.sweep_runs // 4))
        sizing = ("--runs", str(sizes.sweep_runs), "--block", str(block), "--json", str(out))
        argv = [sys.executable, str(SWEEP), *sizing, *side.arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RunFailed(f"sweep.py ended with {done.returncode}:\n{done.stderr[-1500:]}")
        found = json.loads(out.read_text())
    return [{"line": "sweep", "value": found["speedup"], "rows": found["rows"]}]


def _fast(side: Side, sizes: Sizes) -> bool:
    return side.ours and not side.slow


def _worth_it(side: Side, sizes: Sizes) -> bool:
    """Return whether a long job is worth its time: the quick form leaves it out on slow places."""
    return side.ours and not (side.slow and sizes.quick)


def _any(side: Side, sizes: Sizes) -> bool:
    return True


def _slow(side: Side) -> bool:
    return side.slow


def _always(side: Side) -> bool:
    return True


def _shipped(name: str, **more: Any) -> Job:
    return Job(name, (name, f"{name}_alone"), partial(shipped, name), **more)


JOBS = (
    Job("first_packet", ("first_packet",), first_packet, _any),
    _shipped("handshake_teardown"),
    _shipped("dead_host"),
    _shipped("bbr_vs_cubic"),
    _shipped("impaired_download", fits=_worth_it, once=_slow),
    Job("flow_10", ("flow_10",), partial(rated, 10), _any),
    Job("flow_100", ("flow_100",), partial(rated, 100), _any),
    Job(
        "flow_1000",
        ("flow_1000",),
        partial(rated, 1000),
        lambda side, sizes: not side.slow,
    ),
    Job(
        "flows_16",
        ("flows_16",),
        partial(flow, "flows_16", lambda s: bulk(10, s.seconds, flows=16)),
    ),
    Job("nodes_8", ("nodes_8",), partial(flow, "nodes_8", lambda s: bulk(10, s.seconds, nodes=8))),
    Job("memory", ("memory",), memory),
    Job("sweep", ("sweep",), sweep, once=_always),
    Job("all_experiments", ("all_experiments",), all_experiments, _worth_it, once=_always),
)


def in_rounds(
    jobs: Sequence[Job], sides: Sequence[Side], sizes: Sizes
) -> Iterator[tuple[int, Job, Side]]:
    """Yield (round, job, place): each round goes through all, so that a busy minute hits all."""
    for turn in range(1, sizes.rounds + 1):
        for job in jobs:
            for side in sides:
                if job.fits(side, sizes) and (turn == 1 or not job.once(side)):
                    yield turn, job, side


def measure(job: Job, side: Side, sizes: Sizes, turn: int) -> list[Value]:
    """Measure one job at one place; a failure is a value too, without a number.

    Returns:
        A row per line, with the machine's load before and after.
    """
    before = os.getloadavg()[0]
    try:
        values = [value for value in job.measure(side, sizes) if value["line"] in LINE_KEYS]
    except (RunFailed, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or ""
        values = [{"line": job.lines[0], "value": None, "error": f"{error} {detail}".strip()}]
    loads = [before, os.getloadavg()[0]]
    return [{**value, "place": side.name, "round": turn, "load": loads} for value in values]
