"""``run``: run experiments, one after the other, and sum up."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpexp.cli.errors import error_rows, print_error
from tcpexp.cli.options import echo_json, json_option, set_option, specs_argument
from tcpexp.errors import TcpexpError

if TYPE_CHECKING:
    from tcpexp.pipeline import RunOutcome
    from tcpexp.runner import RunOptions, Watcher

EPILOG = """\b
Examples:
  tcpexp run experiments/bbr_vs_cubic.yaml
  tcpexp run bbr_vs_cubic --set links.h1-h2.queue=8bdp
  tcpexp run bbr_vs_cubic --repeat 5          seeds 7, 8, 9, 10, 11
  sudo tcpexp run synack_drop --on host

\b
Runs are kept in --out DIR; else in results/ in the current folder when there
is one; else in results/ in the checkout; else in a new results/.
Ctrl-C once ends the run and keeps what was recorded; twice aborts.
"""


@click.command(epilog=EPILOG)
@specs_argument
@click.option(
    "--on",
    type=click.Choice(["auto", "guest", "host"]),
    default="auto",
    show_default=True,
    help="Where: the guest (no root), this machine's own kernel (root), or auto: the guest where QEMU is installed.",
)
@click.option("--clock", type=click.Choice(["virtual", "real"]), help="The guest's clock; virtual unless given. The host has the real one.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Replace the spec's seed.")
@set_option
@click.option("--repeat", type=click.IntRange(1, 10_000), default=1, metavar="N", help="Run each spec N times, with the seed and the N-1 after it.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@json_option
@click.option("--quiet", "-q", is_flag=True, help="No progress and no summary; errors only.")
def run(
    specs: tuple[str, ...],
    on: str,
    clock: str | None,
    seed: int | None,
    overrides: tuple[str, ...],
    repeat: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run experiments and write their reports.

    SPEC is a file, or the name of an experiment that comes with tcpexp. Several are run one after the other, also when
    one fails. Exit code 1 when a check failed, 4 when a run failed or was interrupted.
    """
    from tcpexp.cli.progress import QuietWatcher, TerminalWatcher
    from tcpexp.runner import RunOptions, StopSignals

    rows: list[dict[str, Any]] = []
    with StopSignals().listening() as signals:
        for name in specs:
            for index in range(repeat):
                if signals.asked:
                    break
                options = RunOptions(on, clock, seed, overrides, out, command_line())  # type: ignore[arg-type]
                watcher = QuietWatcher(signals) if quiet or as_json else TerminalWatcher(signals)
                rows.append(run_one(name, options, index, watcher, summary=not (quiet or as_json)))
    if as_json:
        echo_json(rows)
    elif len(rows) > 1 and not quiet:
        from tcpexp.cli.progress import print_table

        print_table(rows)
    codes: list[int] = [row["exit_code"] for row in rows]
    return max(codes)


def run_one(name: str, options: RunOptions, index: int, watcher: Watcher, *, summary: bool) -> dict[str, Any]:
    """Run the spec ``name`` with its seed plus ``index`` and return a row; an error is printed and becomes the row's."""
    import dataclasses

    from tcpexp.runner import run_experiment, spec_seed

    row: dict[str, Any] = {"spec": name, "exit_code": 0, "run": None, "status": "not run", "errors": []}
    try:
        if index:
            first = spec_seed(name, options)
            options = dataclasses.replace(options, seed=(first + index) % 2**32)
        outcome = run_experiment(name, options, watcher)
    except TcpexpError as error:
        close(watcher)
        print_error(error)
        row.update(exit_code=error.exit_code, errors=error_rows(error))
        return row
    except BaseException:
        close(watcher)
        raise
    close(watcher)
    row.update(outcome_row(outcome))
    if summary:
        from tcpexp.report.terminal import print_summary

        print_summary(outcome)
    return row


def close(watcher: Watcher) -> None:
    """End a progress display, if the watcher is one."""
    closing = getattr(watcher, "close", None)
    if closing is not None:
        closing()


def outcome_row(outcome: RunOutcome) -> dict[str, Any]:
    """Return one run's row for ``--json`` and for the table of several runs."""
    import dataclasses

    from tcpexp.store.manifest import read_manifest

    manifest = read_manifest(outcome.path)
    return {
        "exit_code": outcome.exit_code,
        "run": str(outcome.path),
        "status": outcome.status,
        "failure": manifest.failure,
        "where": manifest.where,
        "clock": manifest.clock,
        "seed": manifest.seed,
        "wall_seconds": manifest.wall_s,
        "timing": outcome.timing,
        "certificate": outcome.certificate,
        "verdicts": [dataclasses.asdict(verdict) for verdict in outcome.checks],
        "report": None if outcome.report is None else str(outcome.report),
        "problems": list(outcome.problems),
    }


def command_line() -> tuple[str, ...]:
    """Return the command line as typed, for the manifest and for hints."""
    return (os.path.basename(sys.argv[0]) or "tcpexp", *sys.argv[1:])
