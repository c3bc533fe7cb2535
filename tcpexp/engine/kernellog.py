"""What the kernel prints while a module of the run's own is loaded: ``raw/kernel_log.jsonl``.

Read from /dev/kmsg, whose records have a time of the kernel's own clock in microseconds. Two marks
that the engine writes there itself, at known instants, tell that clock from CLOCK_MONOTONIC.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tcpexp.engine.clock import Clock
from tcpexp.engine.journal import JsonLines

DEVICE = "/dev/kmsg"
#: The kernel's levels (include/linux/kern_levels.h).
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
MARK = "tcpexp: the time is"
#: A record is at most so long (CONSOLE_EXT_LOG_MAX in the kernel's printk.c).
RECORD_BYTES = 8192
#: So many lines are kept: a module may print at every packet.
MOST_LINES = 200_000


class KernelLog:
    """The kernel's log from :meth:`open` on; does nothing where it cannot be read."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.file = -1
        self.lost = 0
        self.offset_ns: int | None = None
        self._lines: JsonLines | None = None
        self._count = 0
        self._recent: list[str] = []

    def open(self) -> None:
        """Begin with what is printed from now on."""
        with contextlib.suppress(OSError):
            self.file = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self.file, 0, os.SEEK_END)
            self._lines = JsonLines(self.path, self.clock)
            os.write(self.file, f"<7>{MARK} {Clock.monotonic_ns()}\n".encode())
            self.drain()

    def drain(self) -> None:
        """Take what was printed meanwhile; never blocks."""
        while self.file >= 0:
            try:
                record = os.read(self.file, RECORD_BYTES).decode(errors="replace")
            except BlockingIOError:
                return
            except BrokenPipeError:  # overwritten before it was read
                self.lost += 1
                continue
            except OSError:
                return
            if not record:
                return
            self._take(record)

    def _take(self, record: str) -> None:
        head, _, text = record.partition(";")
        numbers = head.split(",")
        line = text.split("\n", 1)[0]
        level, at_ns = int(numbers[0]) & 7, int(numbers[2]) * 1000
        if line.startswith(MARK):
            self.offset_ns = int(line.rsplit(" ", 1)[1]) - at_ns
            return
        self._recent = [*self._recent[-7:], line]
        self._count += 1
        if self._count > MOST_LINES:
            self.lost += 1
        elif self._lines is not None and self.offset_ns is not None:
            row = {"level": LEVELS[level], "text": line}
            self._lines.write(row, at_ns + self.offset_ns)

    def last_words(self) -> list[str]:
        """Return the last lines that were printed."""
        self.drain()
        return list(self._recent)

    def close(self) -> None:
        """Take the rest; say how much was lost."""
        self.drain()
        if self.file >= 0:
            os.close(self.file)
            self.file = -1
        if self._lines is not None:
            if self.lost:
                words = f"{self.lost} lines of the kernel were printed too fast to be kept"
                self._lines.write({"level": LEVELS[4], "text": words})
            self._lines.close()
            self._lines = None
