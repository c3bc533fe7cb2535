"""The experiment's clock: integer nanoseconds since t0, on CLOCK_MONOTONIC."""

from __future__ import annotations

import time

#: t0 falls on a multiple of this, so that a run's grid of samples is easy to read in wall-clock
#: time stamps.
ROUND_NS = 500_000_000


class Clock:
    """Tells the experiment's time once t0 is set; before that, only absolute times."""

    def __init__(self) -> None:
        self.t0_monotonic_ns: int | None = None
        self.t0_realtime_ns: int | None = None

    @staticmethod
    def monotonic_ns() -> int:
        """Return CLOCK_MONOTONIC now."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def set_zero(self, headroom_ns: int = 100_000_000, offset_ns: int | None = None) -> int:
        """Place t0 at the next round instant at least ``headroom_ns`` away.

        Return it (CLOCK_MONOTONIC).

        ``offset_ns`` is how far CLOCK_REALTIME counts as being ahead of CLOCK_MONOTONIC, as
        measured now when None.
        """
        t0 = round_up(self.monotonic_ns() + headroom_ns, ROUND_NS)
        self.t0_monotonic_ns = t0
        self.t0_realtime_ns = t0 + (realtime_offset_ns() if offset_ns is None else offset_ns)
        return t0

    def now_ns(self) -> int:
        """Return the experiment's time now; 0 is t0. Only once t0 is set."""
        return self.monotonic_ns() - self.absolute_ns(0)

    def absolute_ns(self, t_ns: int) -> int:
        """Return the CLOCK_MONOTONIC instant of the experiment's time ``t_ns``."""
        if self.t0_monotonic_ns is None:
            raise RuntimeError("t0 is not set")
        return self.t0_monotonic_ns + t_ns


def round_up(value: int, step: int) -> int:
    """Return the least multiple of ``step`` that is not below ``value``."""
    return -(-value // step) * step


def realtime_offset_ns() -> int:
    """Return CLOCK_REALTIME minus CLOCK_MONOTONIC, from the tightest of five readings."""
    best: tuple[int, int] | None = None
    for _ in range(5):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        realtime = time.clock_gettime_ns(time.CLOCK_REALTIME)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        if best is None or after - before < best[0]:
            best = (after - before, realtime - (before + after) // 2)
    assert best is not None
    return best[1]
