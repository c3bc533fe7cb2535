"""``sweep``: make all the runs of a spec's sweep, and one study of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpexp import paths
from tcpexp.batch.estimate import jobs_that_fit
from tcpexp.batch.store import copy_tables, fetch_cells, put_cells
from tcpexp.cli.options import echo_json, many_runs_options, set_option, spec_argument
from tcpexp.cli.sweepshow import (
    Matrix,
    QuietStudyWatcher,
    TerminalStudyWatcher,
    print_matrix,
    print_outcome,
)
from tcpexp.runs.signals import StopSignals
from tcpexp.studies.outcome import StudyOutcome
from tcpexp.studies.standing import estimate_study, standing_of

if TYPE_CHECKING:
    from tcpexp.studies.study import Study

EPILOG = """\b
Examples:
  tcpexp sweep mathis --quick --dry-run     the runs, and what they will cost
  tcpexp sweep mathis --quick               minutes on two processors
  tcpexp sweep mathis                       the whole study; Ctrl-C, and go on another day
  tcpexp sweep mathis --retry               also the runs that failed
  tcpexp sweep mathis --scheduler tcp://head:8786

\b
A study is kept in studies/NAME of the results (NAME-quick for --quick):
report.html, tables/, figures/.
Finished runs are known by the hash of what they are and are never made twice.
"""


@click.command(epilog=EPILOG)
@spec_argument
@click.option("--quick", is_flag=True, help="The spec's quick form: fewer values, shorter runs.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show the matrix, and the time and disk that it will take; run nothing.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Keep studies in DIR/NAME."
)
@set_option
@click.option(
    "--keep",
    type=click.Choice(["metrics", "tables", "runs"]),
    help="What stays of each run, instead of what the spec says.",
)
@click.option(
    "--store",
    metavar="URL",
    help=(
        "Keep tables and finished runs there too, and take runs from there: a path, s3://..., any"
        " URL of fsspec."
    ),
)
@many_runs_options
def sweep(
    spec: str,
    quick: bool,
    dry_run: bool,
    jobs: int | None,
    on: str,
    kernel: str | None,
    scheduler: str | None,
    out: Path | None,
    overrides: tuple[str, ...],
    keep: str | None,
    retry: bool,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Make every run of a spec's sweep, and one study of them.

    Runs go on side by side, on the virtual clock, without root. A run that fails stops no other, is
    listed at the end and can be made again with --retry. After an interruption the same command
    makes what is missing.

    Exit code 1 when an expectation of the study failed, 4 when a run failed or is missing.
    """
    from tcpexp.studies.run import run_study
    from tcpexp.studies.study import StudyOptions, load_study

    study = load_study(paths.find_spec(spec), StudyOptions(quick, overrides, out, keep, on, kernel))  # type: ignore[arg-type]
    if dry_run:
        row = matrix_row(study, jobs, retry=retry)
        echo_json(row) if as_json else print_matrix(study, row)
        return 0
    if store is not None:
        fetch_cells(study.folder(), store, {run.key for run in study.runs})
    with StopSignals().listening() as signals:
        watcher = QuietStudyWatcher(signals) if quiet or as_json else TerminalStudyWatcher(signals)
        try:
            outcome = run_study(study, jobs=jobs, scheduler=scheduler, retry=retry, watcher=watcher)
        finally:
            watcher.close()
    if store is not None:
        put_cells(outcome.path, store)
        copy_tables(outcome.path / "tables", store)
    if as_json:
        echo_json(outcome_row(outcome))
    elif not quiet:
        print_outcome(study, outcome)
    return outcome.exit_code


def matrix_row(study: Study, jobs: int | None, *, retry: bool) -> Matrix:
    """Return what a dry run shows: every run with its values, seed, hash and state, and the
    estimate of what is left.
    """
    folder = study.folder()
    standing = standing_of(study, folder, retry=retry)
    at_once, remark = jobs_that_fit(jobs, max(run.forecast.memory_bytes for run in study.runs))
    estimate = estimate_study(study, folder, standing, at_once)
    states = {
        run.number: name for name in ("done", "failed", "rest") for run in getattr(standing, name)
    }
    return {
        "study": study.name,
        "folder": str(folder.path),
        "cells": len(study.cells),
        "repeat": study.repeats,
        "runs": [
            {
                "run": run.number,
                **run.cell.written,
                "seed": run.seed,
                "key": run.key,
                "state": {"rest": "to make"}.get(states[run.number], states[run.number]),
            }
            for run in study.runs
        ],
        "done": len(standing.done),
        "failed": len(standing.failed),
        "to_make": len(standing.rest),
        "at_once": at_once,
        "remark": remark,
        "estimate": {
            "wall_s": round(estimate.wall_s),
            "disk_bytes": round(estimate.kept_bytes),
            "from_finished_runs": estimate.corrected_by,
        },
    }


def outcome_row(outcome: StudyOutcome) -> dict[str, Any]:
    """Return what came of a study, for ``--json``."""
    return {**dataclasses.asdict(outcome), "exit_code": outcome.exit_code}
