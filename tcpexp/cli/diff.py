"""``diff``: two recorded runs side by side, as a page and on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tcpexp import paths
from tcpexp.cli.options import complete_run, echo_json, json_option, results_option, say
from tcpexp.store.rundata import RunData


class Percent(click.ParamType):  # type: ignore[type-arg]
    """A percentage such as ``1%`` or ``0.5``, given to the function as a fraction."""

    name = "percent"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the fraction; fails for anything that is no number from 0 up."""
        if isinstance(value, float):
            return value
        try:
            number = float(str(value).strip().removesuffix("%"))
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            self.fail(
                f"'{value}' is not a percentage: write for example 5% or 0.5%", parameter, context
            )
        return number / 100


@click.command(
    epilog="""\b
Examples:
  tcpexp diff bbr_vs_cubic bbr_vs_cubic_deep              their newest runs
  tcpexp diff 20260102T030405Z-s7-uml 20260102T031205Z-s8-uml
  tcpexp diff results/x/one results/x/other --threshold 5% --json
  tcpexp diff results/x/on-6.1 results/x/on-6.12 results/x/on-7.3
"""
)
@click.argument("first", metavar="A", shell_complete=complete_run)
@click.argument("second", metavar="B", shell_complete=complete_run)
@click.argument("more", metavar="[C...]", nargs=-1, shell_complete=complete_run)
@results_option
@click.option(
    "--threshold",
    type=Percent(),
    default="1%",
    show_default=True,
    metavar="PERCENT",
    help="Leave out metrics that changed by at most this.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Show every metric that changed at all, and the whole resolved plan.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write the page. [default: beside run B]",
)
@click.option("--no-page", is_flag=True, help="Write no page.")
@json_option
def diff(
    first: str,
    second: str,
    more: tuple[str, ...],
    results: Path | None,
    threshold: float,
    everything: bool,
    out: Path | None,
    no_page: bool,
    as_json: bool,
) -> int:
    """Compare two recorded runs, or more.

    First whether they are the same packets (captures equal byte for byte), then what differs: spec,
    verdicts, metrics, environment, certificate and the resolved plan. The page also draws both runs
    on the same axes. Of more than two runs there is one table, and one figure for all.

    Exit code 0 when all captures are equal byte for byte and every check has the same result, 1
    when not, 2 when a run is not found, 5 when recorded data is damaged.
    """
    if more:
        runs = [RunData(paths.find_run(name, results)) for name in (first, second, *more)]
        return show_beside(runs, out, write_page=not no_page, as_json=as_json)
    from tcpexp.report.diff.compare import compare_runs, to_json_value

    a, b = (RunData(paths.find_run(name, results)) for name in (first, second))
    threshold = 0.0 if everything else threshold
    comparison = compare_runs(a, b)
    page = None
    if not no_page:
        from tcpexp.report.diff.page import write_diff_page

        page = write_diff_page(comparison, out or default_page(a.path, b.path), threshold)
        paths.give_one_to_user(page)
    if as_json:
        echo_json(
            {**to_json_value(comparison, threshold), "page": None if page is None else str(page)}
        )
    else:
        from tcpexp.report.diff.terminal import print_comparison

        print_comparison(comparison, threshold, everything=everything)
        if page is not None:
            say("")
            click.echo(f"page: {page}")
    return 0 if comparison.same else 1


def show_beside(
    runs: Sequence[RunData],
    out: Path | None,
    *,
    write_page: bool = True,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Show several runs in one table, and write their page; return the exit code."""
    from tcpexp.report.beside.compare import set_beside, to_json_value

    beside = set_beside(runs)
    page = None
    if write_page:
        from tcpexp.report.beside.page import write_beside_page

        last = runs[-1].path.resolve()
        page = write_beside_page(beside, out or last.parent / f"beside-{last.name}.html")
        paths.give_one_to_user(page)
    if as_json:
        echo_json({**to_json_value(beside), "page": None if page is None else str(page)})
    elif not quiet:
        from tcpexp.report.beside.terminal import print_beside

        print_beside(beside)
        if page is not None:
            say("")
            click.echo(f"side by side: {page}")
    return 0 if not any(row.differs for row in beside.checks) else 1


def default_page(a: Path, b: Path) -> Path:
    """Return where the page of two runs goes: beside run B's folder, named after both."""
    return b.resolve().parent / f"diff-{a.resolve().name}-{b.resolve().name}.html"
