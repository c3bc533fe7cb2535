"""JSON lines stamped in the experiment's time; lines written before t0 is known wait for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tcpexp.engine.clock import Clock


class JsonLines:
    """A file of JSON objects, one per line, each with ``t_ns`` counted from t0 (negative before
    it).

    The first line that cannot be written (the disk is full) raises ``OSError``; those after it are
    dropped, so that a run can still be cleaned up.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.clock = clock
        self._file = path.open("w", encoding="utf-8", buffering=1)
        self._waiting: list[tuple[int, Mapping[str, object]]] = []
        self._broken = False

    def write(self, row: Mapping[str, object], at_monotonic_ns: int | None = None) -> None:
        """Append ``row``, stamped now or at the given CLOCK_MONOTONIC instant."""
        at = Clock.monotonic_ns() if at_monotonic_ns is None else at_monotonic_ns
        if self.clock.t0_monotonic_ns is None:
            self._waiting.append((at, row))
            return
        self.flush()
        self._put(at - self.clock.t0_monotonic_ns, row)

    def flush(self, zero_ns: int | None = None) -> None:
        """Write what waited; ``zero_ns`` stands for t0 in a run that never had one."""
        zero = self.clock.t0_monotonic_ns if self.clock.t0_monotonic_ns is not None else zero_ns
        if zero is None:
            return
        waiting, self._waiting = self._waiting, []
        for at, row in waiting:
            self._put(at - zero, row)

    def close(self) -> None:
        """Write what is left (against the run's end when there was no t0) and close the file."""
        said = self._broken
        try:
            self.flush(Clock.monotonic_ns())
            self._file.close()
        except OSError:
            if not said:  # else it was said already, and what waits in memory stays unwritten
                raise

    def _put(self, t_ns: int, row: Mapping[str, object]) -> None:
        if self._broken:
            return
        try:
            self._file.write(json.dumps({"t_ns": t_ns, **row}) + "\n")
        except OSError:
            self._broken = True
            raise
