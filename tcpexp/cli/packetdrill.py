"""``packetdrill``: scripts with exact segments at exact times, against a TCP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpexp.cli.options import echo_json, json_option, say
from tcpexp.errors import SpecError
from tcpexp.telling import say_nothing

if TYPE_CHECKING:
    from tcpexp.packetdrill.playing import Played
    from tcpexp.packetdrill.script import Script
    from tcpexp.packetdrill.variants import IpVersion

    Task = tuple[Path, IpVersion, Script | SpecError]

#: So many failing scripts are shown with their ladder, and each with so many events.
MOST_LADDERS, MOST_EVENTS = 3, 14
MOST_REASONS = 12
COLOURS = {"agrees": "green", "disagrees": "red", "broken": "red", "not played": "yellow"}


@click.command(
    epilog="""\b
Examples:
  tcpexp packetdrill script.pkt                      against the TCP in user space
  tcpexp packetdrill tests/ --against kernel         against the kernel in the guest
  tcpexp packetdrill tests/ --ip-version ipv6 --json
  tcpexp packetdrill script.pkt --define MSS=1460

\b
Exit code 1 when a script disagrees. Scripts are in the language of
github.com/google/packetdrill; none come with tcpexp.
"""
)
@click.argument(
    "scripts", nargs=-1, required=True, metavar="FILE|DIR...", type=click.Path(path_type=Path)
)
@click.option(
    "--against",
    type=click.Choice(["utcp", "kernel"]),
    default="utcp",
    help="The TCP in user space, or the kernel in the guest on its virtual clock. [default: utcp]",
)
@click.option("--kernel", metavar="NAME", help="Which kernel, with --against kernel.")
@click.option(
    "--ip-version",
    type=click.Choice(["ipv4", "ipv6", "ipv4-mapped-ipv6"]),
    help="Only in this version of IP. [default: in each that a script is for]",
)
@click.option(
    "--define", "-D", "defines", multiple=True, metavar="NAME=VALUE", help="Replace a word."
)
@click.option("--ladder", is_flag=True, help="Show the ladder of every script, all its events.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what disagrees, without ladders.")
@json_option
def packetdrill(
    scripts: tuple[Path, ...],
    against: str,
    kernel: str | None,
    ip_version: IpVersion | None,
    defines: tuple[str, ...],
    ladder: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Play packetdrill scripts.

    Each says which segments arrive, which calls a program makes, and which segments have to go out,
    at which times. Shown is the first line that the TCP did not follow, and what it did instead.
    """
    from tcpexp.packetdrill.playing import find_scripts, load_all, play_here

    if kernel is not None and against != "kernel":
        raise SpecError("--kernel goes with --against kernel")
    tasks = list(load_all(find_scripts(scripts), _defined(defines), ip_version, every_version=True))
    if not tasks:
        raise SpecError(f"no script is for {ip_version}")
    loud = not quiet and not as_json
    done = play_here(tasks) if against == "utcp" else _on_kernel(tasks, kernel, loud)
    if as_json:
        echo_json([_facts(played) for played in done])
    else:
        _print(done, ladder=ladder, quiet=quiet)
    return int(any(played.verdict in ("disagrees", "broken") for played in done))


def _defined(words: Sequence[str]) -> dict[str, str]:
    """Return the defines of the command line."""
    pairs = [word.partition("=") for word in words]
    if wrong := next((name for name, equals, _ in pairs if not equals), None):
        raise SpecError(f"--define {wrong} has no value", hint="--define NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _on_kernel(tasks: Sequence[Task], kernel: str | None, loud: bool) -> list[Played]:
    """Play scripts against the kernel, all in one boot of the guest."""
    from tcpexp.packetdrill.kernel.guest import Guest
    from tcpexp.packetdrill.kernel.player import play_scripts
    from tcpexp.packetdrill.outcome import Unplayable
    from tcpexp.packetdrill.playing import NO_SCRIPT, Played

    readable = [
        (script, version) for _, version, script in tasks if not isinstance(script, SpecError)
    ]
    guest = Guest.prepare(kernel, say if loud else say_nothing)
    outcomes = iter(play_scripts(readable, guest))
    done = []
    for path, version, script in tasks:
        if isinstance(script, SpecError):
            done.append(Played(path, version, reason=f"{NO_SCRIPT}: {script}"))
            continue
        outcome = next(outcomes)
        if isinstance(outcome, Unplayable):
            done.append(Played(path, version, script, reason=str(outcome)))
        else:
            done.append(Played(path, version, script, outcome))
    return done


def _facts(played: Played) -> dict[str, Any]:
    """Return an outcome for machines."""
    from tcpexp.packetdrill.text import packet_text

    judged = played.judged
    return {
        "script": str(played.path),
        "ip_version": played.ip_version,
        "verdict": played.verdict,
        "line": None if judged is None else judged.line,
        "wrong": None if judged is None else judged.wrong,
        "reason": played.reason,
        "latest_ns": None if judged is None else judged.latest_ns,
        "besides": []
        if judged is None
        else [{"at_ns": at, "packet": packet_text(packet)} for at, packet in judged.besides],
    }


def _print(done: Sequence[Played], *, ladder: bool, quiet: bool) -> None:
    """Print what disagrees, then the counts, and why scripts were not played."""
    from tcpexp.packetdrill.show import complaint
    from tcpexp.packetdrill.show import ladder as drawn

    shown = 0
    for played in done:
        if played.script is None or played.judged is None:
            continue
        wrong = played.verdict != "agrees"
        if wrong:
            click.echo(complaint(played.script, played.judged))
        if ladder or (wrong and not quiet and shown < MOST_LADDERS):
            shown += wrong
            click.echo("\n".join(drawn(played.judged, None if ladder else MOST_EVENTS)) + "\n")
    if quiet:
        return
    counts = Counter(played.verdict for played in done)
    words = [click.style(f"{count} {word}", fg=COLOURS[word]) for word, count in counts.items()]
    click.echo(f"{len(done)} played in all: {', '.join(words)}" if len(done) > 1 else words[0])
    reasons = Counter(played.reason for played in done if played.reason is not None)
    for reason, count in reasons.most_common(MOST_REASONS):
        click.echo(f"  {count} not played: {reason}")
    if len(reasons) > MOST_REASONS:
        click.echo(f"  and {len(reasons) - MOST_REASONS} other reasons: --json lists all")
