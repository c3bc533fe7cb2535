"""``check`` and ``report``: verdicts and reports made again from recorded runs, without root and without the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tcpexp import paths
from tcpexp.cli.options import echo_json, json_option, results_option, runs_argument, say


@click.command(
    epilog="""\b
Examples:
  tcpexp check bbr_vs_cubic                    its newest run
  tcpexp check results/bbr_vs_cubic/*          several runs
  tcpexp check 20260102T030405Z-s7-guest --json
"""
)
@runs_argument
@results_option
@json_option
def check(runs: tuple[str, ...], results: Path | None, as_json: bool) -> int:
    """Verify recorded runs and judge them again: every file's sha256, then every check of the spec.

    Exit code 1 when a check failed, 5 when recorded data is damaged.
    """
    from tcpexp.pipeline import judge_run
    from tcpexp.store.manifest import verify

    rows: list[dict[str, Any]] = []
    for name in runs:
        run = paths.find_run(name, results)
        manifest = verify(run)
        verdicts = judge_run(run)
        rows.append({"run": str(run), "status": manifest.status, "verdicts": verdicts})
        if not as_json:
            from tcpexp.cli.verdicts import print_verdicts

            print_verdicts(str(run), verdicts)
    if as_json:
        echo_json(rows)
    return 1 if any(verdict["result"] == "FAIL" for row in rows for verdict in row["verdicts"]) else 0


@click.command(
    epilog="""\b
Examples:
  tcpexp report bbr_vs_cubic
  tcpexp report results/bbr_vs_cubic/20260102T030405Z-s7-guest
"""
)
@runs_argument
@results_option
@click.option("--quiet", "-q", is_flag=True, help="Print the paths of the reports only.")
def report(runs: tuple[str, ...], results: Path | None, quiet: bool) -> None:
    """Make everything after the raw data again: tables, metrics, certificate, checks, figures, report.

    The recorded data are checked against the manifest first and never changed.
    """
    from tcpexp.pipeline import process_run

    for name in runs:
        run = paths.find_run(name, results)
        verify_recorded(run)
        outcome = process_run(run, (lambda step: None) if quiet else say)
        for problem in outcome.problems:
            say(f"not made: {problem}")
        click.echo(run / "report.html")
