"""``lab``: the laboratory in the browser."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tcpexp import paths
from tcpexp.errors import SpecError
from tcpexp.places.registry import AUTO, on_choices


@click.command(
    epilog="""\b
Examples:
  tcpexp lab                          opens a page in your browser
  tcpexp lab my-experiments/          with specs of your own beside those that ship
  tcpexp lab --port 8080 --no-browser
  tcpexp lab --class --listen 192.168.1.20 --jobs 8

\b
Runs are kept as those of `tcpexp run`: in --out DIR; else in results/ in the
current folder when there is one; else in results/ in the checkout; else in a
new results/. Ctrl-C ends the laboratory.
"""
)
@click.argument(
    "specs", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[SPEC|FOLDER]..."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Any, unless given."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 200),
    metavar="N",
    help="Make N runs at a time. [default: 1; in a class, processors less one]",
)
@click.option(
    "--on", type=click.Choice(on_choices()), default=AUTO, show_default=True, help="Where."
)
@click.option("--no-browser", is_flag=True, help="Print the link and open nothing.")
@click.option(
    "--class",
    "whole_class",
    is_flag=True,
    help="For many students: knobs only, no text and no programs of their own, limits, fair turns.",
)
@click.option(
    "--listen",
    metavar="ADDRESS",
    help="With --class: this machine's address that the students reach. [default: 127.0.0.1]",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="With --class: a name by which browsers reach it, such as lab.example.org, behind TLS.",
)
def lab(
    specs: tuple[Path, ...],
    port: int,
    out: Path | None,
    jobs: int | None,
    on: str,
    no_browser: bool,
    whole_class: bool,
    listen: str | None,
    names: tuple[str, ...],
) -> int:
    """Turn knobs in the browser and see TCP answer.

    A page on this machine: choose an experiment, change a rate, a delay, a queue, a congestion
    control, or any line of its YAML. The run's panels appear, and a pinned run stays under the
    next. Runs, reports and specs are the same files as on the command line.

    Only this machine reaches it, with the link that is printed. See docs/guides/lab.md, also for
    --class.
    """
    from tcpexp.lab.config import LOOPBACK, LabConfig, Limits, check_address
    from tcpexp.lab.serve import serve

    host = listen or LOOPBACK
    check_address(host, whole_class=whole_class)
    if names and not whole_class:
        raise SpecError("--name is for a class", hint="add --class, or leave --name out")
    results = (out or paths.default_results_dir()).absolute()
    usual = max((os.cpu_count() or 2) - 1, 1) if whole_class else 1
    config = LabConfig(
        results=results,
        folders=specs,
        host=host,
        port=port,
        names=names,
        jobs=jobs or usual,
        limits=Limits() if whole_class else None,
        on=on,
    )

    def ready(listening: LabConfig) -> None:
        click.echo(listening.url)
        words = "for your students" if whole_class else "for this machine only"
        click.echo(f"{words}; runs are kept in {results}; Ctrl-C ends it", err=True)
        if not (no_browser or whole_class):
            click.launch(listening.url)

    serve(config, ready)
    return 0
