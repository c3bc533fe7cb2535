"""The sheets of a grading: ``grades.csv`` for a spreadsheet, ``grades.html`` to read,
``grades.json`` for programs.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tcpexp.grade.model import STATES, ExerciseGrade, Grades, StudentGrade, all_remarks
from tcpexp.report.page.write import environment
from tcpexp.store.rundir import to_json_text, write_atomic

if TYPE_CHECKING:
    from tcpexp.grade.rubric import Rubric

#: A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_sheets(grades: Grades, rubric: Rubric, out: Path) -> None:
    """Write the three sheets to ``out`` and note them in ``grades.files``.

    Raises ``RunError`` when that is not possible.
    """
    out = out.absolute()
    sheets = {
        "csv": csv_text(grades, rubric),
        "html": html_text(grades, rubric, out),
        "json": to_json_text(json_value(grades)),
    }
    for kind, text in sheets.items():
        path = out / f"grades.{kind}"
        write_atomic(path, text.encode("utf-8", "replace"))
        grades.files[kind] = str(path)


# --------------------------------------------------------------------------------
# CSV


def csv_text(grades: Grades, rubric: Rubric) -> str:
    """Return a row per student: points, per exercise its points, state and verdicts, and the
    remarks.

    UTF-8 with a byte order mark, as spreadsheets want it. A text that a spreadsheet would take for
    a formula begins with an apostrophe.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    heads = ["student", "points", "of"]
    for name, exercise in rubric.exercises.items():
        heads += [
            f"{name}: points",
            f"{name}: of",
            f"{name}: state",
            *(f"{name}: {check.title}" for check in exercise.checks),
        ]
    writer.writerow([_cell(head) for head in [*heads, "remarks"]])
    for student in grades.students:
        row: list[Any] = [student.student, _number(student.points), _number(student.of)]
        for grade in student.exercises:
            row += [
                _number(grade.points),
                _number(grade.of),
                STATES[grade.state],
                *(mark.result for mark in grade.marks),
            ]
        writer.writerow([_cell(value) for value in [*row, " | ".join(all_remarks(student))]])
    return "\ufeff" + stream.getvalue()


def _cell(value: Any) -> Any:
    """Return a value as a spreadsheet may have it: numbers as they are, texts that could be
    formulas with an apostrophe before them.
    """
    if isinstance(value, (int, float)):
        return value
    text = "".join(
        letter if letter.isprintable() else " "
        for letter in str(value).encode("utf-8", "replace").decode()
    )
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _number(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value


# --------------------------------------------------------------------------------
# HTML


def html_text(grades: Grades, rubric: Rubric, out: Path) -> str:
    """Return the page: a table of all, and every student's marks with their reasons.

    Works offline, all texts escaped.
    """
    import markupsafe

    text = resources.files("tcpexp.grade").joinpath("grades.html.j2").read_text(encoding="utf-8")
    content = {
        "style": markupsafe.Markup(
            resources.files("tcpexp.report").joinpath("report.css").read_text(encoding="utf-8")
        ),
        "name": grades.name,
        "title": grades.title,
        "exercises": [
            (name, exercise.title or name, _number(exercise.points), exercise.deadline)
            for name, exercise in rubric.exercises.items()
        ],
        "of": _number(rubric.points),
        "students": [
            _student(number, student, out) for number, student in enumerate(grades.students)
        ],
        "states": STATES,
    }
    return environment().from_string(text).render(content)


def _student(number: int, student: StudentGrade, out: Path) -> dict[str, Any]:
    return {
        "id": f"s{number}",
        "name": student.student.encode("utf-8", "replace").decode(),
        "points": _number(student.points),
        "of": _number(student.of),
        "remarks": student.remarks,
        "count": len(all_remarks(student)),
        "exercises": [_exercise(grade, out) for grade in student.exercises],
    }


def _exercise(grade: ExerciseGrade, out: Path) -> dict[str, Any]:
    return {
        "name": grade.exercise,
        "state": STATES[grade.state],
        "graded": grade.state == "graded",
        "points": _number(grade.points),
        "of": _number(grade.of),
        "reason": grade.reason,
        "source": grade.source,
        "remarks": grade.remarks,
        "report": None if grade.report is None else quote(os.path.relpath(grade.report, out)),
        "marks": [
            {**dataclasses.asdict(mark), "points": _number(mark.points), "of": _number(mark.of)}
            for mark in grade.marks
        ],
    }


# --------------------------------------------------------------------------------
# JSON


def json_value(grades: Grades) -> dict[str, Any]:
    """Return everything as plain values."""
    students = []
    for student in grades.students:
        exercises = [
            {**dataclasses.asdict(grade), "points": grade.points, "of": grade.of}
            for grade in student.exercises
        ]
        students.append(
            {
                "student": student.student,
                "points": student.points,
                "of": student.of,
                "remarks": student.remarks,
                "exercises": exercises,
            }
        )
    return {
        "rubric": grades.name,
        "title": grades.title,
        "exit_code": grades.exit_code,
        "runs_made": grades.made,
        "students": students,
    }
