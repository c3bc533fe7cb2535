"""What several runs look like in a terminal: a bar for each run under way, a line for each that has
ended, a table at the end.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Literal

import click

from tcpexp.cli.errors import print_error_row
from tcpexp.cli.options import COLOURS
from tcpexp.places.registry import place_words

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from tcpexp.batch.rows import Job, RunRow, RunStart


#: How a run's status looks; others are yellow.
STATUS_STYLES = {"complete": "", "failed": "bold red", "crashed": "bold red"}
#: Columns of words, not of numbers.
LEFT = ("experiment", "kernel", "status", "certificate")
#: What a row counts of verdicts.
Counted = Literal["passed", "failed", "undecided"]
#: Bars are drawn at most this often, in seconds of wall time.
SHOW_EVERY_S = 0.15


class QuietDisplay:
    """Prints errors only."""

    def begins(self, number: int, job: Job) -> None:
        """Say nothing."""

    def starts(self, number: int, run: RunStart) -> None:
        """Say nothing."""

    def progress(self, number: int, phase: str, seconds: float | None) -> None:
        """Say nothing."""

    def say(self, number: int | None, text: str) -> None:
        """Say nothing."""

    def ends(self, number: int, row: RunRow) -> None:
        """Print the run's errors."""
        for error in row["errors"]:
            print_error_row(error)

    def tick(self) -> None:
        """Have nothing to show."""

    def close(self) -> None:
        """Have nothing to remove."""


class TerminalDisplay(QuietDisplay):
    """On standard error: bars on a terminal, without one a line when a run starts.

    On both a line when it has ended.
    """

    def __init__(self, total: int) -> None:
        from rich.console import Console

        self.total = total
        self.shown = 0.0
        self.ended = 0
        self.names: dict[int, str] = {}
        self.durations: dict[int, float] = {}
        self.tasks: dict[int, TaskID] = {}
        self.console = Console(stderr=True, highlight=False)
        self.bars: Progress | None = None
        if self.console.is_terminal:
            self._show_bars()

    def _show_bars(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[clock]}"),
            TextColumn("wall"),
            TimeElapsedColumn(),
        )
        self.bars = Progress(*columns, console=self.console, transient=True, auto_refresh=False)
        self.whole = self.bars.add_task("all", total=self.total, clock=f"0 / {self.total}")
        self.bars.start()

    def begins(self, number: int, job: Job) -> None:
        """Add a bar."""
        self.names[number] = job_name(job)
        if self.bars is not None:
            self.tasks[number] = self.bars.add_task(self.names[number], total=None, clock="")

    def starts(self, number: int, run: RunStart) -> None:
        """Give the bar its length; without a terminal say what runs where."""
        self.durations[number] = run["duration_s"]
        if self.bars is not None:
            self.bars.update(self.tasks[number], total=run["duration_s"])
        else:
            self._line(
                f"{self.names[number]}: started ({run['duration_s']:g} s, seed {run['seed']},"
                f" {place_words(run['place'])})"
            )

    def progress(self, number: int, phase: str, seconds: float | None) -> None:
        """Move the bar."""
        if self.bars is None or phase == "done":
            return
        duration = self.durations.get(number, 0.0)
        done = duration if seconds is None else min(max(seconds, 0.0), duration)
        clock = "" if seconds is None else f"{max(seconds, 0):.1f} / {duration:g} s"
        self.bars.update(
            self.tasks[number],
            description=f"{self.names[number]}: {phase}",
            completed=done,
            clock=clock,
        )

    def say(self, number: int | None, text: str) -> None:
        """Print a line, above the bars where there are any."""
        self._line(text if number is None else f"{self.names[number]}: {text}")

    def ends(self, number: int, row: RunRow) -> None:
        """Remove the bar; print what came of the run, and each verdict that is not PASS."""
        self.ended += 1
        if self.bars is not None:
            self.bars.remove_task(self.tasks.pop(number))
            self.bars.update(self.whole, completed=self.ended, clock=f"{self.ended} / {self.total}")
        self._line(f"[{self.ended}/{self.total}] {self.names[number]}: {outcome_words(row)}")
        for failure in row.get("failures", ()):
            self._line(f"  program failed: {failure['text']}")
        for verdict in row.get("verdicts", ()):
            if verdict["result"] != "PASS":
                asked = f" (expected {verdict['asked']})" if verdict["asked"] else ""
                self._line(
                    f"  {verdict['result']} {verdict['title']}: {verdict['measured']}{asked}"
                )
        if row["run"] is not None and row["exit_code"]:
            self._line(f"  see {row['run']}")
        super().ends(number, row)

    def _line(self, text: str) -> None:
        if self.bars is None:
            click.echo(text, err=True)
        else:
            self.console.print(text, markup=False, soft_wrap=True)

    def tick(self) -> None:
        """Show the bars as they stand, a few times a second."""
        now = monotonic()
        if self.bars is not None and now - self.shown > SHOW_EVERY_S:
            self.shown = now
            self.bars.refresh()

    def close(self) -> None:
        """Remove the bars."""
        if self.bars is not None:
            self.bars.stop()
            self.bars = None


