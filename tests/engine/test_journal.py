"""Lines that cannot be written: said once, and then the run can still be cleaned up."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tcpexp.engine.clock import Clock
from tcpexp.engine.journal import JsonLines


@pytest.fixture
def full_disk() -> Path:
    """A file that takes nothing: every write says that the device is full."""
    return Path("/dev/full")


def test_the_first_line_that_cannot_be_written_raises_and_the_others_are_dropped(
    full_disk: Path,
) -> None:
    clock = Clock()
    clock.t0_monotonic_ns = 0
    lines = JsonLines(full_disk, clock)
    with pytest.raises(OSError) as caught:
        lines.write({"event": "start"})
    assert caught.value.errno == errno.ENOSPC
    lines.write({"event": "end"})
    lines.close()


def test_a_disk_that_is_full_at_the_end_is_said_by_close(full_disk: Path) -> None:
    lines = JsonLines(full_disk, Clock())
    lines.write({"event": "start"})  # it waits for t0
    with pytest.raises(OSError):
        lines.close()
