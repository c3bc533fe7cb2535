"""Sentences that explain a measured time to a student: why Linux's timers are late, and how late
they may be.
"""

from __future__ import annotations

from tcpexp.checks.words import time_words

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


def explain_lateness(expected_ns: int, measured_ns: int) -> str | None:
    """Return why a timer of ``expected_ns`` fired ``measured_ns`` after it was set, or None when it
    was on time.

    The sentence is about rounding only where rounding can explain it: late, and by no more than two
    steps (one for the timer itself, one for the timer that it follows).
    """
    late = measured_ns - expected_ns
    step = wheel_step_ns(expected_ns)
    if late < 1_000_000 or late > 2 * step:
        return None
    return (
        f"Linux keeps its timers on a timer wheel and rounds a timer of {time_words(expected_ns)}"
        f" up to steps of {time_words(step)} (with HZ = 250), so {time_words(late)} late is the"
        " kernel's rounding, not an error"
    )
