"""Run one experiment from spec to report: the orchestration behind ``tcpexp run``, callable from
Python.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp import paths
from tcpexp.catalogue.reading import load_plan, load_spec
from tcpexp.errors import HostError, SpecError
from tcpexp.plan.types import RunPlan, to_json
from tcpexp.runs.execute import execute
from tcpexp.runs.options import RunOptions
from tcpexp.runs.preload import ImportsBeside
from tcpexp.runs.watcher import RunWatcher, SilentRunWatcher
from tcpexp.runs.where import (
    beside_spec,
    differences_from_record,
    open_place,
    placed,
    wanted_kernel,
)
from tcpexp.spec.source import Source
from tcpexp.store.rundir import RunDirectory

if TYPE_CHECKING:
    from tcpexp.runs.pipeline import RunOutcome

#: Less free space than this in the results folder is refused before the run.
LEAST_FREE_BYTES = 200 << 20


def run_experiment(
    spec: str | Path | Source,
    options: RunOptions | None = None,
    watcher: RunWatcher | None = None,
) -> RunOutcome:
    """Run one spec, by its name, in its file or as it was read, and return what came of it.

    A run that ends early keeps its raw data, is analysed as far as these go, and its manifest says
    where and why.

    Raises:
        SpecError: the spec is wrong.
        HostError: this machine lacks something, or the results folder cannot be written.
        RunError: the place failed before the engine could keep anything.
        DataError: what was recorded cannot be read back.
    """
    started = time.monotonic()
    options = options or RunOptions()
    watcher = watcher or SilentRunWatcher()
    given = spec if isinstance(spec, Source) else paths.find_spec(str(spec))
    options = dataclasses.replace(options, kernel=wanted_kernel(given, options))
    kind, place = open_place(options, watcher)
    with ImportsBeside() as imports, kind.slot() as slot:
        plan = compile_spec(given, options, slot)
        try:
            lacks = place.check(plan)
        except SpecError as error:
            raise beside_spec(error, given, options) from None
        if lacks:
            raise HostError(
                f"{plan.name} cannot run {kind.words}",
                missing=placed(lacks, given, options, plan),
            )
        results = usable_results_dir(options.out or paths.default_results_dir())
        run_dir = create_run(results, given, plan, place.name)
        if isinstance(given, Path):
            for words in differences_from_record(given, place):
                watcher.say(words)
        for note in plan.notes:
            watcher.say(f"note: {note}")
        watcher.starts(plan, place.name, run_dir.path)
        begun = time.monotonic()
        execute(place, plan, run_dir, options, watcher, imports)
        ended = time.monotonic()
    outcome = process(run_dir.path, watcher, figures=options.figures)
    timing = {
        "total_s": round(time.monotonic() - started, 3),
        "experiment_s": plan.duration_ns / 1e9,
        "start_s": round(begun - started, 3),
        "run_s": round(ended - begun, 3),
        **outcome.timing,
    }
    return dataclasses.replace(outcome, timing=timing)


def compile_spec(given: Path | Source, options: RunOptions, slot: int) -> RunPlan:
    """Return the plan of the spec that is given.

    Raises ``SpecErrors`` with all that is wrong with it.
    """
    return load_plan(
        given, overrides=options.overrides, seed=options.seed, slot=slot, folder=options.folder
    )


def spec_seed(spec: str | Path, options: RunOptions) -> int:
    """Return the seed of a spec's first run; raises ``SpecErrors``."""
    if options.seed is not None:
        return options.seed
    return load_spec(paths.find_spec(str(spec)), overrides=options.overrides).seed


def usable_results_dir(results: Path) -> Path:
    """Return ``results``, made if need be.

    Raises ``HostError`` when it cannot be written or the disk is full.
    """
    hint = "choose another folder with --out DIR"
    made = [folder for folder in (results, *results.parents) if not folder.exists()]
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results) as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        raise HostError(
            f"the results folder {results} cannot be written: {error.strerror}", hint=hint
        ) from None
    for folder in made:
        paths.give_one_to_user(folder)
    free = shutil.disk_usage(results).free
    if free < LEAST_FREE_BYTES:
        raise HostError(
            f"only {free >> 20} MiB are free in the results folder {results}",
            hint=f"free some space, or {hint}",
        )
    return results


def create_run(results: Path, given: Path | Source, plan: RunPlan, where: str) -> RunDirectory:
    """Return a new run directory that holds the spec as given and the resolved plan.

    Raises ``RunError``.
    """
    run_dir = RunDirectory.create(results.absolute(), plan.name, plan.seed, where)
    run_dir.write("spec.yaml", given.text if isinstance(given, Source) else given.read_bytes())
    run_dir.write("plan.json", to_json(plan))
    return run_dir


def process(run_dir: Path, watcher: RunWatcher, *, figures: bool = False) -> RunOutcome:
    """Analyse a recorded run and return the outcome.

    Raises ``DataError`` when its record is damaged.
    """
    from tcpexp.runs.pipeline import process_run

    return process_run(run_dir, lambda step: watcher.progress(step, None), figures=figures)
