"""Measured numbers in words: four digits and a unit, as verdicts, figures and panels print them."""

from __future__ import annotations

from tcpexp.words.units import RATES, in_unit, trim


def rate_words(rate_bps: float) -> str:
    """Return ``9.48 Mbit/s``."""
    return in_unit(rate_bps, RATES, digits)


def time_words(time_ns: float) -> str:
    """Return ``63.92 s``, ``84.2 ms`` or ``12 us``."""
    if abs(time_ns) >= 1e9:
        return f"{trim(f'{time_ns / 1e9:.2f}')} s"
    if time_ns == 0:
        return "0 s"
    return in_unit(time_ns, (("ms", 1e6), ("us", 1e3), ("ns", 1)), digits)


def size_words(size_bytes: float) -> str:
    """Return ``11000 bytes``, or ``64.3 kB`` from 100 kB on."""
    if abs(size_bytes) >= 1e5:
        return in_unit(size_bytes, (("MB", 1e6), ("kB", 1e3)), digits)
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


def digits(value: float) -> str:
    """Return ``value`` with four significant digits, never fewer than its whole part has; below 1
    with three places behind the point, below 0.01 with three significant digits. Zeros at the end
    are left out.
    """
    if abs(value) >= 1000:
        return f"{value:.0f}"
    if 0 < abs(value) < 0.01:
        return f"{value:.3g}"
    places = 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return trim(f"{value:.{places}f}")
