"""``validate``, ``plan`` and ``schema``: what can be known of a spec without running it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

import click

from tcpexp import paths
from tcpexp.cli.errors import print_error
from tcpexp.cli.options import echo_json, json_option, set_option, spec_argument, specs_argument
from tcpexp.errors import SpecError
from tcpexp.plan.types import to_json
from tcpexp.runs.errorrows import ErrorRow, error_rows

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan

NANOSECONDS = 1e9


class SpecRow(TypedDict):
    """What ``validate`` found of a spec, for ``--json``: its errors, or what it is.

    ``sweep_runs`` counts the runs of each form of its sweep.
    """

    spec: str
    valid: bool
    errors: list[ErrorRow]
    name: NotRequired[str]
    title: NotRequired[str]
    duration_s: NotRequired[float]
    sweep_runs: NotRequired[dict[str, int]]
    notes: NotRequired[list[str]]


def load_plan(name: str, overrides: tuple[str, ...], seed: int | None = None) -> RunPlan:
    """Return the plan of the spec that ``name`` means.

    Raises ``SpecErrors`` with all that is wrong with it.
    """
    from tcpexp.catalogue import reading

    return reading.load_plan(paths.find_spec(name), overrides=overrides, seed=seed)


@click.command(
    epilog="""\b
Examples:
  tcpexp validate my_experiment.yaml
  tcpexp validate experiments/         all specs of a folder
  tcpexp validate bbr_vs_cubic --set links.h1-h2.queue=8bdp
"""
)
@specs_argument
@set_option
@json_option
def validate(specs: tuple[str, ...], overrides: tuple[str, ...], as_json: bool) -> int:
    """Check specs and print every error as file:line:column.

    With each error comes the line, and a caret under the place.

    Hosts, links, units, actions and checks are all resolved, as for a run, and so is every run of a
    sweep; nothing is executed. One call names all mistakes: what is wrong is left out, and the rest
    is looked at again. Exit code 2 when a spec is wrong.
    """
    from tcpexp.studies.study import examine_study

    rows: list[SpecRow] = []
    for name in (name for spec in specs for name in paths.expand_specs(spec)):
        row: SpecRow = {"spec": name, "valid": True, "errors": []}
        rows.append(row)
        try:
            plan, runs = examine_study(paths.find_spec(name), overrides)
        except SpecError as error:
            row["valid"] = False
            row["errors"] = error_rows(error)
            if not as_json:
                print_error(error)
        else:
            row["name"] = plan.name
            row["title"] = plan.title
            row["duration_s"] = plan.duration_ns / NANOSECONDS
            row["sweep_runs"] = runs
            row["notes"] = list(plan.notes)
            if not as_json:
                sweep = "".join(
                    f"; sweep, {form} form: {count} runs" for form, count in runs.items()
                )
                click.echo(
                    f"{name}: valid ({plan.title or plan.name}; {plan.duration_ns / NANOSECONDS:g}"
                    f" s, {len(plan.expect)} checks{sweep})"
                )
                for note in plan.notes:
                    click.echo(f"{name}: note: {note}")
    if as_json:
        echo_json(rows)
    return 0 if all(row["valid"] for row in rows) else 2


@click.command(
    epilog="""\b
Examples:
  tcpexp plan bbr_vs_cubic
  tcpexp plan my_experiment.yaml --set links.h1-h2.rate=100mbit
  tcpexp plan bbr_vs_cubic --json > plan.json
"""
)
@spec_argument
@set_option
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Replace the spec's seed.")
@json_option
def plan(spec: str, overrides: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Show what a run would do: network, timeline, records, needs.

    Needs no root and starts nothing. --json prints the whole plan, as a run keeps it in plan.json.
    """
    from tcpexp.plan.explain import explain_plan

    compiled = load_plan(spec, overrides, seed)
    if as_json:
        click.echo(to_json(compiled), nl=False)
    else:
        click.echo(explain_plan(compiled), nl=False)


@click.command(
    epilog="""\b
Examples:
  tcpexp schema --out tcpexp.schema.json
Then, in the first line of a spec, for editors that use yaml-language-server:
  # yaml-language-server: $schema=tcpexp.schema.json
"""
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to a file instead of standard output.",
)
def schema(out: Path | None) -> None:
    """Print the JSON Schema of specs, for editors.

    It is made from the same models that validate a spec, with every action, check, recorder and
    plot that is installed.
    """
    from tcpexp.catalogue import load_catalogue
    from tcpexp.spec.schema import json_schema

    text = json.dumps(json_schema(load_catalogue()), indent=1) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecError(
            f"cannot write {out}: {error.strerror}", hint="choose another file with --out"
        ) from None
    click.echo(f"wrote {out}")
