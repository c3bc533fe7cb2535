"""Make the runs of an evaluation: all cases in one pool, each run by the hash that names it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tcpexp import __version__
from tcpexp.batch.estimate import Estimate, estimate_rest, jobs_that_fit
from tcpexp.batch.workers import local_workers, remote_workers, run_tasks, runs_at_once
from tcpexp.studies.description import STUDY_SCHEMA, token_of
from tcpexp.studies.run import take_result
from tcpexp.studies.watcher import SilentStudyWatcher, StudyWatcher

if TYPE_CHECKING:
    from tcpexp.evaluate.evaluation import Evaluation, Member
    from tcpexp.studies.study import PlannedRun

#: Finished runs that an estimate of the rest is made from.
MOST_FOR_ESTIMATE = 200


@dataclass
class EvaluationOutcome:
    """What became of the runs: how many there are, were there, were made, failed, and are left."""

    total: int = 0
    found: int = 0
    made: int = 0
    left: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    wall_s: float = 0.0
    processor_s: float = 0.0
    at_once: int = 1


@dataclass(frozen=True)
class EvaluationStanding:
    """Where an evaluation stands: its different runs by what has become of them."""

    done: tuple[tuple[Member, PlannedRun], ...]
    failed: tuple[tuple[Member, PlannedRun], ...]
    rest: tuple[tuple[Member, PlannedRun], ...]


def stand_of(evaluation: Evaluation, *, retry: bool = False) -> EvaluationStanding:
    """Return which runs are done, failed before (none with ``retry``) and left; each key once."""
    folder = evaluation.folder()
    finished, failures = folder.finished(), set() if retry else folder.failures()
    unique = {run.key: (member, run) for member, run in reversed(evaluation.runs())}
    ordered = list(reversed(unique.values()))
    done = tuple(each for each in ordered if each[1].key in finished)
    failed = tuple(each for each in ordered if each[1].key in failures - finished)
    rest = tuple(each for each in ordered if each[1].key not in finished | failures)
    return EvaluationStanding(done, failed, rest)


def estimate(evaluation: Evaluation, stand: EvaluationStanding, at_once: int) -> Estimate:
    """Return what the runs that are left will cost."""
    folder = evaluation.folder()
    done = [
        (run.forecast, folder.read_cell(run.key).get("cost", {}))
        for _, run in stand.done[:MOST_FOR_ESTIMATE]
    ]
    return estimate_rest([run.forecast for _, run in stand.rest], done, at_once)


def make_runs(
    evaluation: Evaluation,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    watcher: StudyWatcher | None = None,
) -> EvaluationOutcome:
    """Make what is left of the runs; a run that fails stops no other.

    Raises:
        HostError: this machine or the cluster lacks something; another one works in the folder.
        RunError: the folder cannot be written.
    """
    watcher = watcher or SilentStudyWatcher()
    folder = evaluation.folder()
    started = time.monotonic()
    with folder.locked():
        token = token_of(folder) if (folder.path / "study.json").is_file() else uuid.uuid4().hex
        folder.begin(_description(evaluation, token), b"# see the cases that come with tcpexp\n")
        stand = stand_of(evaluation, retry=retry)
        outcome = EvaluationOutcome(
            len(stand.done) + len(stand.failed) + len(stand.rest), len(stand.done)
        )
        if stand.rest:
            _make(evaluation, stand, token, jobs, scheduler, watcher, outcome)
        after = stand_of(evaluation)
        outcome.made = len(after.done) - len(stand.done)
        outcome.left = len(after.rest)
        outcome.failed = [
            (label_of(member, run), str(folder.read_cell(run.key).get("error")))
            for member, run in after.failed
        ]
        outcome.wall_s = time.monotonic() - started
    return outcome


def label_of(member: Member, run: PlannedRun) -> str:
    """Return a run in words: its case, who plays what, the path, its seed."""
    return f"{member.loaded.case.name}: {member.mix.words}; {run.cell.label}, seed={run.seed}"


def _make(
    evaluation: Evaluation,
    stand: EvaluationStanding,
    token: str,
    jobs: int | None,
    scheduler: str | None,
    watcher: StudyWatcher,
    outcome: EvaluationOutcome,
) -> None:
    """Have the workers make the runs that are left, the longest first."""
    folder = evaluation.folder()
    rest = sorted(stand.rest, key=lambda each: -each[1].forecast.wall_s)
    forecasts = {run.key: run.forecast.wall_s for _, run in rest}
    if scheduler is not None:
        workers = remote_workers(scheduler)
    else:
        largest = max(run.forecast.memory_bytes for _, run in rest)
        count, remark = jobs_that_fit(jobs, largest)
        if remark is not None:
            watcher.say(remark)
        workers = local_workers(min(count, len(rest)))
    with workers as client:
        outcome.at_once = max(runs_at_once(client), 1)
        expected = estimate(evaluation, stand, outcome.at_once)
        watcher.begins(outcome.total, len(stand.done), expected)
        tasks = (_task(member, run, evaluation, token) for member, run in rest)
        for task, result in run_tasks(client, tasks, watcher.stop, watcher.hands_out):
            take_result(folder, task, result)
            outcome.processor_s += float(result.cost.get("processor_s", 0.0))
            watcher.ends(task, result, forecasts.get(task.key, 0.0))


def _task(member: Member, run: PlannedRun, evaluation: Evaluation, token: str):  # type: ignore[no-untyped-def]
    import dataclasses

    task = member.study.task_of(run, evaluation.folder(), token)
    return dataclasses.replace(task, label=label_of(member, run))


def _description(evaluation: Evaluation, token: str) -> dict[str, object]:
    return {
        "study_schema": STUDY_SCHEMA,
        "token": token,
        "name": "evaluations",
        "title": "Runs of evaluations, by the hash that names them",
        "tcpexp": __version__,
        "identity": evaluation.identity,
        "workplace": evaluation.options.workplace,
    }
