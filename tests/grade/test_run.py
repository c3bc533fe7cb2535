"""Whole gradings, from folders of students to sheets, with runs of a place that costs nothing."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from tcpexp.grade.model import Grades
from tcpexp.grade.run import GradeOptions, grade
from tests.support.cheap import NAME
from tests.support.handed import hand_in_spec, record, spec_text, write_rubric

CONTROL = 'struct tcp_congestion_ops mine = { .name = "mine" };\n'
SECRET = "import pathlib; pathlib.Path({!r}).write_text('executed')\n"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a recorded run that has everything right."""
    return record(tmp_path_factory.mktemp("good") / "run", spec_text())


@pytest.fixture(autouse=True)
def _log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHEAP_LOG", str(tmp_path / "log.txt"))


def graded(tmp_path: Path, **options: object) -> Grades:
    options = {"workplace": NAME, "jobs": 2, **options}
    return grade(
        [tmp_path / "handed"],
        write_rubric(tmp_path / "rubric"),
        GradeOptions(tmp_path / "out", **options),
    )


def of(grades: Grades, student: str, exercise: str = "counting"):
    (found,) = [of_student for of_student in grades.students if of_student.student == student]
    return next(of_exercise for of_exercise in found.exercises if of_exercise.exercise == exercise)


def test_recorded_runs_are_judged_from_disk_and_what_is_wrong_with_one_concerns_that_one(
    tmp_path: Path, good: Path
) -> None:
    handed = tmp_path / "handed"
    shutil.copytree(good, handed / "alice" / "results" / "counting" / "r1")
    shutil.copytree(good, handed / "bob" / "r1")
    raw = handed / "bob" / "r1" / "raw" / "counters" / "h1.txt"
    raw.write_text(raw.read_text().replace("11003", "99999"))
    shutil.copytree(good, handed / "carol" / "r1")
    (handed / "carol" / "r1" / "manifest.json").unlink()
    (handed / "dave").mkdir()
    shutil.copytree(good, handed / "erin" / "r1")
    manifest = json.loads((handed / "erin" / "r1" / "manifest.json").read_text())
    (handed / "erin" / "r1" / "manifest.json").write_text(
        json.dumps({**manifest, "status": "interrupted", "failure": "stopped after 3 s"})
    )
    (handed / "fred" / "r1").mkdir(parents=True)
    (handed / "fred" / "r1" / "plan.json").write_text("[" * 100_000)
    before = sorted(path.relative_to(handed) for path in handed.rglob("*"))
    grades = graded(tmp_path)
    assert [
        (student.student, student.points, student.exercises[0].state) for student in grades.students
    ] == [
        ("alice", 3, "graded"),
        ("bob", 0, "damaged"),
        ("carol", 0, "incomplete"),
        ("dave", 0, "missing"),
        ("erin", 0, "incomplete"),
        ("fred", 0, "missing"),
    ]
    assert "raw/counters/h1.txt: changed since the run" in of(grades, "bob").reason
    assert "stopped after 3 s" in of(grades, "erin").reason
    assert {mark.result for mark in of(grades, "dave").marks} == {"INCONCLUSIVE"}
    assert "plan.json" in str(grades.students[5].remarks)
    assert grades.exit_code == 5
    assert sorted(path.relative_to(handed) for path in handed.rglob("*")) == before
    rows = list(csv.reader(io.StringIO(Path(grades.files["csv"]).read_text(encoding="utf-8-sig"))))
    assert rows[1][:8] == ["alice", "3", "6", "3", "3", "graded", "PASS", "PASS"]
    assert "more: '=any" not in rows[0]
    page = Path(grades.files["html"]).read_text()
    assert "handed/alice/results/counting/r1/report.html" in page
    assert "<script" not in page


def test_specs_are_run_once_per_plan_and_kept(tmp_path: Path) -> None:
    handed = tmp_path / "handed"
    hand_in_spec(handed / "alice", spec_text())
    hand_in_spec(handed / "bob", spec_text())
    hand_in_spec(handed / "carol", spec_text(seed=9))
    hand_in_spec(handed / "carol", spec_text("more", "2mbit"), "more.yaml")
    hand_in_spec(handed / "dave", spec_text(rate="5mbit"))
    hand_in_spec(handed / "erin", "name: counting\ntopologie: two_host\n")
    assert of(graded(tmp_path), "alice").state == "not run"
    grades = graded(tmp_path, run=True)
    assert (of(grades, "alice").points, of(grades, "bob").points, of(grades, "carol").points) == (
        3,
        3,
        2,
    )
    assert [mark.result for mark in of(grades, "carol").marks] == ["PASS", "FAIL"]
    assert of(grades, "carol", "more").points == 3
    assert (of(grades, "dave").state, of(grades, "dave").reason) == (
        "different",
        "network not as in counting.yaml",
    )
    assert of(grades, "erin").state == "wrong"
    assert "my.yaml:2:1" in of(grades, "erin").reason
    # the experiment as it was given out: alike says nothing
    assert of(grades, "alice").remarks == ["certificate SUSPECT"]
    assert grades.made == 3
    assert Path(of(grades, "alice").report or "").is_file()
    assert graded(tmp_path, run=True).made == 0


