"""Make a study: find what is done, make the rest, and write tables, figures, verdicts and the
report.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tcpexp.batch.cell import CellResult, CellTask
from tcpexp.batch.estimate import Estimate, estimate_rest, jobs_that_fit
from tcpexp.batch.folder import CELL, StudyFolder
from tcpexp.errors import DataError
from tcpexp.store.rundir import to_json_text, write_atomic

if TYPE_CHECKING:
    from distributed import Client

    from tcpexp.sweep.study import PlannedRun, Study

STUDY_SCHEMA = 1


class StudyWatcher(Protocol):
    """Who is told how a study goes, and who can end it."""

    def begins(self, total: int, done: int, rest: Estimate) -> None:
        """Take note of how many runs there are, how many are done, and what the rest will cost."""

    def hands_out(self, task: CellTask) -> None:
        """Take note that a run is given to the workers."""

    def ends(self, task: CellTask, result: CellResult, forecast_s: float) -> None:
        """Take note of what came of a run; the rule had expected it to last ``forecast_s``."""

    def say(self, text: str) -> None:
        """Take note of something said."""

    def stop(self) -> bool:
        """Return whether no more runs shall be begun."""
        ...


class SilentStudy:
    """A ``StudyWatcher`` that says nothing and never stops."""

    def begins(self, total: int, done: int, rest: Estimate) -> None:
        """Say nothing."""

    def hands_out(self, task: CellTask) -> None:
        """Say nothing."""

    def ends(self, task: CellTask, result: CellResult, forecast_s: float) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def stop(self) -> bool:
        """Never stop."""
        return False


@dataclass(frozen=True)
class Standing:
    """Where a study stands: runs by what has become of them."""

    done: tuple[PlannedRun, ...]
    failed: tuple[PlannedRun, ...]
    rest: tuple[PlannedRun, ...]


@dataclass
class StudyOutcome:
    """What came of a study: runs by status, errors of those that failed, the wall time, where
    everything lies, and the verdicts.
    """

    path: Path
    total: int
    made: int = 0
    found: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    wall_s: float = 0.0
    runs_wall_s: float = 0.0
    processor_s: float = 0.0
    at_once: int = 1
    verdicts: list[Any] = field(default_factory=list)
    tables_sha256: str = ""
    report: Path | None = None

    @property
    def exit_code(self) -> int:
        """The command line's: 4 a run failed or is missing, 1 an expectation failed, 0 all well."""
        if self.failed or self.left:
            return 4
        return 1 if any(verdict.result == "FAIL" for verdict in self.verdicts) else 0


def standing_of(study: Study, folder: StudyFolder, *, retry: bool = False) -> Standing:
    """Return which runs are done, which failed before (none with ``retry``), and which are left to
    make; each key counts once.
    """
    done, failed, rest = [], [], []
    finished, failures = folder.finished(), set() if retry else folder.failures()
    for run in study.runs:
        if run.key in finished:
            done.append(run)
        elif run.key in failures:
            failed.append(run)
        else:
            rest.append(run)
    return Standing(tuple(done), tuple(failed), tuple(rest))


def estimate_study(study: Study, folder: StudyFolder, standing: Standing, at_once: int) -> Estimate:
    """Return what the runs that are left will cost."""
    done = [
        (run.forecast, folder.read_cell(run.key).get("cost", {})) for run in standing.done[:200]
    ]
    return estimate_rest([run.forecast for run in standing.rest], done, at_once)


def run_study(
    study: Study,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    watcher: StudyWatcher | None = None,
) -> StudyOutcome:
    """Make what is left of the study and write its results; return what came of it.

    A run that fails stops no other. After an interruption, of whatever kind, the next call makes
    what is missing.

    Raises:
        HostError: this machine or the cluster lacks something; another sweep works in the folder.
        RunError: the study's folder cannot be written.
    """
    from tcpexp.sweep.results import write_results

    watcher = watcher or SilentStudy()
    folder = study.folder()
    started = time.monotonic()
    with folder.locked():
        token = _token(folder)
        for words in differing_identity(study, folder):
            watcher.say(words)
        folder.begin(describe_study(study, token), study.spec.source.text.encode())
        standing = standing_of(study, folder, retry=retry)
        outcome = StudyOutcome(folder.path, len(study.runs), found=len(standing.done))
        if standing.rest:
            _make(study, folder, standing, token, jobs, scheduler, watcher, outcome)
        outcome.wall_s = time.monotonic() - started
        after = standing_of(study, folder)
        outcome.made = len(after.done) - len(standing.done)
        outcome.left = len(after.rest)
        outcome.failed = [
            (run.cell.label, str(folder.read_cell(run.key).get("error"))) for run in after.failed
        ]
        write_results(study, folder, outcome)
    return outcome


