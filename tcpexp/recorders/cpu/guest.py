"""What the recorder ``cpu`` does where the experiment runs: it reads ``/proc/stat``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcpexp.record.sampling import Sampled, Take

#: More than the first line can have.
LINE_BYTES = 512


def open_sample(sampled: Sampled) -> Take:
    """Return what reads the machine's busy and total processor time, in ticks since it booted."""
    file = os.open("/proc/stat", os.O_RDONLY | os.O_CLOEXEC)

    def take() -> dict[str, int]:
        busy, total = parse_ticks(os.pread(file, LINE_BYTES, 0).partition(b"\n")[0])
        return {"busy_ticks": busy, "total_ticks": total}

    return take


def parse_ticks(line: bytes) -> tuple[int, int]:
    """Return (busy, total) ticks out of the first line of /proc/stat.

    Idle and iowait are not busy, guest is in user.
    """
    ticks = [int(word) for word in line.split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
