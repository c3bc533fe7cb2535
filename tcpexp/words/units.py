"""The units in which numbers are shown, and the choice of the one that suits a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

#: The name of a unit and what one of it is in the base unit, from the largest on.
Unit = tuple[str, float]

#: Of bit/s.
RATES: tuple[Unit, ...] = (
    ("Gbit/s", 1e9),
    ("Mbit/s", 1e6),
    ("kbit/s", 1e3),
    ("bit/s", 1),
)
#: Of nanoseconds.
TIMES: tuple[Unit, ...] = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1))


def in_unit(value: float, units: Sequence[Unit], write: Callable[[float], str]) -> str:
    """Return ``value`` in the largest unit of which it has at least one, else in the last."""
    for name, factor in units:
        if abs(value) >= factor:
            return f"{write(value / factor)} {name}"
    name, factor = units[-1]
    return f"{write(value / factor)} {name}"


def trim(text: str) -> str:
    """Return a decimal's text without zeros, and without a point, at its end."""
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def many(count: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 packet``, ``3 packets``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
