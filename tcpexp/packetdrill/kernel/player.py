"""Scripts against the kernel in the guest: many of them in one boot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tcpexp.packetdrill.kernel.guest import Guest
from tcpexp.packetdrill.kernel.judge import judge
from tcpexp.packetdrill.kernel.lower import lower_script
from tcpexp.packetdrill.kernel.shell import ReadFile
from tcpexp.packetdrill.kernel.ways import WAYS
from tcpexp.packetdrill.outcome import Judged, Unplayable
from tcpexp.packetdrill.script import Script
from tcpexp.packetdrill.variants import IpVersion

Task = tuple[Script, IpVersion]


def play_scripts(
    tasks: Sequence[Task], guest: Guest, told: Callable[[int], None] = lambda done: None
) -> list[Judged | Unplayable]:
    """Play scripts, each in one IP version, against the guest's kernel; return what became of each,
    in the same order: an :class:`Unplayable` says what a script asks for that is not played.

    Each has a network namespace of its own and begins at the same phase of the kernel's timers, so
    that nothing depends on what was played before. ``told`` hears how many have ended.

    Raises:
        RunError: the guest could not be started, or died.
    """
    outcomes: list[Judged | Unplayable | None] = [None] * len(tasks)
    jobs, places = [], []
    for place, (script, version) in enumerate(tasks):
        try:
            jobs.append(lower_script(script, WAYS[version], beside(script)))
            places.append(place)
        except Unplayable as reason:
            outcomes[place] = reason
    logs = guest.play(jobs, told) if jobs else []
    for place, log in zip(places, logs, strict=True):
        script, version = tasks[place]
        try:
            outcomes[place] = judge(script, WAYS[version], log)
        except Unplayable as reason:
            outcomes[place] = reason
    return [outcome for outcome in outcomes if outcome is not None]


def beside(script: Script) -> ReadFile:
    """Return what reads files beside a script: shell scripts that its commands name."""
    folder = Path(script.name).parent

    def read(name: str) -> str | None:
        try:
            return (folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    return read