def test_nothing_of_a_student_is_executed_here(tmp_path: Path, good: Path) -> None:
    handed, flag = tmp_path / "handed", tmp_path / "flag"
    hand_in_spec(handed / "plugin", spec_text() + "plugins: [mine.py]\n")
    (handed / "plugin" / "mine.py").write_text(SECRET.format(str(flag)))
    hand_in_spec(handed / "topology", spec_text().replace("two_host", "ours"))
    (handed / "topology" / "ours.py").write_text(SECRET.format(str(flag)))
    hand_in_spec(handed / "below" / "a", spec_text().replace("two_host", "ours"))
    (handed / "below" / "topologies").mkdir()
    (handed / "below" / "topologies" / "ours.py").write_text(SECRET.format(str(flag)))
    hand_in_spec(handed / "shadow", spec_text())
    (handed / "shadow" / "two_host.py").write_text(SECRET.format(str(flag)))
    hand_in_spec(handed / "control", spec_text() + "congestion_controls: {mine: mine.c}\n")
    (handed / "control" / "mine.c").write_text(CONTROL)
    run = shutil.copytree(good, handed / "recorded" / "r1")
    plan = json.loads((run / "plan.json").read_text())
    plan |= {
        "plugins": ["mine.py"],
        "files": [
            {"path": "plugins/mine.py", "content": SECRET.format(str(flag)), "binary": False}
        ],
    }
    rewrite(run, plan)
    grades = graded(tmp_path, run=True)
    assert not flag.exists()
    for student in ("plugin", "topology", "below", "shadow", "control", "recorded"):
        assert of(grades, student).state == "refused", (student, of(grades, student).reason)
        assert "of its own" in of(grades, student).reason
    assert grades.made == 0


def rewrite(run: Path, plan: dict) -> None:
    """Change a run's plan, and its manifest with it, as somebody would who forges one."""
    from tcpexp.store.manifest import read_manifest, write_manifest

    (run / "plan.json").write_text(json.dumps(plan))
    write_manifest(run, read_manifest(run))


def test_a_forged_run_is_told_by_making_it_again(tmp_path: Path, good: Path) -> None:
    """Whoever rewrites the manifest too is not told by its hashes.

    The run made again has what the plan gives.
    """
    run = shutil.copytree(good, tmp_path / "handed" / "mallory" / "r1")
    plan = json.loads((run / "plan.json").read_text())
    rewrite(run, {**plan, "seed": 4})
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "seed": 4}))
    assert of(graded(tmp_path), "mallory").points == 3
    again = of(graded(tmp_path, remake=True), "mallory")
    assert (again.points, again.marks[1].result) == (2, "FAIL")
    assert "made again here" in again.source


def test_a_run_with_names_that_lead_elsewhere_is_not_made(tmp_path: Path, good: Path) -> None:
    run = shutil.copytree(good, tmp_path / "handed" / "mallory" / "r1")
    rewrite(run, {**json.loads((run / "plan.json").read_text()), "name": "../../evil"})
    (grades,) = graded(tmp_path, remake=True).students
    assert "no name that a spec could give" in str(grades.remarks)
    assert not list(tmp_path.rglob("evil"))


def test_links_are_not_followed(tmp_path: Path, good: Path) -> None:
    handed = tmp_path / "handed"
    run = shutil.copytree(good, handed / "mallory" / "r1")
    (run / "metrics.json").unlink()
    (run / "metrics.json").symlink_to("/etc/passwd")
    (handed / "mallory" / "all").symlink_to("/")
    (handed / "mallory" / "spec.yaml").symlink_to(tmp_path / "rubric" / "counting.yaml")
    found = of(graded(tmp_path), "mallory")
    assert (found.state, found.points) == ("refused", 0)
    assert "metrics.json is a link" in found.reason


def test_archives_late_work_and_alike_work(tmp_path: Path) -> None:
    handed = tmp_path / "handed"
    mine = record(tmp_path / "mine", spec_text(seed=8))
    for student in ("alice", "bob"):
        handed.mkdir(exist_ok=True)
        with zipfile.ZipFile(handed / f"{student}.zip", "w") as archive:
            for path in sorted(mine.rglob("*")):
                archive.write(path, f"hand-in/{path.relative_to(mine)}")
    hand_in_spec(handed / "carol", spec_text())
    late = {
        "alice": datetime.fromisoformat("2026-11-21T08:00:00+01:00"),
        "bob": datetime.fromisoformat("2026-11-20T22:00:00+00:00"),
    }
    grades = graded(tmp_path, received=late)
    assert (of(grades, "alice").points, of(grades, "bob").points) == (1.0, 2)
    assert "late" in str(of(grades, "alice").remarks)
    assert "the same spec, but for prose, as bob" in of(grades, "alice").remarks
    report = Path(of(grades, "bob").report or "")
    assert report.is_file()
    assert report.is_relative_to(tmp_path / "out" / "handed-in")


def test_a_run_that_fails_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = tmp_path / "fails"
    flag.touch()
    monkeypatch.setenv("CHEAP_FAILS", str(flag))
    handed = tmp_path / "handed"
    hand_in_spec(handed / "alice", spec_text("more", "6.66mbit"))
    hand_in_spec(handed / "carol", spec_text("more"))
    grades = graded(tmp_path, run=True)
    assert of(grades, "alice", "more").state == "failed"
    assert "told to fail" in of(grades, "alice", "more").reason
    assert of(grades, "carol", "more").points == 3
    assert grades.exit_code == 4
