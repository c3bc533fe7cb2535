"""``run``: run experiments, one after the other or several at a time, and sum up."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path

import click

from tcpexp import paths
from tcpexp.batch.rows import Job, RunRow, error_row, outcome_row
from tcpexp.cli.errors import print_error
from tcpexp.cli.options import echo_json, json_option, set_option, specs_argument
from tcpexp.cli.progress import QuietRunWatcher, TerminalRunWatcher
from tcpexp.cli.several import QuietDisplay, TerminalDisplay, print_table
from tcpexp.errors import TcpexpError
from tcpexp.places.choosing import clock_help, kernel_help, on_help
from tcpexp.places.registry import AUTO, on_choices
from tcpexp.runs.options import RunOptions
from tcpexp.runs.preload import import_before_fork
from tcpexp.runs.signals import StopSignals

EPILOG = """\b
Examples:
  tcpexp run experiments/bbr_vs_cubic.yaml
  tcpexp run bbr_vs_cubic --set links.h1-h2.queue=8bdp
  tcpexp run bbr_vs_cubic --repeat 5          seeds 7, 8, 9, 10, 11
  tcpexp run experiments/ --jobs 2            all of a folder, two at a time
  tcpexp run dead_host --kernel 6.1,6.12,7.3  on three kernels, in one table and figure
  sudo tcpexp run synack_drop --on host

\b
Runs are kept in --out DIR; else in results/ in the current folder when there
is one; else in results/ in the checkout; else in a new results/.
Ctrl-C once ends the runs under way and keeps what they recorded; twice aborts.
"""


@click.command(epilog=EPILOG)
@specs_argument
@click.option(
    "--on",
    type=click.Choice(on_choices()),
    default=AUTO,
    show_default=True,
    help=on_help(),
)
@click.option(
    "--clock",
    type=click.Choice(["virtual", "real"]),
    help=clock_help(),
)
@click.option(
    "--kernel",
    "kernels",
    multiple=True,
    metavar="NAME",
    help=f"{kernel_help()} Several, or with commas: on each, and side by side.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Replace the spec's seed.")
@set_option
@click.option(
    "--repeat",
    type=click.IntRange(1, 10_000),
    default=1,
    metavar="N",
    help="Run each spec N times, with the seed and the N-1 after it.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 200),
    default=1,
    metavar="N",
    help="Make N runs at a time; 1 unless given.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option(
    "--figures",
    is_flag=True,
    help="Draw the spec's plots as files too, SVG and PNG; the report shows them without.",
)
@click.option(
    "--allow-modules",
    is_flag=True,
    help="With --on host: load a spec's own congestion controls into this machine's kernel.",
)
@json_option
@click.option("--quiet", "-q", is_flag=True, help="No progress and no summary; errors only.")
def run(
    specs: tuple[str, ...],
    on: str,
    clock: str | None,
    kernels: tuple[str, ...],
    seed: int | None,
    overrides: tuple[str, ...],
    repeat: int,
    jobs: int,
    out: Path | None,
    figures: bool,
    allow_modules: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run experiments and write their reports.

    SPEC is a file, the name of an experiment that comes with tcpexp, or a folder: all specs in it,
    by name.

    Several runs are made one after the other, or --jobs at a time, also when one fails; each has a
    process of its own, and at the end there is a table. Under the virtual clock runs do not disturb
    each other. In real time they do; their certificates say how much.

    Exit code 1 when a check or a program failed, 4 when a run failed or was interrupted.
    """
    silent = quiet or as_json
    wanted = list_jobs(
        specs,
        repeat,
        RunOptions(
            on,
            clock,  # type: ignore[arg-type]
            None,
            seed,
            overrides,
            out,
            command_line(),
            figures,
            allow_modules=allow_modules,
        ),
        kernel_names(kernels),
    )
    with StopSignals().listening() as signals:
        if len(wanted) == 1:
            rows = [
                run_single(
                    wanted[0],
                    QuietRunWatcher(signals) if silent else TerminalRunWatcher(signals),
                    summary=not silent,
                )
            ]
        else:
            rows = run_several(wanted, jobs, signals, say=not silent)
            if len(kernel_names(kernels)) > 1:
                put_side_by_side(wanted, rows, say=not silent)
    if as_json:
        echo_json(rows)
    return max(row["exit_code"] for row in rows)


def run_single(job: Job, watcher: QuietRunWatcher, *, summary: bool) -> RunRow:
    """Make one run in this process and return its row.

    An error is printed and becomes the row's.
    """
    from tcpexp.batch.job import run_outcome

    try:
        outcome = run_outcome(job, watcher)
    except TcpexpError as error:
        watcher.close()
        print_error(error)
        return error_row(job, error)
    finally:
        watcher.close()
    if summary:
        from tcpexp.report.terminal import print_summary

        print_summary(outcome)
    else:
        for failure in outcome.failures:
            click.echo(f"program failed: {failure.text}", err=True)
    return outcome_row(job, outcome)


def run_several(jobs: list[Job], at_once: int, signals: StopSignals, *, say: bool) -> list[RunRow]:
    """Make several runs, each in a process of its own, and return their rows.

    ``say``: show progress and print a table.
    """
    from tcpexp.batch.jobs import run_jobs

    started = time.monotonic()
    import_before_fork()
    display = TerminalDisplay(len(jobs)) if say else QuietDisplay()
    try:
        rows = run_jobs(jobs, at_once, signals, display)
    finally:
        display.close()
    if say:
        print_table(rows, time.monotonic() - started)
    return rows


def put_side_by_side(jobs: list[Job], rows: list[RunRow], *, say: bool) -> None:
    """Write a page for each spec and seed: its runs on all kernels, in one table and one figure.

    ``say``: print the table as well.
    """
    from tcpexp.cli.diff import show_beside
    from tcpexp.store.rundata import RunData

    groups: dict[tuple[str, int], list[Path]] = {}
    for job, row in zip(jobs, rows, strict=True):
        if row["run"] is not None and row["status"] == "complete":
            groups.setdefault((job.spec, job.index), []).append(Path(row["run"]))
    for found in groups.values():
        if len(found) > 1:
            show_beside([RunData(path) for path in found], None, quiet=not say)


def kernel_names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kernels that are named, each once; names may have commas between them."""
    names = [name.strip() for text in given for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


def list_jobs(
    specs: tuple[str, ...], repeat: int, options: RunOptions, kernels: tuple[str, ...] = ()
) -> list[Job]:
    """Return the runs that the command line asks for, in order; raises ``SpecError`` for a folder
    without specs.

    A name that means nothing stays as it is: its run says so and the others are made.
    """
    names = [name for spec in specs for name in paths.expand_specs(spec)]
    on = [dataclasses.replace(options, kernel=kernel) for kernel in kernels or (None,)]
    return [Job(name, wanted, index) for name in names for index in range(repeat) for wanted in on]


def command_line() -> tuple[str, ...]:
    """Return the command line as typed, for the manifest and for hints."""
    return (os.path.basename(sys.argv[0]) or "tcpexp", *sys.argv[1:])
