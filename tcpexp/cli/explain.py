"""``explain``: what happened in captures that nobody here made."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpexp import paths
from tcpexp.cli.options import echo_json, json_option, say
from tcpexp.telling import say_nothing

if TYPE_CHECKING:
    from tcpexp.explain.cards import Card, Told
    from tcpexp.explain.explain import Explained

#: So many connections are printed, and of each so many findings that say what went wrong.
MOST_CARDS, MOST_FINDINGS = 5, 6
#: Columns of text.
WIDTH = 100
SURE = {"certain": "green", "likely": "blue", "unsure": "yellow"}


@click.command(
    epilog="""\b
Examples:
  tcpexp explain trace.pcapng                  from Wireshark, tcpdump, a router, a phone
  tcpexp explain client.pcap server.pcap       both ends
  tcpexp explain trace.pcap --json
  tcpexp explain trace.pcap --anonymise        before it is given to somebody else
"""
)
@click.argument(
    "captures",
    nargs=-1,
    required=True,
    metavar="CAPTURE...",
    type=click.Path(path_type=Path),
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for what is made. [default: results/explained/NAME]",
)
@click.option(
    "--labels/--no-labels",
    default=True,
    help="Wireshark's analysis of single packets; without it large captures take a fourth of the"
    " time. [default: with labels]",
)
@click.option(
    "--anonymise",
    is_flag=True,
    help="Replace addresses and leave out all payload: in the copies of the captures too.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print the path of the page only.")
@json_option
def explain(
    captures: tuple[Path, ...],
    out: Path | None,
    labels: bool,
    anonymise: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Explain captures: what happened, and what limited it.

    Reads pcap, pcapng and snoop, also compressed. The captures are copied into a run directory with
    tables, metrics and a page, which report, check, export and notebooks read like any other run's.
    With --anonymise the copies have other addresses, of which those that began alike still do, and
    no payload.

    Exit code 5 when a file is no capture.
    """
    from tcpexp.explain.cards import tell
    from tcpexp.explain.explain import explain_captures

    told_to = say_nothing if quiet or as_json else say
    made = explain_captures(
        captures,
        paths.default_results_dir(),
        out,
        told_to,
        labels=labels,
        anonymise=anonymise,
    )
    if as_json:
        echo_json(json_value(made, tell(made.run)))
    elif quiet:
        click.echo(made.report)
    else:
        print_told(tell(made.run))
        click.echo(made.report)
    return 0


def json_value(made: Explained, told: Told) -> dict[str, Any]:
    """Return what was found, for machines; times are ns from the first packet."""
    run = made.run
    return {
        "run": str(made.path),
        "report": str(made.report),
        "timing": made.timing,
        "headline": told.headline,
        "paragraph": told.paragraph,
        "connections": run.table("connections").to_dicts(),
        "summary": run.table("summary").to_dicts(),
        "limits": run.table("limits").to_dicts(),
        "findings": run.table("findings").drop("number").to_dicts(),
    }


def print_told(told: Told) -> None:
    """Print what was found: the paragraph in front, doubts, the connections to look at first."""
    click.echo(click.style(told.headline, bold=True))
    _paragraph(told.paragraph)
    for doubt in told.doubts:
        why = f" ({doubt['because']})" if doubt["because"] else ""
        _paragraph(f"{doubt['sentence']}{why}", colour="yellow")
    troubled = sorted(told.cards, key=lambda card: -len(card.trouble))[:MOST_CARDS]
    for card in sorted(troubled, key=lambda card: card.number):
        _print_card(card, alone=len(told.cards) == 1)
    rest = len(told.cards) + told.more - len(troubled)
    if rest:
        click.echo(f"and {rest} more connection{'' if rest == 1 else 's'}: see the page")


def _print_card(card: Card, *, alone: bool) -> None:
    click.echo("")
    click.echo(click.style(f"connection {card.number}", bold=True), nl=False)
    click.echo(f"  {card.client} -> {card.server}  {', '.join(card.facts[:3])}")
    if not alone:
        _paragraph(card.paragraph, indent="  ")
    shown = [one for one in card.findings if one["trouble"]] or list(card.findings)
    for one in shown[:MOST_FINDINGS]:
        mark = click.style(f"{one['sure']:<8}", fg=SURE[one["sure"]])
        lines = textwrap.wrap(one["sentence"], WIDTH - 12)
        click.echo(f"  {mark}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"  {'':<8}  {line}")
    if len(shown) > MOST_FINDINGS:
        click.echo(f"  {'':<8}  and {len(shown) - MOST_FINDINGS} more: see the page")


def _paragraph(text: str, *, indent: str = "", colour: str | None = None) -> None:
    if text:
        filled = textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
        click.echo(click.style(filled, fg=colour))
