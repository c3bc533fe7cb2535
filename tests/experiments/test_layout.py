"""Experiments, studies and rubrics are read as text: no line runs off a reader's screen."""

from __future__ import annotations

import pytest

from tcpexp.paths import experiments_dir

COLUMNS = 119


@pytest.mark.parametrize(
    "path", sorted(experiments_dir().rglob("*.yaml")), ids=lambda path: path.stem
)
def test_no_line_is_longer_than_a_reader_sees(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > COLUMNS] == []
