"""``explain``: what happened in captures that nobody here made."""

from __future__ import annotations

from pathlib import Path

import click

from tcpexp import paths
from tcpexp.cli.options import json_option, say
from tcpexp.telling import say_nothing


@click.command(
    epilog="""\b
Examples:
  tcpexp explain trace.pcapng                  from Wireshark, tcpdump, a router, a phone
  tcpexp explain client.pcap server.pcap       both ends
  tcpexp explain trace.pcap --json
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
@click.option("--quiet", "-q", is_flag=True, help="Print the path of the page only.")
@json_option
def explain(captures: tuple[Path, ...], out: Path | None, quiet: bool, as_json: bool) -> int:
    """Explain captures: what happened, and what limited it.

    The captures are copied into a run directory with tables, metrics and a page, which report,
    check, export and notebooks read like any other run's.

    Exit code 5 when a file is no capture.
    """
    from tcpexp.explain.explain import explain_captures

    told = say_nothing if quiet or as_json else say
    made = explain_captures(captures, paths.default_results_dir(), out, told)
    click.echo(made.report)
    return 0
