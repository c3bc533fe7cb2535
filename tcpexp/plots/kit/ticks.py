"""Where the ticks of a linear axis stand, and what is written beside them."""

from __future__ import annotations

import math

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Return at most ``most`` + 1 round numbers from ``low`` to ``high``, at equal distances.

    ``whole``: whole numbers only.
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low] if math.isfinite(low) else []
    raw = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    steps = [step * scale for scale in (power, power * 10) for step in _STEPS]
    if whole:
        steps = [step for step in steps if step >= 1 and step == int(step)] or [1.0]
    step = next((step for step in steps if step >= raw * (1 - 1e-9)), steps[-1])
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [number * step for number in range(first, last + 1)]


def tick_labels(places: list[float]) -> list[str]:
    """Return the ticks as texts with as many decimals as tell them apart."""
    if not places:
        return []
    step = places[1] - places[0] if len(places) > 1 else abs(places[0]) or 1.0
    decimals = next(
        (count for count in range(10) if abs(round(step, count) - step) <= abs(step) * 1e-6), 9
    )
    return [f"{place + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for place in places]
