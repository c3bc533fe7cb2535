"""What came of grading: a row per student, in it a grade per exercise, in it a mark per check."""

from __future__ import annotations

from dataclasses import dataclass, field

#: What can be the matter with an exercise of a student, and how it is said.
STATES = {
    "graded": "graded",
    "missing": "not handed in",
    "not run": "a spec, not run",
    "different": "another experiment",
    "wrong": "the spec is wrong",
    "refused": "refused",
    "failed": "the run failed",
    "incomplete": "not complete",
    "damaged": "damaged",
}


@dataclass(frozen=True)
class Mark:
    """One check: its title, verdict, the points that it gave of those it could give, what was
    measured and asked, and the reason.
    """

    title: str
    result: str
    points: float
    of: float
    measured: str = "not measured"
    asked: str = ""
    reason: str = ""


@dataclass
class ExerciseGrade:
    """One exercise of one student; ``state`` is one of ``STATES``, ``source`` says what was judged,
    ``report`` is its page.

    ``reason`` says why nothing was judged. ``factor`` is what late work counts.
    """

    exercise: str
    state: str
    marks: list[Mark]
    reason: str = ""
    source: str = ""
    report: str | None = None
    remarks: list[str] = field(default_factory=list)
    factor: float = 1.0
    captures: str | None = None
    text: str | None = None

    @property
    def points(self) -> float:
        """What it gave."""
        return round(self.factor * sum(mark.points for mark in self.marks), 3)

    @property
    def of(self) -> float:
        """What it could give."""
        return sum(mark.of for mark in self.marks)


@dataclass
class StudentGrade:
    """One student: a grade per exercise of the rubric, in its order, and remarks about the whole
    submission.
    """

    student: str
    exercises: list[ExerciseGrade]
    remarks: list[str] = field(default_factory=list)

    @property
    def points(self) -> float:
        """What all exercises gave."""
        return round(sum(grade.points for grade in self.exercises), 3)

    @property
    def of(self) -> float:
        """What all could give."""
        return sum(grade.of for grade in self.exercises)


def all_remarks(student: StudentGrade) -> list[str]:
    """Return the remarks on a student and on each exercise, the reason first where nothing was
    judged.
    """
    remarks = list(student.remarks)
    for grade in student.exercises:
        remarks += [
            f"{grade.exercise}: {words}"
            for words in ([grade.reason] if grade.reason else []) + grade.remarks
        ]
    return remarks


@dataclass
class Grades:
    """All students, where the sheets lie, and how many runs were made for it."""

    name: str
    title: str
    students: list[StudentGrade]
    made: int = 0
    files: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """The command line's: 5 something is damaged, 4 something is missing or failed, 1 a check
        failed, 0 everything passed.
        """
        states = {grade.state for student in self.students for grade in student.exercises}
        if "damaged" in states:
            return 5
        if states - {"graded"}:
            return 4
        marks = [
            mark for student in self.students for grade in student.exercises for mark in grade.marks
        ]
        return 1 if any(mark.result != "PASS" for mark in marks) else 0
