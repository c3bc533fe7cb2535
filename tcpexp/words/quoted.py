"""Numbers in running text, such as an explanation's: three digits, thousands apart."""

from __future__ import annotations

from tcpexp.words.units import RATES, in_unit, trim


def rate_words(rate_bps: float) -> str:
    """Return ``9.48 Mbit/s``."""
    return in_unit(rate_bps, RATES, three)


def time_words(seconds: float) -> str:
    """Return ``606 ms``; what would be written 1000 ms is 1 s."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(seconds) >= factor * 0.9995:
            return f"{three(seconds / factor)} {unit}"
    return "0 s" if seconds == 0 else f"{three(seconds * 1e9)} ns"


def size_words(size_bytes: float) -> str:
    """Return ``64,300 bytes``, or ``643 kB`` from 100 kB on."""
    if abs(size_bytes) >= 1e5:
        return in_unit(size_bytes, (("MB", 1e6), ("kB", 1e3)), three)
    return f"{size_bytes:,.0f} byte{'' if size_bytes == 1 else 's'}"


def fraction_words(value: float) -> str:
    """Return ``52.3 %``."""
    return f"{three(value * 100)} %"


def number_words(value: float) -> str:
    """Return an integer as it is and any other number with three digits."""
    return f"{value:,.0f}" if float(value).is_integer() else three(value)


def three(value: float) -> str:
    """Return three significant digits, never fewer than the whole part has, without zeros at the
    end.
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    text = f"{value:.{1 if abs(value) >= 10 else 2}f}" if abs(value) >= 1 else f"{value:.3g}"
    return trim(text)
