"""``doctor`` and ``clean``: this machine."""

from __future__ import annotations

import dataclasses

import click

from tcpexp.cli.options import echo_json, json_option, say

MARKS = {"ok": ("ok", "green"), "missing": ("missing", "red"), "note": ("note", "yellow")}


@click.command(
    epilog="""\b
Examples:
  tcpexp doctor
  sudo tcpexp doctor        also tries what only root can try
  tcpexp doctor --json
"""
)
@json_option
def doctor(as_json: bool) -> int:
    """Say what this machine can and cannot do.

    Each lack comes with the command that mends it. Exit code 3 when neither the guest nor the host can run experiments.
    """
    from tcpexp.doctor import examine

    report = examine(say if not as_json else lambda text: None)
    if as_json:
        echo_json(dataclasses.asdict(report))
    else:
        for title, findings in report.sections.items():
            click.echo(click.style(title, bold=True))
            for finding in findings:
                word, colour = MARKS[finding.state]
                click.echo(f"  {click.style(f'{word:<7}', fg=colour)}  {finding.what}: {finding.found}")
                if finding.remedy:
                    click.echo(f"           mend: {finding.remedy}")
        click.echo()
        click.echo(f"guest: {'can run experiments' if report.guest else 'cannot run experiments'}")
        click.echo(f"host:  {'can run experiments that need nothing marked missing' if report.host else 'cannot run experiments'}")
    return 0 if report.guest or report.host else 3


@click.command(
    epilog="""\b
Examples:
  sudo tcpexp clean --dry-run   only show what would be removed
  sudo tcpexp clean
"""
)
@click.option("--dry-run", "-n", is_flag=True, help="Show what would be removed and remove nothing.")
def clean(dry_run: bool) -> None:
    """Remove what killed runs left behind, and only that.

    Every run writes down what it creates; runs that are still alive are left alone. Network namespaces of host runs need root.
    """
    from tcpexp.leftovers import remove_leftovers

    removed = remove_leftovers(dry_run=dry_run)
    for line in removed:
        click.echo(f"{'would remove' if dry_run else 'removed'} {line}")
    if not removed:
        click.echo("nothing is left behind")
