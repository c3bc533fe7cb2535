"""What a study looks like in a terminal: the matrix, a bar with the time left, the verdicts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypedDict

import click

from tcpexp.cli.options import COLOURS
from tcpexp.words.rough import bytes_words, time_words

if TYPE_CHECKING:
    from tcpexp.batch.cell import CellResult, CellTask
    from tcpexp.batch.estimate import Estimate
    from tcpexp.runs.signals import StopSignals
    from tcpexp.studies.outcome import StudyOutcome
    from tcpexp.studies.study import Study

#: Rows of the matrix that a dry run prints; --json has all.
MOST_ROWS = 60
#: Without a terminal, progress is printed this often, in seconds of wall time.
LINE_EVERY_S = 30.0


class MatrixEstimate(TypedDict):
    """What the runs that are left will cost."""

    wall_s: int
    disk_bytes: int
    from_finished_runs: int


class Matrix(TypedDict):
    """What a dry run shows.

    A row of ``runs`` has the run's number, its parameters by name, its seed, key and state.
    """

    study: str
    folder: str
    cells: int
    repeat: int
    runs: list[dict[str, Any]]
    done: int
    failed: int
    to_make: int
    at_once: int
    remark: str | None
    estimate: MatrixEstimate


class QuietStudyWatcher:
    """Prints failed runs only; no more runs are begun after the first signal."""

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals

    def begins(self, total: int, done: int, rest: Estimate) -> None:
        """Say nothing."""

    def hands_out(self, task: CellTask) -> None:
        """Say nothing."""

    def ends(self, task: CellTask, result: CellResult, forecast_s: float) -> None:
        """Say what failed."""
        if result.status != "complete":
            self.say(f"{task.label}: {result.status}: {result.error}")

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text, err=True)

    def stop(self) -> bool:
        """Return whether a signal has come."""
        return self.signals.asked

    def close(self) -> None:
        """Have nothing to remove."""


class TerminalStudyWatcher(QuietStudyWatcher):
    """A bar on a terminal, without one a line now and then, with the time left: what the rest was
    expected to cost, at the pace so far.
    """

    def __init__(self, signals: StopSignals) -> None:
        super().__init__(signals)
        self.total = self.ended = 0
        self.expected_s = self.made_s = 0.0
        self.started = self.printed = time.monotonic()
        self.bar: Any = None
        self.told_stop = False

    def begins(self, total: int, done: int, rest: Estimate) -> None:
        """Show where the study stands."""
        from rich.console import Console

        self.total, self.ended, self.expected_s = total, done, 0.0
        self.rest_s = rest.wall_s
        self.left = total - done
        self.started = time.monotonic()
        console = Console(stderr=True, highlight=False)
        self.say(
            f"{total} runs: {done} are there, {total - done} to make, about"
            f" {time_words(rest.wall_s)}"
        )
        if console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[words]}"),
                TimeElapsedColumn(),
            )
            self.bar = Progress(*columns, console=console, transient=True)
            self.task = self.bar.add_task("runs", total=total, completed=done, words="")
            self.bar.start()

    def ends(self, task: CellTask, result: CellResult, forecast_s: float) -> None:
        """Move on, and say what failed."""
        super().ends(task, result, forecast_s)
        self.ended += 1
        now = time.monotonic()
        words = f"{self.ended} / {self.total}, {time_words(self.left_s(now))} left"
        if self.bar is not None:
            self.bar.update(self.task, completed=self.ended, words=words)
        elif now - self.printed > LINE_EVERY_S:
            self.printed = now
            self.say(f"  {words}")

    def left_s(self, now: float) -> float:
        """Return the wall seconds that are left at the pace so far."""
        made = self.ended - (self.total - self.left)
        return (now - self.started) / max(made, 1) * (self.total - self.ended)

    def say(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        if self.bar is None:
            click.echo(text, err=True)
        else:
            self.bar.console.print(text, markup=False, soft_wrap=True)

    def stop(self) -> bool:
        """Return whether a signal has come; say so once."""
        if self.signals.asked and not self.told_stop:
            self.told_stop = True
            self.say(
                "stopping: runs under way are finished, no other is begun (Ctrl-C again aborts;"
                " nothing that is finished is lost)"
            )
        return self.signals.asked

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def print_matrix(study: Study, matrix: Matrix) -> None:
    """Print the runs of a study and what they will cost."""
    from rich.console import Console
    from rich.table import Table

    out = Console(highlight=False)
    names = list(study.sweep.parameters)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("cell", *names, "seeds", "state"):
        table.add_column(head, justify="right")
    by_cell: dict[int, list[dict[str, Any]]] = {}
    for run, row in zip(study.runs, matrix["runs"], strict=True):
        by_cell.setdefault(run.cell.number, []).append(row)
    for number, runs in list(by_cell.items())[:MOST_ROWS]:
        seeds = str(runs[0]["seed"]) if len(runs) == 1 else f"{runs[0]['seed']}-{runs[-1]['seed']}"
        states = [run["state"] for run in runs]
        words = (
            states[0]
            if len(set(states)) == 1
            else ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        )
        table.add_row(
            str(number),
            *(
                f"{runs[0][name]:.6g}" if isinstance(runs[0][name], float) else str(runs[0][name])
                for name in names
            ),
            seeds,
            words,
        )
    out.print(table)
    if len(by_cell) > MOST_ROWS:
        out.print(f"... and {len(by_cell) - MOST_ROWS} more combinations (--json names all)")
    estimate = matrix["estimate"]
    source = (
        f"from {estimate['from_finished_runs']} finished runs"
        if estimate["from_finished_runs"]
        else "by rule of thumb (docs/concepts/speed.md)"
    )
    lines = [
        (
            f"{matrix['cells']} combinations x {matrix['repeat']} = {len(matrix['runs'])} runs:"
            f" {matrix['done']} done, {matrix['failed']} failed, {matrix['to_make']} to make"
        ),
        (
            f"about {time_words(estimate['wall_s'])} with {matrix['at_once']} at a time,"
            f" {bytes_words(estimate['disk_bytes'])} of disk ({source})"
        ),
        f"in {matrix['folder']}",
    ]
    for line in [*lines, *([matrix["remark"]] if matrix["remark"] else [])]:
        out.print(line, markup=False, soft_wrap=True)


def print_outcome(study: Study, outcome: StudyOutcome) -> None:
    """Print verdicts, failures and where the report is."""
    for verdict in outcome.verdicts:
        asked = f" (expected {verdict.asked})" if verdict.asked else ""
        click.echo(
            f"{click.style(f'{verdict.result:<12}', fg=COLOURS[verdict.result])} {verdict.title}:"
            f" {verdict.measured}{asked}"
        )
    counts = (
        f"{outcome.made} made, {outcome.found} were there, {len(outcome.failed)} failed,"
        f" {outcome.left} left"
    )
    click.echo(f"{outcome.total} runs: {counts}; {time_words(outcome.wall_s)}")
    for label, error in outcome.failed[:20]:
        click.echo(f"  failed: {label}: {error}")
    if outcome.failed:
        click.echo(f"  again: tcpexp sweep {study.spec.name} --retry")
    click.echo(f"report: {outcome.report}")
