"""``grade``: many students' runs or specs against a rubric, to one table."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import click

from tcpexp import paths
from tcpexp.cli.options import echo_json, json_option, say
from tcpexp.errors import Position, SpecError
from tcpexp.grade.model import STATES, Grades, all_remarks
from tcpexp.telling import say_nothing

EPILOG = """\b
Examples:
  tcpexp grade submissions --rubric handshake_lab       recorded runs, from disk
  tcpexp grade submissions --rubric lab.yaml --run      and run what are specs only
  tcpexp grade submissions --rubric lab.yaml --remake   make recorded runs again
  tcpexp grade submissions/alice.zip --rubric lab.yaml --json

\b
DIR holds a folder or a zip archive per student, named after the student.
grades.csv, grades.html and grades.json are written to --out DIR.
"""


@click.command(epilog=EPILOG)
@click.argument(
    "folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--rubric",
    required=True,
    metavar="FILE",
    help="The rubric: a file, or the name of one that comes with tcpexp.",
)
@click.option(
    "--run",
    "run_specs",
    is_flag=True,
    help="Run specs of exercises of which there is no recorded run, in the guest.",
)
@click.option(
    "--remake",
    is_flag=True,
    help=(
        "Make every recorded run of a guest again, and judge that; says whether the packets are the"
        " same."
    ),
)
@click.option("--retry", is_flag=True, help="Make runs again that failed at an earlier grading.")
@click.option(
    "--received",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="When work was received: rows of student and time; for deadlines.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 500),
    metavar="N",
    help="Submissions at a time; one per processor unless given.",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="Make runs on the Dask cluster of this scheduler."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the sheets and runs go. [default: grades/RUBRIC of the results]",
)
@json_option
@click.option("--quiet", "-q", is_flag=True, help="No progress and no table; errors only.")
def grade(
    folders: tuple[Path, ...],
    rubric: str,
    run_specs: bool,
    remake: bool,
    retry: bool,
    received: Path | None,
    jobs: int | None,
    scheduler: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Grade many submissions by a rubric of checks.

    Recorded runs are verified and judged from disk. What is damaged, incomplete or missing gives no
    points, and the reason is said. No program that came with a submission is executed on this
    machine; specs are run inside the guest only.

    Exit code 1 when a check did not pass, 4 when something is missing or failed, 5 when a recorded
    run is damaged.
    """
    from tcpexp.grade.rubric import load_rubric
    from tcpexp.grade.run import GradeOptions
    from tcpexp.grade.run import grade as grade_all
    from tcpexp.grade.sheets import json_value

    loaded = load_rubric(find_rubric(rubric))
    target = out or paths.default_results_dir() / "grades" / loaded.name
    options = GradeOptions(
        target,
        run_specs,
        remake,
        retry,
        jobs,
        scheduler,
        read_received(received) if received else {},
    )
    grades = grade_all(folders, loaded, options, say_nothing if quiet or as_json else say)
    paths.give_to_user(target)
    if as_json:
        echo_json({**json_value(grades), "files": grades.files})
    elif not quiet:
        print_grades(grades)
    return grades.exit_code


def find_rubric(name: str) -> Path:
    """Return the rubric that the command line means: a file, or ``x`` for the one that ships under
    this name.
    """
    shipped = paths.rubrics_dir() / f"{name}.yaml"
    return shipped if not Path(name).exists() and shipped.is_file() else Path(name)


def read_received(path: Path) -> dict[str, datetime]:
    """Return the time at which each student's work was received.

    ``path`` has rows of student and time (ISO 8601 with a time zone). Raises ``SpecError``.
    """
    received: dict[str, datetime] = {}
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecError(
            f"it cannot be read: {error}",
            where=str(path),
            hint="write rows such as: alice,2026-11-20T22:10:00+01:00",
        ) from None
    for number, row in enumerate(rows, 1):
        if not any(row) or (
            number == 1 and [cell.strip().lower() for cell in row[:1]] == ["student"]
        ):
            continue
        try:
            time = datetime.fromisoformat(row[1].strip())
            if time.tzinfo is None:
                raise ValueError
        except (IndexError, ValueError):
            hint = "write student,time such as alice,2026-11-20T22:10:00+01:00"
            raise SpecError(
                "this row has no time with a time zone in its second column",
                where=Position(str(path), number, 1),
                hint=hint,
            ) from None
        received[row[0].strip()] = time
    return received


def print_grades(grades: Grades) -> None:
    """Print a table of all students, and where the sheets are."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = Console(highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("student")
    table.add_column("points", justify="right")
    for exercise in grades.students[0].exercises:
        table.add_column(exercise.exercise)
    table.add_column("remarks", justify="right")
    for student in grades.students:
        cells = [
            f"{exercise.points:g}" if exercise.state == "graded" else STATES[exercise.state]
            for exercise in student.exercises
        ]
        cells = [
            student.student,
            f"{student.points:g} / {student.of:g}",
            *cells,
            str(len(all_remarks(student)) or ""),
        ]
        table.add_row(
            *(
                Text("".join(letter if letter.isprintable() else "?" for letter in cell))
                for cell in cells
            )
        )
    out.print(table)
    for kind in ("html", "csv"):
        click.echo(f"{kind}: {grades.files[kind]}")