def job_name(job: Job) -> str:
    """Return what a run is called while it is made: its spec, and the kernel that was asked for."""
    stem = Path(job.spec).stem
    return stem if job.options.kernel is None else f"{stem} on {job.options.kernel}"


def outcome_words(row: RunRow) -> str:
    """Return what came of a run in a few words: ``7 passed, VALID, 12.3 s``."""
    counts = (("passed", row["passed"]), ("failed", row["failed"]), ("undecided", row["undecided"]))
    words = [f"{count} {word}" for word, count in counts if count]
    state = [] if row["status"] == "complete" else [row["status"]]
    failures = len(row.get("failures", ()))
    state += [f"{failures} {'program' if failures == 1 else 'programs'} failed"] if failures else []
    certificate = (row.get("certificate") or {}).get("verdict")
    return (
        ", ".join(
            [
                *state,
                *words,
                *([certificate] if certificate else []),
                *([time] if (time := run_time(row)) else []),
            ]
        )
        or row["status"]
    )


def run_time(row: RunRow) -> str:
    """Return how long a run took from spec to report, in words; empty when it was not made."""
    seconds = (row.get("timing") or {}).get("total_s")
    return "" if seconds is None else f"{seconds:.1f} s"


def print_table(rows: list[RunRow], wall_s: float | None = None) -> None:
    """Print one line per run: how it ended, its verdicts, its certificate and its run time.

    Then the sums.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    several = len({row.get("kernel") for row in rows if row["run"] is not None}) > 1
    made = {(row["spec"], row.get("kernel") if several else None) for row in rows}
    repeated = len(made) < len(rows)
    counts: list[tuple[Counted, str]] = [
        ("passed", "PASS"),
        ("failed", "FAIL"),
    ]
    if any(row["undecided"] for row in rows):
        counts.append(("undecided", "INCONCLUSIVE"))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in (
        "experiment",
        *(["kernel"] if several else []),
        *(["seed"] if repeated else []),
        "status",
        *(head for head, _ in counts),
        "certificate",
        "run time",
    ):
        table.add_column(
            head,
            justify="left" if head in LEFT else "right",
            no_wrap=head != "experiment",
        )
    for row in rows:
        state = Text(row["status"], STATUS_STYLES.get(row["status"], "yellow"))
        verdicts = [Text(str(row[head] or ""), COLOURS[word]) for head, word in counts]
        certificate = str((row.get("certificate") or {}).get("verdict", ""))
        seed = [str(row.get("seed", ""))] if repeated else []
        table.add_row(
            row["experiment"],
            *([str(row.get("kernel") or "")] if several else []),
            *seed,
            state,
            *verdicts,
            Text(certificate, "" if certificate == "VALID" else "yellow"),
            run_time(row),
        )
    out = Console(highlight=False)
    out.print(table)
    out.print(
        sum_words(rows) + ("" if wall_s is None else f"; {wall_s:.0f} s in all"),
        markup=False,
        soft_wrap=True,
    )


def sum_words(rows: list[RunRow]) -> str:
    """Return what came of several runs in one line: ``62 runs: 60 without a failed check, 1 with
    failed checks, 1 failed``.
    """
    complete = [row for row in rows if row["status"] == "complete"]
    failing = sum(bool(row["failed"]) for row in complete)
    broken = sum(bool(row.get("failures")) for row in complete)
    words = [f"{len(complete) - failing} without a failed check"]
    words += [f"{failing} with failed checks"] if failing else []
    words += [f"{broken} with a program that failed"] if broken else []
    for status in dict.fromkeys(row["status"] for row in rows if row["status"] != "complete"):
        words.append(f"{sum(row['status'] == status for row in rows)} {status}")
    return f"{len(rows)} runs: {', '.join(words)}"
