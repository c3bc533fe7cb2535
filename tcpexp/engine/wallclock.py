"""The machine's clock of the day (CLOCK_REALTIME), which captures and programs read and which
somebody may set in the middle of a run.

The engine's own clock, CLOCK_MONOTONIC, cannot be set; how far the other is ahead of it changes
only when it is (timekeeping keeps both at the same pace). The kernel tells of it at once through a
timer that a setting cancels (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from dataclasses import dataclass

from tcpexp.engine.clock import Clock, realtime_offset_ns
from tcpexp.engine.waiting import Waiter

TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET = 1, 2
#: Less than this is the noise of reading two clocks one after the other.
LEAST_STEP_NS = 100_000

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class ClockStep:
    """The clock was set between the CLOCK_MONOTONIC instants ``after_ns`` and ``before_ns``.

    How far ahead it was before and since then.
    """

    after_ns: int
    before_ns: int
    offset_before_ns: int
    offset_ns: int

    @property
    def by_ns(self) -> int:
        """How far it was set ahead."""
        return self.offset_ns - self.offset_before_ns


class WallClock:
    """Watches the clock of the day from ``began_ns`` (CLOCK_MONOTONIC) on.

    ``offset_ns`` is how far it was ahead then.
    """

    def __init__(self) -> None:
        self.offset_ns = self._offset_ns = realtime_offset_ns()
        self.steps: list[ClockStep] = []
        self.began_ns = self._known_ns = Clock.monotonic_ns()
        self._file = _cancelled_when_set()

    def watch(self, waiter: Waiter) -> None:
        """Let ``waiter`` take note at once when the clock is set."""
        waiter.watch(self._file, self._was_set)

    def look(self) -> None:
        """Take note of whether the clock has been set since the last look."""
        offset, now = realtime_offset_ns(), Clock.monotonic_ns()
        if abs(offset - self._offset_ns) >= LEAST_STEP_NS:
            self.steps.append(ClockStep(self._known_ns, now, self._offset_ns, offset))
            self._offset_ns = offset
        self._known_ns = now

    def close(self, waiter: Waiter) -> None:
        """Watch no longer."""
        self.look()
        waiter.forget(self._file)
        os.close(self._file)

    def _was_set(self) -> None:
        with contextlib.suppress(OSError):  # ECANCELED, once for each time
            os.read(self._file, 8)
        self.look()


class _Timer(ctypes.Structure):
    """``struct itimerspec`` of a 64-bit system."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


def _cancelled_when_set() -> int:
    """Return a timer that becomes readable whenever the clock is set, and that is not due in this
    century.
    """
    file = _libc.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
    if file < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    never = _Timer(0, 0, 1 << 33, 0)
    if (
        _libc.timerfd_settime(
            file, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, ctypes.byref(never), None
        )
        < 0
    ):
        raise OSError(ctypes.get_errno(), "timerfd_settime")
    return int(file)
