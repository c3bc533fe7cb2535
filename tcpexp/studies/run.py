"""Make a study: find what is done, make the rest, and write tables, figures, verdicts and the
report.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tcpexp.batch.cell import CellResult, CellRow, CellTask
from tcpexp.batch.estimate import jobs_that_fit
from tcpexp.batch.folder import CELL, StudyFolder
from tcpexp.batch.workers import local_workers, remote_workers, run_tasks, runs_at_once
from tcpexp.store.rundir import to_json_text, write_atomic
from tcpexp.studies.description import describe_study, differing_identity, token_of
from tcpexp.studies.outcome import StudyOutcome
from tcpexp.studies.results import write_results
from tcpexp.studies.standing import Standing, estimate_study, standing_of
from tcpexp.studies.study import PlannedRun, Study
from tcpexp.studies.watcher import SilentStudyWatcher, StudyWatcher

if TYPE_CHECKING:
    from distributed import Client


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
    watcher = watcher or SilentStudyWatcher()
    folder = study.folder()
    started = time.monotonic()
    with folder.locked():
        token = token_of(folder)
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
    forecasts = {run.key: run.forecast.wall_s for run in standing.rest}
    with _workers(study, standing, jobs, scheduler, watcher) as client:
        outcome.at_once = max(runs_at_once(client), 1)
        watcher.begins(
            outcome.total,
            len(standing.done),
            estimate_study(study, folder, standing, outcome.at_once),
        )
        tasks = (study.task_of(run, folder, token) for run in unique(standing.rest))
        for task, result in run_tasks(client, tasks, watcher.stop, watcher.hands_out):
            take_result(folder, task, result)
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
    if scheduler is not None:
        with remote_workers(scheduler) as client:
            yield client
        return
    count, remark = jobs_that_fit(jobs, max(run.forecast.memory_bytes for run in standing.rest))
    if remark is not None:
        watcher.say(remark)
    with local_workers(min(count, len(standing.rest))) as client:
        yield client


def take_result(folder: StudyFolder, task: CellTask, result: CellResult) -> None:
    """Put what a worker without the study's folder has sent.

    Note a failure that no worker could note.
    """
    if result.archive is not None:
        folder.unpack(result.archive, task.key, failed=result.status != "complete")
    elif result.status == "crashed" and not folder.has(task.key):
        with folder.scratch(task.key, shared=True) as scratch:
            (scratch / "cell").mkdir()
            row: CellRow = {
                "key": task.key,
                "label": task.label,
                "status": "crashed",
                "error": result.error,
                "identity": task.identity,
            }
            write_atomic(scratch / "cell" / CELL, to_json_text(row))
            folder.put(scratch / "cell", task.key, failed=True)
