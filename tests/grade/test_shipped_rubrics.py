"""The rubrics that ship, on real guests: good work gets all points, other work does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tcpexp import paths
from tcpexp.grade.rubric import load_rubric
from tcpexp.grade.run import GradeOptions, grade
from tests.support.handed import hand_in_spec

LOST = """\
name: my_lost_synack
topology: two_host
links:
  h1-h2: {delay: 20ms}
duration: 8s
actions:
  - {do: http_server, host: h2, port: 80, files: {index.html: hello}}
  - {at: 1s, do: http_get, id: get, from: h1, to: h2, path: /index.html}
  - {do: fault, id: lost, flow: get, from: h2, segment: syn-ack, effect: drop}
"""


@pytest.mark.guest
@pytest.mark.full
def test_handshake_lab(tmp_path: Path) -> None:
    rubric = load_rubric(paths.rubrics_dir() / "handshake_lab.yaml")
    handshake = paths.find_spec("handshake_teardown").read_text()
    handed = tmp_path / "handed"
    hand_in_spec(handed / "good", handshake)
    hand_in_spec(handed / "good", LOST, "lost.yaml")
    hand_in_spec(handed / "other", LOST.replace("syn-ack", "syn"))
    hand_in_spec(
        handed / "changed",
        handshake.replace("port: 80, files", "port: 80, keep_alive: false, files"),
    )
    grades = grade([handed], rubric, GradeOptions(tmp_path / "out", run=True, jobs=1))
    by_name = {student.student: student for student in grades.students}
    assert by_name["good"].points == by_name["good"].of == 13
    assert by_name["other"].points < 5
    assert (by_name["changed"].points, by_name["changed"].exercises[0].state) == (0, "different")
    runs = sorted((tmp_path / "out" / "runs" / "cells").glob("*/run"))
    for number, run in enumerate(runs):
        shutil.copytree(run, tmp_path / "recorded" / "good" / str(number))
    again = grade(
        [tmp_path / "recorded"], rubric, GradeOptions(tmp_path / "again", remake=True, jobs=1)
    ).students[0]
    assert again.points >= 13
    assert {exercise.source for exercise in again.exercises} == {
        "made again here: the same packets"
    }
