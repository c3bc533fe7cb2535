"""A processor for each kernel process: on one processor it is several times faster than on two.

Kernel and programs of a User-Mode Linux guest take turns and never run at once, so moving them
between processors only costs. Runners agree by lock files, which end with their process.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tcpexp.paths import cache_dir

#: How long the processors are watched to see which one is idle, in seconds.
WATCH_S = 0.02


@contextmanager
def claim_processor() -> Iterator[int | None]:
    """Hold a processor that no other runner holds, the idlest of them; None when all are held.

    A machine's runners that do not share a cache (other users) do not see each other's claims.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        yield None
        return
    folder = cache_dir() / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    for number in idlest_first(allowed):
        file = os.open(folder / f"processor-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        try:
            yield number
        finally:
            os.close(file)
        return
    yield None


def idlest_first(numbers: list[int]) -> list[int]:
    """Return processors in the order of how little they did in the last ``WATCH_S`` seconds."""
    before = busy_ticks(Path("/proc/stat").read_text())
    time.sleep(WATCH_S)
    after = busy_ticks(Path("/proc/stat").read_text())
    return sorted(
        numbers, key=lambda number: (after.get(number, 0) - before.get(number, 0), number)
    )


def busy_ticks(text: str) -> dict[int, int]:
    """Return, for each processor, the ticks in which it was not idle (proc(5), ``stat``)."""
    found = {}
    for line in text.splitlines():
        name, *words = line.split()
        if name.startswith("cpu") and name != "cpu":
            ticks = [int(word) for word in words[:8]]
            found[int(name[3:])] = sum(ticks) - ticks[3] - ticks[4]
    return found
