"""Make one run of a study, in a worker: from its plan to a finished folder that is moved into place
in one step.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import resource
import shutil
import socket
import tempfile
import time
from pathlib import Path

from tcpexp.batch.cell import CellResult, CellRow, CellTask
from tcpexp.batch.folder import CELL, StudyFolder, pack
from tcpexp.batch.measure import flatten_metrics, measure_table
from tcpexp.batch.workplace import load_workplace, require_identity
from tcpexp.errors import HostError, RunError, TcpexpError
from tcpexp.paths import cache_dir
from tcpexp.places.image.scratch import clean_leftovers, scratch_dir, scratch_prefix
from tcpexp.plan.types import RunPlan, from_json
from tcpexp.runs.execute import execute
from tcpexp.runs.options import RunOptions
from tcpexp.runs.pipeline import RunOutcome, process_numbers, process_run
from tcpexp.spec.study import TableMeasure
from tcpexp.store.frames import read_table
from tcpexp.store.manifest import read_manifest
from tcpexp.store.rundir import (
    RunDirectory,
    sync_tree,
    to_json_text,
    without_sync,
    write_atomic,
)


def run_cell(task: CellTask) -> CellResult:
    """Make the run and put it into the study's folder; a run that is there already is not made
    again.

    A run that fails is put among the failed ones; this never raises for it. Raises ``HostError``
    when this worker is not like the one that began the study.
    """
    folder = StudyFolder(Path(task.folder))
    shared = folder.is_study(task.token)
    if shared and folder.has(task.key):
        return CellResult(task.key, "complete", cost=folder.read_cell(task.key).get("cost", {}))
    workplace = load_workplace(task.workplace)
    needed = workplace.fit(task.identity)
    if needed is not None and (address := _worker_address()) is not None:
        return CellResult(
            task.key,
            "not run",
            f"there is no {' '.join(needed)}",
            needs=(*needed, address, f"{socket.gethostname()}:{cache_dir()}"),
        )
    _tidy()
    require_identity(
        _identity(task.workplace, tuple(sorted(task.identity.items()))),
        task.identity,
        socket.gethostname(),
    )
    with (
        folder.scratch(task.key, shared=shared) as scratch,
        tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=scratch_dir()) as here,
    ):
        made = scratch / "cell"
        made.mkdir()
        with without_sync():
            # on a disk of this machine; what is kept is moved to the study's
            row = _attempt(task, Path(here), made)
        if not made.is_dir():
            raise RunError(
                "the run's folder was removed: its coordinator has ended, and another one has begun"
            )
        sync_tree(made)
        write_atomic(made / CELL, to_json_text(row))
        failed = row["status"] != "complete"
        result = CellResult(task.key, row["status"], row["error"], row["cost"])
        if not shared:
            return dataclasses.replace(result, archive=pack(made))
        folder.put(made, task.key, failed=failed)
        return result


@functools.cache
def _identity(workplace: str, asked: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return a workplace's identity with the parts that a study asks for, computed once in the life
    of a worker.
    """
    made = load_workplace(workplace)
    made.fit(dict(asked))
    return made.identity()


@functools.cache
def _tidy() -> None:
    """Remove, once in the life of a worker, what killed workers of this machine left in its scratch
    folder.
    """
    clean_leftovers()


def _worker_address() -> str | None:
    """Return the address of the Dask worker that runs this, None outside of one."""
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return None


