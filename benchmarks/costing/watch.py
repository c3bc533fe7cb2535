"""Run one ``tcpexp run`` as a user does and watch it from outside: when it reached what, and how much memory it took.

Phases inside the guest are seen in the first block of its result device, read every millisecond; those before and after it in the
lines that the command prints on standard error. Nothing is asked of the guest, so watching does not change the run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from costing.memory import MemoryWatch
from tcpexp.places.qemu.place import scratch_dir
from tcpexp.places.qemu.transfer import ResultDevice

POLL_S = 0.001
MEMORY_EVERY_S = 0.1
LIMIT_S = 1800.0
#: The line that says that a run had to make a template first; such a run tells nothing about what a run costs.
_TEMPLATE = "guest template: booting"
#: What an interval is called that begins with a mark, where the mark's own name does not say it.
INTERVALS = {"begin": "Python, imports, compile", "starting": "restore", "done": "unpacking", "writing the report": "report and exit"}
_FIRST = re.compile(r"^\S+: .* on the (?:guest|host)\)$")
_PHASE = re.compile(r"^  (?P<name>[A-Za-z ]+?)(?: -?[\d.]+ / \S+ s)? \(wall [\d.]+ s\)$")


class RunFailed(Exception):
    """A run that should have been measured failed; the text holds its last words."""


@dataclass(frozen=True)
class Mark:
    """Something that was reached ``at_s`` seconds after the command began; ``clock_s`` is the experiment's time, None outside of it."""

    name: str
    at_s: float
    clock_s: float | None = None


@dataclass
class Watched:
    """One command that has ended; ``memory`` is in bytes by program and kind, ``run_dir`` where the run lies."""

    wall_s: float
    exit_code: int
    marks: list[Mark]
    memory: dict[str, dict[str, int]]
    run_dir: Path
    guest_seen: bool = field(default=False)
    made_template: bool = field(default=False)


def tcpexp_command() -> list[str]:
    """Return the installed command ``tcpexp``, or Python running it as a module."""
    beside = Path(sys.executable).parent / "tcpexp"
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "tcpexp.cli.main"]


def watch_run(spec: Path, out: Path, arguments: tuple[str, ...]) -> Watched:
    """Run ``spec`` with results in ``out``, a folder of its own, and return what was seen.

    Raises:
        RunFailed: the command failed, or took longer than half an hour.
    """
    # The command dies with this process, and QEMU with the command.
    argv = ["setpriv", "--pdeathsig", "TERM", *tcpexp_command(), "run", str(spec), "--out", str(out), *arguments]
    began = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    marks: list[Mark] = [Mark("begin", 0.0)]
    said: list[str] = []
    reader = threading.Thread(target=_read_lines, args=(process, began, marks, said), daemon=True)
    reader.start()
    memory = MemoryWatch(process.pid)
    try:
        seen = _poll(process, began, memory)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    wall = time.monotonic() - began
    reader.join(5)
    runs = sorted(out.glob("*/*/plan.json"))
    if process.returncode not in (0, 1) or not runs:
        raise RunFailed(f"{' '.join(argv)} ended with {process.returncode}:\n" + "\n".join(said[-15:]))
    made_template = any(line.startswith(_TEMPLATE) for line in said)
    return Watched(wall, process.returncode, merge_marks(marks, seen), memory.largest, runs[-1].parent, bool(seen), made_template)


def _read_lines(process: subprocess.Popen[str], began: float, marks: list[Mark], said: list[str]) -> None:
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


def _poll(process: subprocess.Popen[str], began: float, memory: MemoryWatch) -> list[Mark]:
    """Watch the result device and the memory until the command ends; return the device's marks."""
    seen: list[Mark] = []
    device: ResultDevice | None = None  # never closed: that would remove the file
    pattern = f"{process.pid}-*/out"
    sample_at = began
    last: dict[str, object] = {}
    while process.poll() is None:
        now = time.monotonic()
        if now - began > LIMIT_S:
            raise RunFailed(f"the run took more than {LIMIT_S:.0f} s")
        device = device or _find_device(pattern)
        state = device.state() if device is not None else {}
        if state and state != last:
            last = state
            seen.append(Mark(str(state.get("phase", "")), now - began, float(state.get("t", 0.0))))
        if now >= sample_at:
            memory.sample()
            sample_at = now + MEMORY_EVERY_S
        time.sleep(POLL_S)
    return seen


def _find_device(pattern: str) -> ResultDevice | None:
    for path in scratch_dir().glob(pattern):
        try:
            return ResultDevice(path)
        except (OSError, ValueError):  # not there yet, or still empty
            return None
    return None


def merge_marks(lines: list[Mark], device: list[Mark]) -> list[Mark]:
    """Return all marks in order of time: what the guest itself said counts where both said it."""
    inside = {mark.name for mark in device}
    return sorted([mark for mark in lines if mark.name not in inside] + device, key=lambda mark: mark.at_s)


def intervals(marks: list[Mark], wall_s: float) -> dict[str, float]:
    """Return the seconds of each phase in order, from its first mark to the next phase's; their sum is ``wall_s``."""
    result: dict[str, float] = {}
    firsts = [mark for index, mark in enumerate(marks) if index == 0 or marks[index - 1].name != mark.name]
    for mark, end in zip(firsts, [*(each.at_s for each in firsts[1:]), wall_s], strict=True):
        name = INTERVALS.get(mark.name, mark.name)
        result[name] = result.get(name, 0.0) + end - mark.at_s
    return result


def bracket(marks: list[Mark], clock_s: float) -> tuple[float, float] | None:
    """Return between which two wall instants the experiment's clock passed ``clock_s``: (not before, not after); None if never seen."""
    running = [mark for mark in marks if mark.clock_s is not None and mark.name in ("run", "stop")]
    before = [mark.at_s for mark in running if mark.clock_s is not None and mark.clock_s <= clock_s]
    after = [mark.at_s for mark in running if mark.clock_s is not None and mark.clock_s >= clock_s]
    return (before[-1], after[0]) if before and after else None


def load_average() -> float:
    """Return the machine's load of the last minute: how much else was going on."""
    return os.getloadavg()[0]
