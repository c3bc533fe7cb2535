"""Numbers and times as a page or a terminal shows them; a dash where there is no value."""

from __future__ import annotations

from tcpexp.words.units import RATES, TIMES, in_unit

NONE = "–"


def rate_words(bps: float | None) -> str:
    """Return a rate such as ``9.57 Mbit/s``."""
    return NONE if bps is None else in_unit(bps, RATES, three)


def share_words(share: float | None) -> str:
    """Return a fraction in percent, such as ``65.0 %``."""
    return NONE if share is None else f"{share * 100:.1f} %"


def change_words(change: float | None) -> str:
    """Return a relative change in percent, such as ``+12.3 %``; empty where there is none."""
    if change is None:
        return ""
    percent = change * 100
    return f"{percent:+.1f} %" if abs(percent) < 1000 else f"{percent:+,.0f} %"


def count_words(count: float | None) -> str:
    """Return a whole number with thousands apart, such as ``1,234``."""
    return NONE if count is None else f"{count:,.0f}"


def number_words(value: float) -> str:
    """Return a number with four significant digits and thousands apart, such as ``12,346``."""
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def milliseconds(value: float | None) -> str:
    """Return milliseconds without the unit, such as ``41.3``."""
    return NONE if value is None else f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def seconds(t_ns: int | None, digits: int = 3) -> str:
    """Return a time in seconds, such as ``1.020 s``."""
    return NONE if t_ns is None else f"{t_ns / 1e9:.{digits}f} s"


def lateness_words(lateness_ns: int | None) -> str:
    """Return a lateness in the unit that suits it, such as ``12 µs`` or ``1.3 ms``."""
    return NONE if lateness_ns is None else in_unit(lateness_ns, TIMES, three)


def duration_words(duration_ns: int) -> str:
    """Return a duration such as ``20 ms`` or ``1.5 s``."""
    return in_unit(duration_ns, TIMES, lambda value: f"{value:g}")


def size_words(size_bytes: int) -> str:
    """Return a size such as ``1.3 MB``."""
    if size_bytes < 1e3:
        return f"{size_bytes} B"
    return in_unit(size_bytes, (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)), three)


def three(value: float) -> str:
    """Return a number with three significant digits."""
    return f"{value:.3g}"
