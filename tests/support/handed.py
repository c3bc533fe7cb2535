"""Submissions for the tests of grading: recorded runs of a cheap place, made once, and a rubric for
them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tcpexp.batch.cell import CellTask
from tcpexp.batch.folder import StudyFolder
from tcpexp.batch.makecell import run_cell
from tcpexp.grade.rubric import Rubric, load_rubric
from tests.support.cheap import NAME

SPEC = """\
name: {name}
topology: two_host
links:
  h1-h2: {{rate: {rate}, delay: 10ms}}
seed: {seed}
duration: 1s
actions:
  - {{at: 100ms, do: mark, text: {text}}}
"""
#: 1 Mbit/s, 10 ms and seed 3 give 1000 + 10000 + 3 segments in the cheap place.
RUBRIC = """\
name: lab
title: A laboratory
exercises:
  counting:
    title: Count the segments
    spec: counting.yaml
    pinned: [network, duration]
    deadline: 2026-11-20T23:59:00+01:00
    late: 50%
    checks:
      - {counter: {host: h1, name: Tcp.OutSegs, at_least: 11000}, points: 2, title: enough segments}
      - {counter: {host: h1, name: Tcp.OutSegs, equals: 11003}, points: 1}
  more:
    checks:
      - {counter: {host: h1, name: Tcp.OutSegs, above: 0}, points: 3, title: "=any segment"}
"""


def spec_text(
    name: str = "counting", rate: str = "1mbit", seed: int = 3, text: str = "hello"
) -> str:
    return SPEC.format(name=name, rate=rate, seed=seed, text=text)


def write_rubric(folder: Path, text: str = RUBRIC) -> Rubric:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "counting.yaml").write_text(spec_text())
    (folder / "lab.yaml").write_text(text)
    return load_rubric(folder / "lab.yaml")


def hand_in_spec(student: Path, text: str, name: str = "my.yaml") -> Path:
    student.mkdir(parents=True, exist_ok=True)
    (student / name).write_text(text)
    return student / name


def record(target: Path, text: str) -> Path:
    """Make a run of the spec ``text`` in the cheap place and leave its directory as ``target``.

    Return that.
    """
    from tcpexp.catalogue import load_catalogue
    from tcpexp.catalogue.reading import load_spec
    from tcpexp.plan.compile import compile_plan
    from tcpexp.plan.types import to_json

    os.environ.setdefault("CHEAP_LOG", os.devnull)
    with tempfile.TemporaryDirectory() as above:
        path = Path(above) / "spec.yaml"
        path.write_text(text)
        catalogue = load_catalogue()
        plan = compile_plan(load_spec(path, catalogue), catalogue)
        folder = StudyFolder(Path(above) / "study")
        folder.begin({"token": "t"}, b"")
        task = CellTask(
            "0" * 32,
            "x",
            to_json(plan),
            text.encode(),
            str(folder.path),
            "t",
            NAME,
            {"engine": "1"},
            "runs",
        )
        result = run_cell(task)
        assert result.status == "complete", result
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(folder.cell("0" * 32) / "run", target)
    return target
