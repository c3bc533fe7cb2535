"""Measured numbers in words: three or four digits and a unit, as a report prints them."""

from __future__ import annotations


def rate_words(rate_bps: float) -> str:
    """Return ``9.48 Mbit/s``."""
    for unit, factor in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if abs(rate_bps) >= factor:
            return f"{digits(rate_bps / factor)} {unit}"
    return f"{digits(rate_bps)} bit/s"


def time_words(time_ns: float) -> str:
    """Return ``63.92 s``, ``84.2 ms`` or ``12 us``."""
    if abs(time_ns) >= 1e9:
        return f"{trim(f'{time_ns / 1e9:.2f}')} s"
    for unit, factor in (("ms", 1e6), ("us", 1e3)):
        if abs(time_ns) >= factor:
            return f"{digits(time_ns / factor)} {unit}"
    return "0 s" if time_ns == 0 else f"{digits(time_ns)} ns"


def size_words(size_bytes: float) -> str:
    """Return ``11000 bytes``, or ``64.3 kB`` from 100 kB on."""
    if abs(size_bytes) >= 1e5:
        unit, factor = ("MB", 1e6) if abs(size_bytes) >= 1e6 else ("kB", 1e3)
        return f"{digits(size_bytes / factor)} {unit}"
    return f"{digits(size_bytes)} byte{'' if size_bytes == 1 else 's'}"


def fraction_words(value: float) -> str:
    """Return ``52.3 %``."""
    return f"{digits(value * 100)} %"


def number_words(value: float) -> str:
    """Return an integer as it is and any other number with four digits."""
    return str(int(value)) if float(value).is_integer() else digits(value)


def span_words(span_ns: tuple[int, int] | None) -> str:
    """Return ``from 10 s to 60 s``, or ``in the whole run``."""
    if span_ns is None:
        return "in the whole run"
    return f"from {time_words(span_ns[0])} to {time_words(span_ns[1])}"


def many(count: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 packet``, ``3 packets``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def digits(value: float) -> str:
    """Return ``value`` with four significant digits, never fewer than its whole part has, without
    zeros at the end.
    """
    if abs(value) >= 1000:
        return f"{value:.0f}"
    places = 3
    for limit in (1, 10, 100):
        if abs(value) >= limit:
            places = {1: 3, 10: 2, 100: 1}[limit]
    if 0 < abs(value) < 0.01:
        return f"{value:.3g}"
    return trim(f"{value:.{places}f}")


def trim(text: str) -> str:
    """Return a decimal's text without zeros, and without a point, at its end."""
    return text.rstrip("0").rstrip(".") if "." in text else text
