"""``diff``: two recorded runs side by side, as a page and on the terminal."""

from __future__ import annotations

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
"""
)
@click.argument("first", metavar="A", shell_complete=complete_run)
@click.argument("second", metavar="B", shell_complete=complete_run)
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
    results: Path | None,
    threshold: float,
    everything: bool,
    out: Path | None,
    no_page: bool,
    as_json: bool,
) -> int:
    """Compare two recorded runs.

    First whether they are the same packets (captures equal byte for byte), then what differs: spec,
    verdicts, metrics, environment, certificate and the resolved plan. The page also draws both runs
    on the same axes.

    Exit code 0 when all captures are equal byte for byte and every check has the same result, 1
    when not, 2 when a run is not found, 5 when recorded data is damaged.
    """
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


def default_page(a: Path, b: Path) -> Path:
    """Return where the page of two runs goes: beside run B's folder, named after both."""
    return b.resolve().parent / f"diff-{a.resolve().name}-{b.resolve().name}.html"
