"""Options and arguments that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from tcpexp import paths

#: Each verdict's colour on a terminal.
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "UNSUPPORTED": "yellow"}

Function = TypeVar("Function", bound=Callable[..., Any])


def complete_spec(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a spec: shipped experiments and studies by name, and files."""
    names = [
        path.stem
        for path in (*paths.shipped_specs(), *paths.shipped_studies())
        if path.stem.startswith(incomplete)
    ]
    return [*(CompletionItem(name) for name in names), CompletionItem(incomplete, type="file")]


def complete_run(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a run: experiments that have runs, and folders."""
    names = sorted({run.parent.name for run in paths.all_runs(paths.default_results_dir())})
    return [
        *(CompletionItem(name) for name in names if name.startswith(incomplete)),
        CompletionItem(incomplete, type="dir"),
    ]


def spec_argument(function: Function) -> Function:
    """Add one ``SPEC``, given to the function as ``spec``."""
    return click.argument("spec", shell_complete=complete_spec, metavar="SPEC")(function)


def specs_argument(function: Function) -> Function:
    """Add ``SPEC...``, given to the function as ``specs``."""
    return click.argument(
        "specs", shell_complete=complete_spec, metavar="SPEC...", nargs=-1, required=True
    )(function)


def runs_argument(function: Function) -> Function:
    """Add ``RUN...``, given to the function as ``runs``."""
    return click.argument(
        "runs", shell_complete=complete_run, metavar="RUN...", nargs=-1, required=True
    )(function)


def results_option(function: Function) -> Function:
    """Add ``--results DIR``, given to the function as ``results``."""
    return click.option(
        "--results",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Where runs are looked for by name.",
    )(function)


def json_option(function: Function) -> Function:
    """Add ``--json``, given to the function as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(
        function
    )


def set_option(function: Function) -> Function:
    """Add ``--set path=value``, given to the function as ``overrides``."""
    return click.option(
        "--set",
        "overrides",
        metavar="PATH=VALUE",
        multiple=True,
        help="Replace a value of the spec, such as links.h1-h2.queue=8bdp. May be repeated.",
    )(function)


def many_runs_options(function: Function) -> Function:
    """Add what commands that make many runs share: ``--jobs``, ``--on``, ``--kernel``,
    ``--scheduler``, ``--retry``, ``--json`` (given as ``as_json``) and ``--quiet``.
    """
    # not at the top: it is imported by commands that answer in a moment
    from tcpexp.places.choosing import kernel_help
    from tcpexp.places.registry import GUEST, kinds_with_clock

    for add in reversed(
        (
            click.option(
                "--jobs",
                "-j",
                type=click.IntRange(1, 500),
                metavar="N",
                help="Runs at a time on this machine; one per processor if memory allows.",
            ),
            click.option(
                "--on",
                type=click.Choice([GUEST, *(kind.name for kind in kinds_with_clock("virtual"))]),
                default=GUEST,
                show_default=True,
                help="Where: a place with a virtual clock.",
            ),
            click.option("--kernel", metavar="NAME", help=kernel_help()),
            click.option(
                "--scheduler",
                metavar="ADDRESS",
                help=("Use the Dask cluster of this scheduler, such as tcp://head:8786, instead."),
            ),
            click.option("--retry", is_flag=True, help="Make runs that failed before again."),
            json_option,
            click.option(
                "--quiet", "-q", is_flag=True, help="No progress and no summary; errors only."
            ),
        )
    ):
        function = add(function)
    return function


def echo_json(value: Any) -> None:
    """Print ``value`` as indented JSON on standard output."""
    click.echo(json.dumps(value, indent=1, default=str))


def say(text: str) -> None:
    """Print a line of progress on standard error."""
    click.echo(text, err=True)
