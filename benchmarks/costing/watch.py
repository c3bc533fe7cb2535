"""Run one command as a user does and watch it from outside: when it reached what, and its memory.

Phases inside a guest are seen in what the guest itself says, read each millisecond; those before
and after it in the lines that the command prints on standard error. Nothing is asked of the guest,
so watching does not change the run.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from costing.memory import MemoryWatch
from costing.places import Side

POLL_S = 0.001
#: Adding up pages holds up the processes that own them: only where memory is asked for.
MEMORY_EVERY_S = 0.25
LIMIT_S = 7200.0
#: Exit codes of a command whose runs were made: all checks passed, or some did not.
MADE = (0, 1)
#: The line that says that a run had to boot QEMU's template first; such a run tells nothing.
_TEMPLATE = "guest template: booting"
#: What an interval is called that begins with a mark, where the mark's own name does not say it.
INTERVALS = {
    "begin": "start of Python, compiling the plan",
    "starting": "start of the guest",
    "done": "end of the guest",
    "writing the report": "writing the report, end",
}
_FIRST = re.compile(r"^\S+: .* \([^()]*seed \d+[^()]*\)$")
_PHASE = re.compile(r"^  (?P<name>[A-Za-z ]+?)(?: -?[\d.]+ / \S+ s)? \(wall [\d.]+ s\)$")


class RunFailed(Exception):
    """A run that should have been measured failed; the text holds its last words."""


@dataclass(frozen=True)
class Mark:
    """Something that was reached ``at_s`` seconds after the command began."""

    name: str
    at_s: float
    #: Said by the guest itself.
    inside: bool = False


@dataclass
class Watched:
    """One command that has ended; ``memory`` is in bytes by kind, of the largest moment."""

    wall_s: float
    exit_code: int
    marks: list[Mark]
    said: list[str]
    memory: dict[str, int] = field(default_factory=dict)

    @property
    def phases(self) -> dict[str, float]:
        """The seconds of each phase, in order; their sum is ``wall_s``."""
        return intervals(self.marks, self.wall_s)

    def guest_s(self) -> float | None:
        """Return how long the guest took, from its start to its end; None where none was seen."""
        began = self.reached_s("starting")
        inside = [number for number, mark in enumerate(self.marks) if mark.inside]
        after = self.marks[inside[-1] + 1 :] if inside else []
        return None if began is None or not after else after[0].at_s - began

    def reached_s(self, name: str) -> float | None:
        """Return when a phase was reached first."""
        return next((mark.at_s for mark in self.marks if mark.name == name), None)


def tcpexp_command() -> list[str]:
    """Return the installed command ``tcpexp``, or Python running it as a module."""
    beside = Path(sys.executable).parent / "tcpexp"
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "tcpexp.cli.main"]


def watch_command(argv: list[str], side: Side, *, memory: bool = False) -> Watched:
    """Run a command of tcpexp and return what was seen.

    Raises:
        RunFailed: a run failed or could not be made, or the command took hours.
    """
    began = time.monotonic()
    with _started(argv) as process:
        marks, said = [Mark("begin", 0.0)], list[str]()
        lines = threading.Thread(target=_read, args=(process, began, marks, said), daemon=True)
        lines.start()
        watch = MemoryWatch(process.pid) if memory else None
        seen = _poll(process, began, side, watch)
        wall = time.monotonic() - began
        lines.join(5)
    code = process.returncode
    if code not in MADE:
        raise RunFailed(f"{' '.join(argv)} ended with {code}:\n" + "\n".join(said[-15:]))
    if any(line.startswith(_TEMPLATE) for line in said):
        raise RunFailed("the run had to boot a template first; is the engine being changed?")
    largest = {} if watch is None else watch.largest
    return Watched(wall, code, merge_marks(marks, seen), said, largest)


@contextmanager
def _started(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a command that dies with this process, as its guests die with it."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _read(process: subprocess.Popen[str], began: float, marks: list[Mark], said: list[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        name = parse_line(line.rstrip("\n"))
        said.append(line.rstrip("\n"))
        if name:
            marks.append(Mark(name, time.monotonic() - began))


def parse_line(line: str) -> str | None:
    """Return the phase that a line of the command's progress begins, None for any other line."""
    if _FIRST.match(line):
        return "starting"
    found = _PHASE.match(line)
    return found["name"] if found else None


def _poll(
    process: subprocess.Popen[str], began: float, side: Side, memory: MemoryWatch | None
) -> list[Mark]:
    """Watch guest and memory until the command ends; return the guest's marks."""
    seen: list[Mark] = []
    sample_at = began
    while process.poll() is None:
        now = time.monotonic()
        if now - began > LIMIT_S:
            raise RunFailed(f"the command took more than {LIMIT_S:.0f} s")
        phase = str(side.state(process.pid).get("phase", "")) if side.state else ""
        if phase and (not seen or seen[-1].name != phase):
            seen.append(Mark(phase, now - began, inside=True))
        if memory is not None and now >= sample_at:
            memory.sample()
            sample_at = time.monotonic() + MEMORY_EVERY_S
        time.sleep(POLL_S)
    return seen


def merge_marks(lines: list[Mark], guest: list[Mark]) -> list[Mark]:
    """Return all marks in order of time: what the guest said counts where both said it."""
    inside = {mark.name for mark in guest}
    kept = [mark for mark in lines if mark.name not in inside]
    return sorted(kept + guest, key=lambda mark: mark.at_s)


def intervals(marks: list[Mark], wall_s: float) -> dict[str, float]:
    """Return the seconds of each phase in order, from its mark to the next phase's."""
    result: dict[str, float] = {}
    ends = [*(mark.at_s for mark in marks[1:]), wall_s]
    for mark, end in zip(marks, ends, strict=True):
        name = INTERVALS.get(mark.name, mark.name)
        result[name] = result.get(name, 0.0) + end - mark.at_s
    return result