def _make(
    study: Study,
    folder: StudyFolder,
    standing: Standing,
    token: str,
    jobs: int | None,
    scheduler: str | None,
    watcher: StudyWatcher,
    outcome: StudyOutcome,
) -> None:
    """Have the workers make the runs that are left."""
    from tcpexp.batch.workers import facts, run_tasks

    forecasts = {run.key: run.forecast.wall_s for run in standing.rest}
    with _workers(study, standing, jobs, scheduler, watcher) as client:
        outcome.at_once = max(facts(client)["at_once"], 1)
        watcher.begins(
            outcome.total,
            len(standing.done),
            estimate_study(study, folder, standing, outcome.at_once),
        )
        tasks = (study.task_of(run, folder, token) for run in unique(standing.rest))
        for task, result in run_tasks(client, tasks, watcher.stop, watcher.hands_out):
            _take(folder, task, result)
            outcome.runs_wall_s += float(result.cost.get("wall_s", 0.0))
            outcome.processor_s += float(result.cost.get("processor_s", 0.0))
            watcher.ends(task, result, forecasts.get(task.key, 0.0))


def unique(runs: tuple[PlannedRun, ...]) -> Iterator[PlannedRun]:
    """Yield the runs, of those with one key only the first: they are the same run."""
    seen: set[str] = set()
    for run in runs:
        if run.key not in seen:
            seen.add(run.key)
            yield run


@contextlib.contextmanager
def _workers(
    study: Study, standing: Standing, jobs: int | None, scheduler: str | None, watcher: StudyWatcher
) -> Iterator[Client]:
    from tcpexp.batch.workers import local_workers, remote_workers

    if scheduler is not None:
        with remote_workers(scheduler) as client:
            yield client
        return
    count, remark = jobs_that_fit(jobs, max(run.forecast.memory_bytes for run in standing.rest))
    if remark is not None:
        watcher.say(remark)
    with local_workers(min(count, len(standing.rest))) as client:
        yield client


def _take(folder: StudyFolder, task: CellTask, result: CellResult) -> None:
    """Put what a worker without the study's folder has sent.

    Note a failure that no worker could note.
    """
    if result.archive is not None:
        folder.unpack(result.archive, task.key, failed=result.status != "complete")
    elif result.status == "crashed" and not folder.has(task.key):
        with folder.scratch(task.key, shared=True) as scratch:
            (scratch / "cell").mkdir()
            row = {
                "key": task.key,
                "label": task.label,
                "status": "crashed",
                "error": result.error,
                "identity": task.identity,
            }
            write_atomic(scratch / "cell" / CELL, to_json_text(row))
            folder.put(scratch / "cell", task.key, failed=True)


def describe_study(study: Study, token: str) -> dict[str, Any]:
    """Return ``study.json``: what the study is, for whoever opens its folder years later."""
    import tcpexp

    return {
        "study_schema": STUDY_SCHEMA,
        "token": token,
        "name": study.name,
        "title": study.spec.title or study.spec.name,
        "tcpexp": tcpexp.__version__,
        "quick": study.options.quick,
        "set": list(study.options.overrides),
        "keep": study.keep,
        "identity": study.identity,
        "workplace": study.options.workplace,
        "cells": len(study.cells),
        "repeat": study.repeats,
        "runs": len(study.runs),
        "parameters": {
            name: sorted({str(cell.written[name]) for cell in study.cells})
            for name in study.sweep.parameters
        },
    }


def differing_identity(study: Study, folder: StudyFolder) -> list[str]:
    """Return what decides the results and is not as it was when the study was last worked on, in
    words.
    """
    import json

    try:
        before = json.loads((folder.path / "study.json").read_text())["identity"]
        differing = sorted(
            name
            for name in {*before, *study.identity}
            if before.get(name) != study.identity.get(name)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    if not differing:
        return []
    words = ", ".join(
        f"{name} {str(study.identity.get(name))[:12]} instead of {str(before.get(name))[:12]}"
        for name in differing
    )
    hint = "; tcpexp guest use goes back to an image that is kept" if "image" in differing else ""
    return [f"runs made before had another {words}: all are made anew{hint}"]


def _token(folder: StudyFolder) -> str:
    """Return the study's token, the one that it has had before where it has one."""
    import json

    path = folder.path / "study.json"
    try:
        return str(json.loads(path.read_text())["token"])
    except FileNotFoundError:
        return uuid.uuid4().hex
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: damaged: {error}", hint=f"remove {path}: finished runs are kept"
        ) from None
