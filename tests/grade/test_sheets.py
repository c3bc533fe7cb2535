"""The sheets: no cell that a spreadsheet takes for a formula, no text that a browser takes for a
program.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tcpexp.grade.model import ExerciseGrade, Grades, Mark, StudentGrade
from tcpexp.grade.sheets import csv_text, html_text, write_sheets
from tests.support.handed import write_rubric

NASTY = [
    '=cmd|"/C calc"!A0',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "<script>alert(1)</script>",
    "a\nb",
    "\udce4",
]


def grades_of(*names: str) -> Grades:
    students = []
    for name in names:
        marks = [Mark(name, "PASS", 1, 1), Mark("t", "FAIL", 0, 1)]
        students.append(
            StudentGrade(
                name,
                [
                    ExerciseGrade("counting", "graded", marks),
                    ExerciseGrade("more", "graded", marks[:1]),
                ],
                [name],
            )
        )
    return Grades("lab", "A laboratory", students)


@pytest.mark.parametrize("name", NASTY)
def test_cells_are_no_formulas(name: str, tmp_path: Path) -> None:
    text = csv_text(grades_of(name), write_rubric(tmp_path))
    assert text.startswith("\ufeffstudent,points,of")
    for row in csv.reader(io.StringIO(text[1:])):
        for cell in row:
            assert not cell.lstrip().startswith(("=", "+", "-", "@"))
            assert cell == cell.replace("\n", "")


def test_the_page_shows_texts_as_texts_and_needs_nothing_else(tmp_path: Path) -> None:
    page = html_text(grades_of(*NASTY), write_rubric(tmp_path), tmp_path)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_all_three_are_written(tmp_path: Path) -> None:
    grades = grades_of("alice", "\udce4")
    write_sheets(grades, write_rubric(tmp_path / "rubric"), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "grades.csv",
        "grades.html",
        "grades.json",
    ]
    assert grades.exit_code == 1
