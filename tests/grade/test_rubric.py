"""Rubrics: what they say, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp import paths
from tcpexp.errors import SpecErrors
from tcpexp.grade.rubric import load_rubric
from tests.support.handed import RUBRIC, write_rubric


def test_a_rubric(tmp_path: Path) -> None:
    rubric = write_rubric(tmp_path)
    assert rubric.points == 6
    counting = rubric.exercises["counting"]
    assert (counting.points, counting.late, counting.pinned) == (3, 0.5, ("network", "duration"))
    assert counting.checks[1].title
    assert rubric.given("counting") is not None
    assert rubric.given("more") is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "points: 2, ",
            "",
            "lab.yaml:11:9: a check of a rubric says what it is worth (add points:",
        ),
        ("points: 2", "points: -1", "says what it is worth"),
        (
            "counter: {host: h1, name: Tcp.OutSegs, at_least: 11000}",
            "conter: {host: h1}",
            "lab.yaml:11:10: unknown check 'conter'",
        ),
        (
            "host: h1, name: Tcp.OutSegs, at_least",
            "host: h7, name: Tcp.OutSegs, at_least",
            "there is no host 'h7'",
        ),
        ("pinned: [network, duration]", "pinned: [wires]", "lab.yaml:7:1"),
        ("+01:00", "", "has no time zone"),
        (
            "spec: counting.yaml",
            "spec: nowhere.yaml",
            "lab.yaml:6:11: there is no such file or experiment",
        ),
        (
            "    spec: counting.yaml\n",
            "",
            "pinned: compares with the experiment as it was given out",
        ),
        ("  counting:", "  countings:", "is the experiment 'counting', not 'countings'"),
        ("title: A laboratory", "titel: A laboratory", "lab.yaml:2:1: unknown key 'titel'"),
        ("late: 50%", "late: 150%", "lab.yaml:9:11"),
    ],
)
def test_mistakes_have_a_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in RUBRIC
    with pytest.raises(SpecErrors) as caught:
        write_rubric(tmp_path, RUBRIC.replace(old, new, 1))
    assert words in str(caught.value)


MINE = """\
from tcpexp.checks.base import Check
class Mine(Check):
    name = "mine"
    def evaluate(self, run):
        return self.verdict(True, "yes", "it is")
"""


def test_a_rubric_brings_checks_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    text = RUBRIC.replace("name: lab\n", "name: lab\nplugins: [mine.py]\n")
    rubric = write_rubric(
        tmp_path, text.replace("counter: {host: h1, name: Tcp.OutSegs, above: 0}", "mine: {}")
    )
    assert rubric.criteria().plugins["mine.py"] == MINE


@pytest.mark.parametrize(
    "path", sorted(paths.rubrics_dir().glob("*.yaml")), ids=lambda path: path.stem
)
def test_shipped_rubrics_load(path: Path) -> None:
    assert load_rubric(path).name == path.stem
