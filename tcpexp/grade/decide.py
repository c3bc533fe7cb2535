"""From what was found of a student to a grade per exercise: which run counts, why not another, late
work, and work that is alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.grade.look import Look
from tcpexp.grade.model import ExerciseGrade, Mark, StudentGrade
from tcpexp.grade.rubric import part_hashes

if TYPE_CHECKING:
    from tcpexp.grade.rubric import Exercise, Rubric

#: Of several reasons why nothing of an exercise was judged, the one to show: what was nearest to
#: being judged.
_ORDER = ("different", "damaged", "failed", "incomplete", "refused", "wrong", "not run")
_STATE_OF = {
    "spec": "not run",
    "damaged": "damaged",
    "incomplete": "incomplete",
    "refused": "refused",
    "wrong": "wrong",
}
NOT_RUN = "it is a spec without a run; --run runs it"


@dataclass
class Handed:
    """What one student handed in: a look at each spec and run, what could not be taken, and what
    was made of it here.

    ``remade`` maps a look's path to the look at the run that was made here of the same plan, or to
    a sentence why there is none.
    """

    student: str
    looks: list[Look] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remade: dict[str, Look | str] = field(default_factory=dict)
    reports: dict[str, str] = field(default_factory=dict)
    received: datetime | None = None


def grade_student(handed: Handed, rubric: Rubric) -> StudentGrade:
    """Return the grades of one student, in the rubric's order."""
    grades = [
        grade_exercise(handed, name, exercise, rubric)
        for name, exercise in rubric.exercises.items()
    ]
    student = StudentGrade(handed.student, grades, list(handed.problems))
    for look in handed.looks:
        if look.experiment not in rubric.exercises:
            name = (
                f"'{look.experiment}' is no exercise of this rubric"
                if look.experiment
                else str(look.reason)
            )
            student.remarks.append(f"{Path(look.path).name}: {name}")
    return student


def grade_exercise(handed: Handed, name: str, exercise: Exercise, rubric: Rubric) -> ExerciseGrade:
    """Return the grade of one exercise: of all that was handed in for it, what gives the most
    points counts.
    """
    judged: list[tuple[Look, str]] = []
    others: list[tuple[str, str]] = []
    for look in handed.looks:
        if look.experiment != name:
            continue
        differing = differing_parts(look, name, exercise, rubric)
        if differing:
            others.append(("different", f"{', '.join(differing)} not as in {exercise.spec}"))
            continue
        counted, words = _judged(look, handed)
        if isinstance(counted, Look):
            judged.append((counted, words))
        else:
            others.append((counted, words))
    if not judged:
        return _ungraded(name, exercise, others)
    grades = [_graded(name, exercise, look, words, handed) for look, words in judged]
    best = max(grades, key=lambda grade: grade.points)
    if len(grades) > 1:
        best.remarks.append(f"{len(grades)} runs of it: the best one counts")
    best.remarks += [f"another one: {words}" for _, words in others if words != NOT_RUN]
    _mark_late(best, exercise, handed.received)
    return best


def _compared(made: Look, look: Look) -> str:
    """Return in words whether a run that was made again has the packets of the one that was handed
    in, and if not, whether it could have.
    """
    if made.facts.get("captures") == look.facts.get("captures"):
        return "made again here: the same packets"
    if _parts(made) != _parts(look):
        return (
            "made again here, with another place, kernel or image: other packets than in the run"
            " that was handed in, as must be"
        )
    return "made again here: other packets than in the run that was handed in"


def _parts(look: Look) -> tuple[str | None, ...]:
    """Return what two runs of one plan must have in common to have the same packets."""
    facts = look.facts
    return facts.get("where"), facts.get("image_sha256"), facts.get("kernel_sha256")


def _judged(look: Look, handed: Handed) -> tuple[Look | str, str]:
    """Return what is judged for a look, with words on where it comes from.

    Or a state and the reason why there is nothing.
    """
    made = handed.remade.get(look.path)
    if isinstance(made, Look) and made.state == "judged":
        if look.kind == "spec":
            return made, "run here"
        return made, _compared(made, look)
    if made is not None:
        return "failed", made if isinstance(made, str) else str(made.reason)
    if look.state == "judged":
        return look, "captures" if look.kind == "capture" else "as recorded"
    return _STATE_OF[look.state], NOT_RUN if look.state == "spec" else str(look.reason)


def differing_parts(look: Look, name: str, exercise: Exercise, rubric: Rubric) -> list[str]:
    """Return which pinned parts are not those of the experiment as it was given out."""
    given = rubric.given(name)
    if given is None or not look.parts:
        return []
    asked = part_hashes(given)
    return [part for part in exercise.pinned if look.parts.get(part) != asked[part]]


def _graded(name: str, exercise: Exercise, look: Look, words: str, handed: Handed) -> ExerciseGrade:
    marks = []
    for check, verdict in zip(exercise.checks, look.verdicts, strict=True):
        points = check.points if verdict["result"] == "PASS" else 0.0
        marks.append(
            Mark(
                check.title,
                verdict["result"],
                points,
                check.points,
                verdict["measured"],
                verdict["asked"],
                verdict["reason"],
            )
        )
    grade = ExerciseGrade(
        name,
        "graded",
        marks,
        source=words,
        report=handed.reports.get(look.path),
        captures=look.captures,
        text=look.text,
    )
    if look.facts.get("certificate") not in ("VALID", None):
        grade.remarks.append(f"certificate {look.facts['certificate']}")
    return grade


def _ungraded(name: str, exercise: Exercise, others: list[tuple[str, str]]) -> ExerciseGrade:
    """Return a grade without points: every check INCONCLUSIVE, with the reason."""
    others = sorted(others, key=lambda other: _ORDER.index(other[0]))
    state, reason = others[0] if others else ("missing", "nothing was handed in under this name")
    marks = [
        Mark(check.title, "INCONCLUSIVE", 0.0, check.points, reason=reason)
        for check in exercise.checks
    ]
    return ExerciseGrade(
        name, state, marks, reason, remarks=[f"another one: {words}" for _, words in others[1:]]
    )


def _mark_late(grade: ExerciseGrade, exercise: Exercise, received: datetime | None) -> None:
    if exercise.deadline is None or received is None or received <= exercise.deadline:
        return
    grade.factor = exercise.late
    grade.remarks.append(
        f"late, received {received.isoformat(sep=' ', timespec='minutes')}: counts"
        f" {exercise.late:.0%}"
    )


def remark_alike(students: Sequence[StudentGrade], rubric: Rubric) -> None:
    """Add a remark where students have the same spec or the same packets, unless it is the
    experiment as it was given out.

    Under the virtual clock the same spec and seed give everybody the same packets, so that says
    nothing about work that was given.
    """
    for name in rubric.exercises:
        given = rubric.given_text(name)
        graded = [
            (student, grade)
            for student in students
            for grade in student.exercises
            if grade.exercise == name
        ]
        told: set[str] = set()
        for key, words in (
            ("text", "the same spec, but for prose, as"),
            ("captures", "the same packets as"),
        ):
            groups: dict[str, list[tuple[StudentGrade, ExerciseGrade]]] = {}
            for student, grade in graded:
                value = getattr(grade, key)
                if (
                    value is not None
                    and (given is None or grade.text != given)
                    and student.student not in told
                ):
                    groups.setdefault(value, []).append((student, grade))
            for group in groups.values():
                names = [student.student for student, _ in group]
                for student, grade in group if len(group) > 1 else ():
                    told.add(student.student)
                    grade.remarks.append(
                        f"{words} {', '.join(name for name in names if name != student.student)}"
                    )