def _attempt(task: CellTask, scratch: Path, made: Path) -> CellRow:
    """Make the run, keep of it what is asked, and return ``cell.json``."""
    started, used = time.monotonic(), _processor_seconds()
    row: CellRow = {
        "key": task.key,
        "label": task.label,
        "identity": task.identity,
        "status": "failed",
        "error": None,
    }
    run_dir: RunDirectory | None = None
    try:
        plan = from_json(task.plan, RunPlan)
        row["seed"] = plan.seed
        run_dir = _prepare(task, scratch, plan)
        outcome = _perform(task, plan, run_dir)
        _note_numbers(row, task, outcome)
        size = _size(run_dir.path)
        _keep(task, run_dir, made, failed=outcome.status != "complete")
    except TcpexpError as error:
        row["error"] = str(error)
        size = _size(run_dir.path) if run_dir is not None else 0
        if run_dir is not None:
            shutil.move(str(run_dir.path), made / "run")
    wall = time.monotonic() - started
    row["cost"] = {
        "wall_s": round(wall, 3),
        "processor_s": round(_processor_seconds() - used, 3),
        "recorded_bytes": size,
        "kept_bytes": _size(made),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    return row


def _prepare(task: CellTask, scratch: Path, plan: RunPlan) -> RunDirectory:
    run_dir = RunDirectory.create(
        scratch / "runs", plan.name, plan.seed, load_workplace(task.workplace).open().name
    )
    run_dir.write("spec.yaml", task.spec)
    run_dir.write("plan.json", task.plan)
    return run_dir


def _perform(task: CellTask, plan: RunPlan, run_dir: RunDirectory) -> RunOutcome:
    workplace = load_workplace(task.workplace)
    workplace.fit(task.identity)
    place = workplace.open()
    lacks = place.check(plan)
    if lacks:
        raise HostError(
            f"the worker on {socket.gethostname()} cannot run {plan.name}", missing=lacks
        )
    execute(
        place,
        plan,
        run_dir,
        RunOptions(clock="virtual", command=("tcpexp", "sweep")),
        _TimeLimit(task.limit_s),
    )
    return process_run(run_dir.path) if task.keep == "runs" else process_numbers(run_dir.path)


class _TimeLimit:
    """A ``RunWatcher`` that ends a run after so many seconds of wall time; says nothing."""

    def __init__(self, limit_s: float | None) -> None:
        self._deadline = None if limit_s is None else time.monotonic() + limit_s

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Say nothing."""

    def progress(self, phase: str, seconds: float | None) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def stop(self) -> bool:
        """Return whether the time is over."""
        return self._deadline is not None and time.monotonic() > self._deadline


def _note_numbers(row: CellRow, task: CellTask, outcome: RunOutcome) -> None:
    """Note the run's results: nothing of them depends on how long anything took."""
    measured = {
        text: measure_table(
            lambda name: read_table(outcome.path, name),
            TableMeasure.model_validate(json.loads(text)),
        )
        for text in task.measures
    }
    results = [verdict.result for verdict in outcome.checks]
    certificate = outcome.certificate
    row.update(
        {
            "status": outcome.status,
            "error": (
                None
                if outcome.status == "complete"
                else (read_manifest(outcome.path).failure or outcome.status)
            ),
            "certificate": certificate.get("verdict"),
            "reasons": list(certificate.get("reasons") or ()),
            "verdicts": [
                {"title": verdict.title, "result": verdict.result, "measured": verdict.measured}
                for verdict in outcome.checks
            ],
            "checks_passed": results.count("PASS"),
            "checks_failed": results.count("FAIL"),
            "metrics": flatten_metrics(
                {name: value for name, value in outcome.metrics.items() if name != "metrics_schema"}
            ),
            "measured": measured,
        }
    )


def _keep(task: CellTask, run_dir: RunDirectory, made: Path, *, failed: bool) -> None:
    """Move what is to stay of the run into the folder that will be put into place."""
    if failed or task.keep == "runs":
        shutil.move(str(run_dir.path), made / "run")
    elif task.keep == "tables":
        shutil.move(str(run_dir.tables), made / "tables")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _processor_seconds() -> float:
    """Return the processor time of this process and of its ended children (the guest, tshark)."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (
            resource.getrusage(resource.RUSAGE_SELF),
            resource.getrusage(resource.RUSAGE_CHILDREN),
        )
    )
