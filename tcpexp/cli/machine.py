"""``doctor`` and ``clean``: this machine."""

from __future__ import annotations

import dataclasses

import click

from tcpexp.cli.doctor import examine
from tcpexp.cli.leftovers import needs_root, remove_cache, remove_leftovers
from tcpexp.cli.options import echo_json, json_option, say
from tcpexp.machine.hints import with_sudo
from tcpexp.paths import find_spec
from tcpexp.places.registry import place_kind

MARKS = {"ok": ("ok", "green"), "missing": ("missing", "red"), "note": ("note", "yellow")}


@click.command(
    epilog="""\b
Examples:
  tcpexp doctor
  sudo tcpexp doctor        also tries what only root can try
  tcpexp doctor my_lab.yaml  also fonts for its title and explanations
  tcpexp doctor --json
"""
)
@click.argument("spec", nargs=-1)
@json_option
def doctor(spec: tuple[str, ...], as_json: bool) -> int:
    """Say what this machine can and cannot do.

    What is promised is tried: files are looked for, a kernel and a guest are started, PDF is
    loaded. Each problem is one line, with the command that mends it. With SPEC also whether there
    are fonts for its words. Exit code 3 when experiments can run in no place.
    """
    report = examine(say if not as_json else lambda text: None, [find_spec(name) for name in spec])
    if as_json:
        echo_json(dataclasses.asdict(report))
    else:
        for title, findings in report.sections.items():
            click.echo(click.style(title, bold=True))
            for finding in findings:
                word, colour = MARKS[finding.state]
                mend = f"; mend: {finding.remedy}" if finding.remedy else ""
                click.echo(
                    f"  {click.style(f'{word:<7}', fg=colour)}  {finding.what}:"
                    f" {finding.found}{mend}"
                )
        click.echo()
        for name, works in report.places.items():
            partly = any(finding.partly for finding in report.sections[place_kind(name).title])
            able = "can run experiments" + (" that need nothing marked missing" if partly else "")
            click.echo(f"{name}: {able if works else 'cannot run experiments'}")
    return 0 if any(report.places.values()) else 3


@click.command(
    epilog="""\b
Examples:
  sudo tcpexp clean   after runs on the host
  tcpexp clean        after runs in a virtual place
  tcpexp clean --all  before tcpexp itself is removed: also images and kernels
"""
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also remove the cache: images, kernels, templates, crash reports. Runs stay.",
)
def clean(everything: bool) -> None:
    """Remove what killed runs left behind, and only that.

    Every run writes down what it makes; what belongs to a run that is still alive is left alone. A
    run's namespaces, processes and firewall rules end with it however it dies; files and trace
    instances can remain. The next run does the same for its own place.
    """
    removed = remove_leftovers()
    if everything:
        removed += remove_cache()
    for line in removed:
        click.echo(f"removed {line}")
    if needs_root():
        click.echo(
            "runs on the host may have left something that only root may remove:"
            f" {with_sudo('tcpexp clean')}"
        )
    elif not removed:
        click.echo("nothing is left behind")
