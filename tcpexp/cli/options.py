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


def echo_json(value: Any) -> None:
    """Print ``value`` as indented JSON on standard output."""
    click.echo(json.dumps(value, indent=1, default=str))


def say(text: str) -> None:
    """Print a line of progress on standard error."""
    click.echo(text, err=True)
