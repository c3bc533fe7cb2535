"""Which samples of a counter stand for a span of time.

A sample that is planned for a moment is read a little after it.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence


def nearest(times_ns: Sequence[int], at_ns: int) -> int:
    """Return that of the ascending ``times_ns`` which lies closest to ``at_ns``, the earlier one of
    two.
    """
    index = bisect.bisect_left(times_ns, at_ns)
    around = times_ns[max(index - 1, 0) : index + 1]
    return min(around, key=lambda t_ns: abs(t_ns - at_ns))


def sampled_span(times_ns: Sequence[int], span: tuple[int, int]) -> tuple[int, int]:
    """Return the times of the two samples between which a growth in ``span`` was measured."""
    return nearest(times_ns, span[0]), nearest(times_ns, span[1])
