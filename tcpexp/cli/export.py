"""``export``: recorded runs in the formats of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from tcpexp import paths
from tcpexp.cli.options import results_option, runs_argument
from tcpexp.errors import SpecError
from tcpexp.store.rundata import RunData


@click.command(
    epilog="""\b
Examples:
  tcpexp export bbr_vs_cubic --csv               every table that has rows
  tcpexp export bbr_vs_cubic --csv --table rtt --table packets
  tcpexp export bbr_vs_cubic --qlog              to be opened in qvis
"""
)
@runs_argument
@results_option
@click.option("--csv", "kinds", flag_value="csv", multiple=True, help="The tables as CSV.")
@click.option(
    "--parquet", "kinds", flag_value="parquet", multiple=True, help="The tables as Parquet."
)
@click.option(
    "--qlog", "kinds", flag_value="qlog", multiple=True, help="The TCP connections as qlog."
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    metavar="NAME",
    help="Only this table. May be repeated. [default: all that have rows]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to write. [default: RUN-export, beside the run's folder]",
)
def export(
    runs: tuple[str, ...],
    results: Path | None,
    kinds: tuple[str, ...],
    tables: tuple[str, ...],
    out: Path | None,
) -> int:
    """Write recorded runs as CSV, Parquet or qlog.

    Tables as CSV or Parquet come with columns.json, which says what each column means and in which
    unit it is. qlog is for qvis and its like. The run itself stays as it is.
    """
    from tcpexp.exports.write import export_run

    if not kinds:
        raise SpecError("export needs a format", hint="give --csv, --parquet or --qlog")
    if out is not None and len(runs) > 1:
        raise SpecError("--out is one run's folder", hint="export several runs without it")
    for name in runs:
        run = RunData(paths.find_run(name, results))
        for kind in dict.fromkeys(kinds):
            for path in export_run(run, kind, out, () if kind == "qlog" else tables):  # type: ignore[arg-type]
                click.echo(path)
    return 0
