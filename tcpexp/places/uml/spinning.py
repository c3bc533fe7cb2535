"""Notice a program in the guest that computes for ever: its clock stands still meanwhile.

In time-travel mode computing takes no time, so a loop without system calls never ends by a timer.
Seen from this machine such a program is a process that uses its processor while the kernel
process, which every system call and every fault wakes, uses none. A signal that the kernel does not
know is passed on to the program in the guest, which ends by it: at the virtual instant at which the
loop began, so that the run stays repeatable.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

#: So much processor time without a system call, in seconds, is taken for a loop.
SPIN_LIMIT_S = 20.0
#: How often processes are looked at.
LOOK_INTERVAL_S = 1.0
#: Passed on to the program by the kernel (patch "a signal from the host names the program").
SIGNAL = signal.SIGILL
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass
class SpinWatch:
    """Watches the children of a kernel process; ``ended`` counts the programs that were ended."""

    pid: int
    limit_s: float = SPIN_LIMIT_S
    ended: int = 0
    _looked: float = field(default_factory=time.monotonic)
    _kernel_s: float = -1.0
    _begun: dict[int, float] = field(default_factory=dict)

    def look(self) -> None:
        """Look, unless that was done a moment ago; end a program that spins."""
        now = time.monotonic()
        if now - self._looked < LOOK_INTERVAL_S:
            return
        self._looked = now
        kernel_s = cpu_seconds(self.pid)
        if kernel_s is None:
            return
        if kernel_s != self._kernel_s:
            self._kernel_s = kernel_s
            self._begun = children_seconds(self.pid)
            return
        for child, used_s in children_seconds(self.pid).items():
            if used_s - self._begun.get(child, used_s) >= self.limit_s:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, SIGNAL)
                self.ended += 1
                self._kernel_s = -1.0


def cpu_seconds(pid: int) -> float | None:
    """Return the processor time of a process, in seconds; None when it is gone.

    proc(5), ``stat``.
    """
    try:
        words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2].split()
    except OSError:
        return None
    return (int(words[11]) + int(words[12])) * _TICK_S


def children_seconds(pid: int) -> dict[int, float]:
    """Return the processor time of each child of a process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text(errors="replace").rpartition(") ")[2].split()
            except OSError:
                continue
            if int(words[1]) == pid:
                found[int(entry.name)] = (int(words[11]) + int(words[12])) * _TICK_S
    return found
