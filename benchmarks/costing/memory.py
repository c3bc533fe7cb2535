"""The largest memory of a process and its descendants, from /proc."""

from __future__ import annotations

import re
import time
from pathlib import Path

#: The unique memory is summed by the kernel over every page, so it is asked less often, in seconds.
PSS_EVERY_S = 0.5
KIB = 1024


class MemoryWatch:
    """Samples a process tree. ``largest[program][kind]``: bytes; kinds ``rss``, and for QEMU those of :func:`parse_rollup`."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.largest: dict[str, dict[str, int]] = {}
        self._pss_at = 0.0

    def sample(self) -> None:
        """Look at every process of the tree once; one that has just ended is passed over."""
        now = time.monotonic()
        deep = now >= self._pss_at
        for pid in descendants(self.root):
            try:
                program = program_of(pid, self.root)
                if not program:  # it has ended and waits to be collected
                    continue
                self._note(program, "rss", parse_peak((Path("/proc") / str(pid) / "status").read_text()))
                if deep and program == "QEMU":
                    self._pss_at = now + PSS_EVERY_S
                    for kind, value in parse_rollup((Path("/proc") / str(pid) / "smaps_rollup").read_text()).items():
                        self._note(program, kind, value)
            except OSError:
                continue

    def _note(self, program: str, kind: str, value: int) -> None:
        kinds = self.largest.setdefault(program, {})
        kinds[kind] = max(kinds.get(kind, 0), value)


def descendants(root: int) -> list[int]:
    """Return ``root`` and the processes below it."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                todo += [int(each) for each in children.read_text().split()]
            except OSError:
                continue
    return found


def program_of(pid: int, root: int) -> str:
    """Return what a process is to us: ``tcpexp`` (the command itself), ``helper`` (another Python), ``QEMU``, or the program's name."""
    if pid == root:
        return "tcpexp"
    name = Path(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")).name
    known = {"qemu-system": "QEMU", "python": "helper"}
    return next((word for begin, word in known.items() if name.startswith(begin)), name)


def parse_peak(status: str) -> int:
    """Return the largest resident size ever, in bytes, from ``/proc/PID/status``; 0 for a process without memory."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * KIB if found else 0


def parse_rollup(text: str) -> dict[str, int]:
    """Return bytes from ``smaps_rollup``: ``pss`` (shared pages divided among who maps them), ``unique`` (mapped by nobody else), ``own`` (no file's).

    ``own`` holds the pages of the template that the guest has written, and QEMU's heap: they can never be shared.
    """
    fields = {name: int(size) * KIB for name, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    return {"pss": fields.get("Pss", 0), "unique": fields.get("Private_Clean", 0) + fields.get("Private_Dirty", 0), "own": fields.get("Anonymous", 0)}
