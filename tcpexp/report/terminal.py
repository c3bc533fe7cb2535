"""The summary of a run for the terminal: verdicts, flows, certificate, and where the report is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tcpexp.checks.run import left_out_words, load_checks
from tcpexp.report.explanation import answer_of
from tcpexp.report.page.content import flow_rows
from tcpexp.report.page.rows import FlowText
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from rich.console import Console

MARKS = {
    "PASS": ("✓", "green"),
    "FAIL": ("✗", "bold red"),
    "INCONCLUSIVE": ("?", "yellow"),
    "UNSUPPORTED": ("–", "cyan"),
}
#: Lines of a failed program's output that are shown.
MOST_LAST_WORDS = 4
#: Column heads of the table of flows, and the keys of a row.
COLUMNS: tuple[tuple[str, FlowText], ...] = (
    ("flow", "name"),
    ("goodput", "goodput"),
    ("while active", "active_goodput"),
    ("share", "share"),
    ("retransmissions", "retransmissions"),
    ("RTT p50 ms", "p50"),
    ("p95", "p95"),
    ("p99", "p99"),
)


class HasPath(Protocol):
    """Anything that knows its run directory: a ``RunData``, or what processing a run returns."""

    @property
    def path(self) -> Path:
        """The run directory."""


def print_summary(run: HasPath, console: Console | None = None) -> None:
    """Print what came out of a run: one line per verdict, one row per flow, the certificate and the
    report's path.

    Reads what lies in the run directory. ``problems`` and ``timing`` of ``run``, if it has any, are
    printed too. ``console`` is by default standard output.
    """
    from rich.console import Console as RichConsole

    out = console or RichConsole(highlight=False)
    data = RunData(run.path)
    out.print()
    out.print(data.plan.title or data.plan.name, style="bold", markup=False)
    _print_status(data, out)
    _print_failures(data, out)
    _print_answer(data, out)
    _print_verdicts(data, out)
    _print_flows(data, out)
    _print_certificate(data, out)
    for note in data.plan.notes:
        out.print(f"note: {note}", style="yellow", markup=False, soft_wrap=True)
    for problem in getattr(run, "problems", ()):
        out.print(f"problem: {problem}", style="yellow", markup=False)
    timing = getattr(run, "timing", {})
    if "total_s" in timing:  # a run, not only what follows from one
        out.print(
            timing_words(timing, str((data.manifest or {}).get("where") or "run")),
            markup=False,
            soft_wrap=True,
        )
    report = data.path / "report.html"
    if report.is_file():
        out.print(f"report: {report}", markup=False, soft_wrap=True)


def timing_words(timing: dict[str, float], where: str) -> str:
    """Return how long a run took in all, against the experiment's own time, and its parts that took
    longer than 50 ms.

    ``timing`` is ``RunOutcome.timing``, seconds of wall time; ``where`` is the word for the run
    itself, ``guest`` or ``host``.
    """
    names = {
        "start_s": "start",
        "run_s": where,
        "reading_s": "reading",
        "judging_s": "judging",
        "drawing_s": "drawing",
        "report_s": "report",
    }
    parts = ", ".join(
        f"{word} {timing[key]:.1f}" for key, word in names.items() if timing.get(key, 0.0) >= 0.05
    )
    total, asked = timing["total_s"], timing["experiment_s"]
    fast = (
        f"{asked / total:.1f} times as fast as"
        if total < asked
        else f"{total / asked:.1f} times as long as"
    )
    return f"took {total:.1f} s, {fast} the experiment's {asked:g} s: {parts}"


def _print_answer(run: RunData, out: Console) -> None:
    """Print the spec's answer with this run's numbers, once all of it was recorded."""
    if run.plan.answer and run.status == "complete":
        out.print(answer_of(run).replace("`", ""), markup=False)
        out.print()


def _print_status(run: RunData, out: Console) -> None:
    if run.status != "complete":
        why = (run.manifest or {}).get("failure") or run.engine.get("error") or ""
        out.print(
            f"The run was {'interrupted' if run.status == 'interrupted' else 'not completed'}."
            f" {why}".rstrip(),
            style="bold red",
            markup=False,
        )


def _print_failures(run: RunData, out: Console) -> None:
    """Print each program that failed, with the last lines that it wrote, unless the status has said
    so.
    """
    said = str((run.manifest or {}).get("failure") or run.engine.get("error") or "")
    for failure in run.failures:
        if failure["text"] not in said:
            out.print(
                f"program failed: {failure['text']}", style="bold red", markup=False, soft_wrap=True
            )
        for line in (
            failure["last_words"][-MOST_LAST_WORDS:] if len(failure["last_words"]) > 1 else ()
        ):
            out.print(f"  {line}", style="red", markup=False, soft_wrap=True)


def _print_verdicts(run: RunData, out: Console) -> None:
    """Print one line per verdict, and the reason under each that did not pass."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for verdict in load_checks(run.path):
        mark, style = MARKS[verdict.result]
        words = Text.assemble(f"{verdict.title}: ", (verdict.measured, "bold"))
        if verdict.asked:
            words.append(f" (expected {verdict.asked})", "dim")
        if verdict.result != "PASS" and verdict.reason:
            words.append(f"\n{verdict.reason}", "dim")
        table.add_row(Text(mark, style), Text(verdict.result, style), words)
    if table.row_count:
        out.print(table)
    if left_out := left_out_words(run):
        out.print(left_out, style="dim", markup=False)


def _print_flows(run: RunData, out: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = flow_rows(run)
    if not rows:
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for head, key in COLUMNS:
        table.add_column(head, justify="left" if key == "name" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row[key]) for _, key in COLUMNS))
    out.print(table)


def _print_certificate(run: RunData, out: Console) -> None:
    verdict = run.certificate.get("verdict")
    if verdict is None:
        return
    repeatable = run.certificate.get("repeatable")
    words = (
        ""
        if repeatable is None
        else (
            ", repeatable"
            if repeatable
            else f", not repeatable: {run.certificate.get('repeatable_why', '')}"
        )
    )
    out.print(
        f"certificate: {verdict}{words}",
        style="green" if verdict == "VALID" else "bold yellow",
        markup=False,
        soft_wrap=True,
    )
    for reason in run.certificate.get("reasons") or []:
        out.print(f"  {reason}", style="yellow", markup=False)
