"""Grade: find submissions, look at each in a process of its own, run what is to be run, decide, and
write the sheets.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.batch.cell import CellTask
from tcpexp.batch.estimate import jobs_that_fit
from tcpexp.batch.folder import StudyFolder
from tcpexp.batch.workers import local_workers, remote_workers, run_tasks
from tcpexp.batch.workplace import UNTRUSTED, load_workplace
from tcpexp.errors import DataError, HostError
from tcpexp.grade.apart import call_apart
from tcpexp.grade.captures import by_exercise
from tcpexp.grade.decide import Handed, differing_parts, grade_student, remark_alike
from tcpexp.grade.look import Look, look_at, look_at_captures
from tcpexp.grade.model import Grades
from tcpexp.grade.sheets import write_sheets
from tcpexp.grade.submissions import Found, Submission, find_submissions, look_through, unpack_zip
from tcpexp.places.registry import GUEST
from tcpexp.telling import Say, say_nothing

if TYPE_CHECKING:
    from tcpexp.grade.rubric import Criteria, Rubric

#: Memory that a run is taken to need, for the number of runs at a time; see tcpexp.batch.estimate.
RUN_BYTES = 1.2e9


@dataclass(frozen=True)
class GradeOptions:
    """How to grade: run specs, make recorded runs again, runs at a time, a Dask scheduler, times of
    receipt by student.
    """

    out: Path
    run: bool = False
    remake: bool = False
    retry: bool = False
    jobs: int | None = None
    scheduler: str | None = None
    received: dict[str, datetime] = field(default_factory=dict)
    workplace: str = f"{UNTRUSTED}{GUEST}"


@dataclass(frozen=True)
class _Wanted:
    """A run to make: for whom, from which look, and the key under which it is kept."""

    handed: Handed
    look: Look
    key: str
    limit_s: float


def grade(
    folders: Sequence[Path],
    rubric: Rubric,
    options: GradeOptions,
    say: Say = say_nothing,
) -> Grades:
    """Grade all submissions in ``folders`` and write ``grades.csv``, ``grades.html`` and
    ``grades.json`` to ``options.out``.

    What is wrong with one submission concerns that one only.

    Raises:
        SpecError: there is no submission, or two have one name.
        HostError: this machine cannot run specs that are to be run.
        RunError: the sheets cannot be written.
    """
    submissions = find_submissions(folders)
    at_once = options.jobs or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="tcpexp-grade-") as scratch:
        say(f"{len(submissions)} submissions")
        everybody = []
        for number, submission in enumerate(submissions):
            handed = Handed(submission.student, received=options.received.get(submission.student))
            everybody.append(
                (handed, take_in(submission, Path(scratch) / str(number), handed.problems))
            )
        look_at_all(everybody, rubric, at_once, say)
        look_at_captures_of_all(everybody, rubric, (options.out, at_once), say)
        made = (
            make_runs([handed for handed, _ in everybody], rubric, options, at_once, say)
            if options.run or options.remake
            else 0
        )
        _link_reports(everybody, options.out, Path(scratch))
        students = [grade_student(handed, rubric) for handed, _ in everybody]
    remark_alike(students, rubric)
    grades = Grades(rubric.name, rubric.title or rubric.name, students, made)
    write_sheets(grades, rubric, options.out)
    return grades


def take_in(submission: Submission, scratch: Path, problems: list[str]) -> Found:
    """Return what a submission holds, archives unpacked.

    What cannot be taken is added to ``problems``.
    """
    whole = Found()
    todo = [submission.path]
    if not submission.archive:
        first = look_through(submission.path)
        whole, todo = first, first.archives
    for number, archive in enumerate(todo):
        target = scratch / str(number)
        try:
            unpack_zip(archive, target)
        except DataError as error:
            problems.append(error.message)
            shutil.rmtree(target, ignore_errors=True)
            continue
        inside = look_through(target)
        whole.runs += inside.runs
        whole.specs += inside.specs
        whole.captures += inside.captures
        whole.problems += [
            *inside.problems,
            *(
                f"{archive.name}: an archive inside an archive, not looked at"
                for archive in inside.archives
            ),
        ]
    problems += whole.problems
    return whole


def look_at_all(
    everybody: list[tuple[Handed, Found]], rubric: Rubric, at_once: int, say: Say
) -> None:
    """Look at every spec and run of everybody, each in a process of its own."""
    wanted = [
        (handed, kind, str(path))
        for handed, found in everybody
        for kind, paths in (("run", found.runs), ("spec", found.specs))
        for path in paths
    ]
    say(f"looking at {len(wanted)} specs and runs")
    criteria = rubric.criteria()
    looks: dict[int, Look] = {}
    for number, answer in call_apart(
        look_at, [(kind, path, criteria) for _, kind, path in wanted], at_once
    ):
        _, kind, path = wanted[number]
        looks[number] = (
            Look(path, kind, "damaged", reason=answer)  # type: ignore[arg-type]
            if isinstance(answer, str)
            else Look(**answer)
        )
    for number, (handed, _, _) in enumerate(wanted):
        handed.looks.append(looks[number])


def look_at_captures_of_all(
    everybody: list[tuple[Handed, Found]], rubric: Rubric, how: tuple[Path, int], say: Say
) -> None:
    """Judge the captures of everybody by the exercises that they are of; what is made of them lies
    in ``explained`` below the folder of the sheets, the first of ``how``.
    """
    out, at_once = how
    criteria = rubric.criteria()
    wanted: list[tuple[Handed, str, Path]] = []
    calls: list[tuple[str, str, str, Criteria]] = []
    for student, (handed, found) in enumerate(everybody):
        groups, unknown = by_exercise(found.captures, criteria.plans)
        handed.problems += [
            f"{path.name}: a capture of which exercise? call it or its folder as the exercise"
            for path in unknown
        ]
        for (exercise, _), files in groups.items():
            folder = out.absolute() / "explained" / f"{student:04d}-{len(wanted)}"
            shutil.rmtree(folder, ignore_errors=True)
            wanted.append((handed, str(files[0]), folder))
            names = json.dumps([str(path) for path in files])
            calls.append((names, exercise, str(folder), criteria))
    if calls:
        say(f"looking at the captures of {len(calls)} measurements")
    looks: dict[int, Look] = {}
    for number, answer in call_apart(look_at_captures, calls, at_once):
        first, exercise = wanted[number][1], calls[number][1]
        looks[number] = (
            Look(first, "capture", "damaged", exercise, answer)
            if isinstance(answer, str)
            else Look(**answer)
        )
    for number, (handed, first, folder) in enumerate(wanted):
        handed.looks.append(looks[number])
        if (folder / "report.html").is_file():
            handed.reports[first] = str(folder / "report.html")


# --------------------------------------------------------------------------------
# runs made here


def make_runs(
    everybody: Sequence[Handed],
    rubric: Rubric,
    options: GradeOptions,
    at_once: int,
    say: Say,
) -> int:
    """Run what is to be run, each plan once, and look at the results.

    Return how many runs were made now.
    """
    workplace = load_workplace(options.workplace)
    if lacks := workplace.missing():
        raise HostError("this machine cannot run what was handed in", missing=lacks)
    identity = workplace.identity()
    wanted = [run for handed in everybody for run in _wanted_of(handed, rubric, options, identity)]
    if not wanted:
        return 0
    folder = StudyFolder(options.out.absolute() / "runs")
    with folder.locked():
        token = uuid.uuid4().hex
        folder.begin({"token": token}, b"")
        todo = {
            run.key: run
            for run in wanted
            if not folder.has(run.key) and (options.retry or not folder.has_failed(run.key))
        }
        tasks = [_task(run, folder, token, workplace.name, identity) for run in todo.values()]
        say(
            f"{len(wanted)} runs, {len({run.key for run in wanted}) - len(tasks)} of them are"
            f" there, {len(tasks)} to make"
        )
        crashed: dict[str, str] = {}
        if tasks:
            count, _ = jobs_that_fit(options.jobs, RUN_BYTES)
            workers = (
                remote_workers(options.scheduler)
                if options.scheduler
                else local_workers(min(count, len(tasks)))
            )
            with workers as client:
                for task, result in run_tasks(
                    client, iter(tasks), lambda: False, lambda task: None
                ):
                    if result.archive is not None:
                        folder.unpack(result.archive, task.key, failed=result.status != "complete")
                    elif result.status != "complete":
                        crashed[task.key] = str(result.error)
                    say(f"{task.label}: {result.status}")
        _look_at_made(wanted, folder, crashed, rubric, at_once)
        return len(tasks)


def _wanted_of(
    handed: Handed, rubric: Rubric, options: GradeOptions, identity: dict[str, str]
) -> list[_Wanted]:
    """Return the runs to make for one student: again what was recorded in a guest, and specs of
    exercises without a run.
    """
    runs = []
    for name, exercise in rubric.exercises.items():
        looks = [
            look
            for look in handed.looks
            if look.experiment == name and not differing_parts(look, name, exercise, rubric)
        ]
        recorded = [look for look in looks if look.state == "judged"]
        if options.remake:
            for look in recorded:
                if look.facts.get("clock") == "virtual":
                    runs.append(
                        _want(
                            handed,
                            look,
                            (Path(look.path) / "plan.json").read_text(),
                            exercise.time_limit / 1e9,
                            identity,
                        )
                    )
                else:
                    handed.problems.append(
                        f"{name}: not made on the virtual clock, so it is judged as recorded and"
                        " cannot be made again"
                    )
        if options.run and not recorded:
            specs = [look for look in looks if look.state == "spec" and look.plan is not None]
            runs += [
                _want(handed, look, str(look.plan), exercise.time_limit / 1e9, identity)
                for look in specs
            ]
    return runs


def _want(
    handed: Handed, look: Look, plan: str, limit_s: float, identity: dict[str, str]
) -> _Wanted:
    text = json.dumps([plan, _spec_of(look).decode("utf-8", "replace"), identity], sort_keys=True)
    return _Wanted(
        handed,
        dataclasses.replace(look, plan=plan),
        hashlib.sha256(text.encode()).hexdigest()[:32],
        limit_s,
    )


def _spec_of(look: Look) -> bytes:
    path = Path(look.path) / "spec.yaml" if look.kind == "run" else Path(look.path)
    return path.read_bytes() if path.is_file() else b""


def _task(
    wanted: _Wanted, folder: StudyFolder, token: str, workplace: str, identity: dict[str, str]
) -> CellTask:
    label = f"{wanted.handed.student}, {wanted.look.experiment}"
    spec = _spec_of(wanted.look)
    return CellTask(
        wanted.key,
        label,
        str(wanted.look.plan),
        spec,
        str(folder.path),
        token,
        workplace,
        identity,
        "runs",
        limit_s=wanted.limit_s,
    )


def _look_at_made(
    wanted: list[_Wanted],
    folder: StudyFolder,
    crashed: dict[str, str],
    rubric: Rubric,
    at_once: int,
) -> None:
    """Judge the runs that were made by the rubric, and tell everybody whose they are."""
    keys = sorted({run.key for run in wanted if folder.has(run.key)})
    answers: dict[str, Look | str] = {}
    for number, answer in call_apart(
        look_at,
        [("run", str(folder.cell(key) / "run"), rubric.criteria()) for key in keys],
        at_once,
    ):
        answers[keys[number]] = answer if isinstance(answer, str) else Look(**answer)
    for run in wanted:
        if run.key in answers:
            run.handed.remade[run.look.path] = answers[run.key]
        elif folder.has_failed(run.key):
            run.handed.remade[run.look.path] = f"run here: {folder.read_cell(run.key).get('error')}"
        else:
            run.handed.remade[run.look.path] = f"run here: {crashed.get(run.key, 'no result')}"


def _link_reports(everybody: Sequence[tuple[Handed, Found]], out: Path, scratch: Path) -> None:
    """Note for each look where its report is; one in an archive is copied out of it."""
    for number, (handed, _) in enumerate(everybody):
        for index, look in enumerate(handed.looks):
            report = Path(look.path) / "report.html"
            if (
                look.kind == "run"
                and look.state == "judged"
                and report.is_file()
                and not report.is_symlink()
            ):
                if report.is_relative_to(scratch):
                    copy = out.absolute() / "handed-in" / f"{number:04d}-{index}" / "report.html"
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(report, copy)
                    report = copy
                handed.reports[look.path] = str(report)
        for made in handed.remade.values():
            if isinstance(made, Look) and (Path(made.path) / "report.html").is_file():
                handed.reports[made.path] = str(Path(made.path) / "report.html")
