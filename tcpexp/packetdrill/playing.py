"""Many scripts: which there are, in which versions of IP, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tcpexp.errors import SpecError
from tcpexp.packetdrill.outcome import Judged, Unplayable
from tcpexp.packetdrill.parser import load_script
from tcpexp.packetdrill.script import Script
from tcpexp.packetdrill.utcp.player import play
from tcpexp.packetdrill.variants import IpVersion, versions_of

ENDING = ".pkt"
NO_SCRIPT = "not in packetdrill's language"


@dataclass(frozen=True)
class Played:
    """A script in one version of IP, and what became of it.

    ``verdict`` is ``agrees``, ``disagrees``, ``broken`` (the player failed) or ``not played``;
    ``reason`` says why it was not played. ``script`` is None for a file that is no script.
    """

    path: Path
    ip_version: IpVersion
    script: Script | None = None
    judged: Judged | None = None
    reason: str | None = None

    @property
    def verdict(self) -> str:
        """What became of it, in one word or two."""
        return "not played" if self.judged is None else self.judged.verdict


def find_scripts(paths: Sequence[Path]) -> list[Path]:
    """Return the scripts that ``paths`` are, or that lie below them, in order.

    Raises: SpecError for a path that is not there, or a folder without scripts.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = sorted(path.rglob(f"*{ENDING}"))
            if not below:
                raise SpecError(f"{path} holds no script", hint=f"scripts are named *{ENDING}")
            found += below
        elif path.exists():
            found.append(path)
        else:
            raise SpecError(f"there is no script {path}", hint="give files or folders")
    return found


def load_all(
    paths: Sequence[Path],
    defines: dict[str, str],
    only: IpVersion | None,
    *,
    every_version: bool,
) -> Iterator[tuple[Path, IpVersion, Script | SpecError]]:
    """Yield each script in the versions of IP that it is for, or why it is none.

    ``only`` leaves out the others. Without ``every_version``, a script that names no version is
    read in the first only.
    """
    for path in paths:
        text = path.read_bytes().decode("utf-8", errors="replace")
        versions = [each for each in versions_of(text) if only in (None, each)]
        for version in versions if every_version else versions[:1]:
            try:
                yield path, version, load_script(path, defines, version)
            except SpecError as error:
                yield path, version, error


def play_here(
    tasks: Sequence[tuple[Path, IpVersion, Script | SpecError]],
    told: Callable[[Played], None] = lambda played: None,
) -> list[Played]:
    """Play scripts against ``tcpexp.tcp``; ``told`` hears of each when it has ended."""
    done = []
    for path, version, script in tasks:
        if isinstance(script, SpecError):
            played = Played(path, version, reason=f"{NO_SCRIPT}: {script}")
        else:
            try:
                played = Played(path, version, script, play(script, version))
            except Unplayable as reason:
                played = Played(path, version, script, reason=str(reason))
        done.append(played)
        told(played)
    return done
