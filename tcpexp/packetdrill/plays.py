"""Scripts to play: which files, in which versions of IP, and against what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tcpexp.errors import SpecError, TcpexpError
from tcpexp.packetdrill.kernel.ways import ways_of
from tcpexp.packetdrill.outcome import Judged, Unplayable
from tcpexp.packetdrill.parser import load_script
from tcpexp.packetdrill.script import Script
from tcpexp.packetdrill.utcp.player import play
from tcpexp.packetdrill.variants import IP_VERSIONS, IpVersion
from tcpexp.telling import Say, say_nothing


@dataclass(frozen=True)
class Play:
    """A script in one version of IP."""

    script: Script
    version: IpVersion


@dataclass(frozen=True)
class Played:
    """What became of a script: it was judged, or it asks for what a player does not have."""

    play: Play
    outcome: Judged | Unplayable

    @property
    def verdict(self) -> str:
        """``agrees``, ``disagrees``, ``broken`` or ``not played``."""
        return self.outcome.verdict if isinstance(self.outcome, Judged) else "not played"


def find_scripts(paths: Sequence[Path]) -> list[Path]:
    """Return files as they are, and all ``.pkt`` files below folders, in the order of their names.

    Raises: SpecError for what is not there, and a folder without scripts.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise SpecError(f"there is no file or folder {path}", hint="give a .pkt file")
        inside = sorted(path.rglob("*.pkt")) if path.is_dir() else [path]
        if not inside:
            raise SpecError(f"{path}: no scripts below this folder", hint="they end in .pkt")
        found += inside
    return list(dict.fromkeys(found))


def load_plays(
    paths: Sequence[Path],
    versions: Sequence[IpVersion] = (),
    defines: Mapping[str, str] | None = None,
) -> tuple[list[Play], list[TcpexpError]]:
    """Read scripts, each in all versions of IP that it is for, or in those of ``versions`` only;
    also return the errors of what is no script.
    """
    plays: list[Play] = []
    errors: list[TcpexpError] = []
    given = dict(defines or {})
    for path in paths:
        try:
            wanted = [way.name for way in ways_of(load_script(path, given))]
            plays += [
                Play(load_script(path, given, version), version)
                for version in IP_VERSIONS
                if version in wanted and (not versions or version in versions)
            ]
        except TcpexpError as error:
            errors.append(error)
    return plays, errors


def play_utcp(plays: Sequence[Play]) -> Iterator[Played]:
    """Play scripts against ``tcpexp.tcp``, one after the other."""
    for each in plays:
        try:
            yield Played(each, play(each.script, each.version))
        except Unplayable as reason:
            yield Played(each, reason)


def play_kernel(
    plays: Sequence[Play],
    kernel: str | None = None,
    say: Say = say_nothing,
    told: Callable[[int], None] = lambda done: None,
) -> list[Played]:
    """Play scripts against the kernel in the guest, all in one boot.

    Raises: HostError where no guest can be started, RunError when it dies.
    """
    from tcpexp.packetdrill.kernel.guest import Guest
    from tcpexp.packetdrill.kernel.player import play_scripts

    tasks = [(each.script, each.version) for each in plays]
    outcomes = play_scripts(tasks, Guest.prepare(kernel, say), told)
    return [Played(*pair) for pair in zip(plays, outcomes, strict=True)]
