"""Linux's timer wheel: how late a timer may be because of rounding."""

from __future__ import annotations

#: The kernel's tick at HZ = 250.
JIFFY_NS = 4_000_000
#: Levels of Linux's timer wheel at HZ = 250 (kernel/time/timer.c, since 4.8): timers up to the
#: first number of ns are rounded up to the second.
WHEEL_250HZ: tuple[tuple[int, int], ...] = (
    (63 * JIFFY_NS, 4_000_000),
    (504 * JIFFY_NS, 32_000_000),
    (4_032 * JIFFY_NS, 256_000_000),
    (32_256 * JIFFY_NS, 2_048_000_000),
    (258_048 * JIFFY_NS, 16_384_000_000),
)


def wheel_step_ns(timeout_ns: int) -> int:
    """Return the step in ns to which Linux (HZ = 250) rounds up a timer of ``timeout_ns``."""
    for limit, step in WHEEL_250HZ:
        if timeout_ns < limit:
            return step
    return WHEEL_250HZ[-1][1] * 8
