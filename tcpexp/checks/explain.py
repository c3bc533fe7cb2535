"""Sentences that explain a measured time to a student: why Linux's timers are late, and how late
they may be.
"""

from __future__ import annotations

from tcpexp.views.timerwheel import wheel_step_ns
from tcpexp.words.measured import time_words


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
