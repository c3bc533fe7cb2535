"""``packetdrill``: scripts against the kernel, and against the TCP in user space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpexp.cli.options import echo_json, json_option, say
from tcpexp.errors import SpecError
from tcpexp.telling import say_nothing
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.packetdrill.plays import Played

#: Exit codes, as everywhere: a check failed, the input is wrong, the player failed.
FAILED, WRONG, BROKEN = 1, 2, 4
_COLOURS = {"agrees": "green", "disagrees": "red", "broken": "red", "not played": "yellow"}
_VERSIONS = ("ipv4", "ipv4-mapped-ipv6", "ipv6")


@click.command(
    epilog="""\b
Examples:
  tcpexp packetdrill close.pkt --against utcp          the TCP in user space
  tcpexp packetdrill suite/ --against kernel           all scripts below, in one boot
  tcpexp packetdrill suite/ --kernel 6.1 --json
"""
)
@click.argument(
    "scripts",
    nargs=-1,
    required=True,
    metavar="SCRIPT|DIR...",
    type=click.Path(path_type=Path),
)
@click.option(
    "--against",
    type=click.Choice(["kernel", "utcp"]),
    default="kernel",
    show_default=True,
    help="The kernel in the guest, or the TCP in user space.",
)
@click.option("--kernel", metavar="NAME", help="The guest's kernel: see 'tcpexp kernel list'.")
@click.option(
    "--ip-version",
    "versions",
    type=click.Choice(_VERSIONS),
    multiple=True,
    help="Only this one of those that a script is for. May be repeated.",
)
@click.option(
    "--define",
    "-D",
    "defines",
    metavar="NAME=VALUE",
    multiple=True,
    help="Replace a word in the scripts. May be repeated.",
)
@click.option("--quiet", "-q", is_flag=True, help="What disagrees, and the counts; nothing else.")
@json_option
def packetdrill(
    scripts: tuple[Path, ...],
    against: str,
    kernel: str | None,
    versions: tuple[Any, ...],
    defines: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> int:
    """Play packetdrill's scripts on a virtual clock.

    Each script is played in every version of IP that it is for. One that disagrees is shown with
    its line, with the packet that should have been and the one that was, and with what happened
    before. No shell is started and no Python of a script is run: a script that asks for more than
    the commands and expressions that are known is not played, and the reason is said.

    Exit code 1 when a script disagrees, 2 when a file is no script, 4 when the player failed.
    """
    from tcpexp.packetdrill.plays import find_scripts, load_plays, play_kernel, play_utcp

    if kernel is not None and against == "utcp":
        raise click.UsageError("--kernel is for --against kernel")
    plays, errors = load_plays(find_scripts(scripts), versions, _defined(defines))
    if against == "utcp":
        played = list(play_utcp(plays))
    else:
        played = play_kernel(plays, kernel, say_nothing if quiet or as_json else say)
    if as_json:
        told = [str(error) for error in errors]
        echo_json({"played": [_row(each) for each in played], "errors": told})
    else:
        _print(played, quiet=quiet)
        for error in errors:
            click.echo(f"error: {error}", err=True)
    verdicts = {each.verdict for each in played}
    if errors:
        return WRONG
    if "broken" in verdicts:
        return BROKEN
    return FAILED if "disagrees" in verdicts else 0


def _defined(defines: Iterable[str]) -> dict[str, str]:
    pairs = [define.partition("=") for define in defines]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise SpecError(f"--define {name}: it has no value", hint="write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _row(played: Played) -> dict[str, Any]:
    from tcpexp.packetdrill.outcome import Judged
    from tcpexp.packetdrill.show import failure_lines

    outcome, script = played.outcome, played.play.script
    judged = outcome if isinstance(outcome, Judged) else None
    return {
        "script": script.name,
        "ip_version": played.play.version,
        "verdict": played.verdict,
        "line": judged.line if judged else None,
        "reason": (judged.wrong if judged else str(outcome)),
        "shown": failure_lines(script, judged) if judged else [],
    }


def _print(played: list[Played], *, quiet: bool) -> None:
    from tcpexp.packetdrill.outcome import counted_words

    rows = [_row(each) for each in played]
    for row in rows:
        wrong = row["verdict"] in ("disagrees", "broken")
        if wrong or not quiet:
            word = click.style(f"{row['verdict']:<10}", fg=_COLOURS[row["verdict"]])
            why = f": {row['reason']}" if row["verdict"] == "not played" else ""
            click.echo(f"{word}  {row['ip_version']:<16}  {row['script']}{why}")
        for line in row["shown"]:
            click.echo(f"    {line}" if line else "")
    words = counted_words(Counter(row["verdict"] for row in rows))
    scripts = len({row["script"] for row in rows})
    click.echo(f"{many(scripts, 'script')}, {many(len(rows), 'play')}: {words}")
