"""The largest memory of a process and its descendants at one moment, from /proc."""

from __future__ import annotations

import re
from pathlib import Path

KIB = 1024
#: What a process's name says about what it is to us; stubs and threads of a guest are the guest.
KINDS = {
    "qemu-system": "guest",
    "linux": "guest",
    "uml": "guest",
    "tcpexp": "tcpexp",
    "python": "tcpexp",
}


class MemoryWatch:
    """Samples a process tree; ``largest`` is the sum in bytes of its largest moment, by kind.

    Memory is PSS: a page that several processes map counts once, in parts.
    """

    def __init__(self, root: int) -> None:
        self.root = root
        self.largest: dict[str, int] = {}

    def sample(self) -> None:
        """Look at every process of the tree once; one that has just ended is passed over."""
        found: dict[str, int] = {}
        for pid in descendants(self.root):
            folder = Path("/proc") / str(pid)
            try:
                kind = kind_of((folder / "comm").read_text().strip())
                size = parse_pss((folder / "smaps_rollup").read_text())
            except OSError:
                continue
            found[kind] = found.get(kind, 0) + size
        if sum(found.values()) > sum(self.largest.values()):
            self.largest = found


def descendants(root: int) -> list[int]:
    """Return ``root`` and the processes below it."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                todo += [int(word) for word in children.read_text().split()]
            except OSError:
                continue
    return found


def kind_of(name: str) -> str:
    """Return ``guest``, ``tcpexp``, or the program's own name."""
    return next((kind for begin, kind in KINDS.items() if name.startswith(begin)), name)


def parse_pss(rollup: str) -> int:
    """Return the PSS of a process in bytes from its ``smaps_rollup``; 0 where it has none."""
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) * KIB if found else 0
