"""Whether a measured number is the published one."""

from __future__ import annotations

from published.data import Fact
from published.reading import Measured

YES, NO, OPEN = "yes", "no", "open"


def verdict(fact: Fact, measured: Measured) -> str:
    """Return ``yes``, ``no`` or ``open``.

    A range (all that was seen in a run, or the means of several combinations) has to lie within
    what is allowed as a whole. A mean has to lie there itself; outside by less than its interval is
    open: more repetitions would tell.
    """
    low, high = fact.allowed
    # what floating-point numbers lose in a product is no deviation
    least = float("-inf") if low is None else low - abs(low) * 1e-9
    most = float("inf") if high is None else high + abs(high) * 1e-9
    if measured.kind == "range":
        return YES if least <= measured.low and measured.high <= most else NO
    if least <= measured.value <= most:
        return YES
    return OPEN if measured.high >= least and measured.low <= most else NO
