"""Numbers and times as a reader wants to see them; an em dash where there is no value."""

from __future__ import annotations

NONE = "–"


def rate_words(bps: float | None) -> str:
    """Return a rate such as ``9.57 Mbit/s``."""
    if bps is None:
        return NONE
    for size, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if bps >= size:
            return f"{bps / size:.3g} {unit}"
    return f"{bps:.3g} bit/s"


def share_words(share: float | None) -> str:
    """Return a fraction in percent, such as ``65.0 %``."""
    return NONE if share is None else f"{share * 100:.1f} %"


def count_words(count: float | None) -> str:
    """Return a whole number with thousands apart, such as ``1,234``."""
    return NONE if count is None else f"{count:,.0f}"


def milliseconds(value: float | None) -> str:
    """Return milliseconds without the unit, such as ``41.3``."""
    return NONE if value is None else f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def seconds(t_ns: int | None, digits: int = 3) -> str:
    """Return a time in seconds, such as ``1.020 s``."""
    return NONE if t_ns is None else f"{t_ns / 1e9:.{digits}f} s"


def lateness_words(lateness_ns: int | None) -> str:
    """Return a lateness in the unit that suits it, such as ``12 µs`` or ``1.3 ms``."""
    if lateness_ns is None:
        return NONE
    size = abs(lateness_ns)
    for limit, divisor, unit in (
        (1_000, 1, "ns"),
        (1_000_000, 1e3, "µs"),
        (1_000_000_000, 1e6, "ms"),
    ):
        if size < limit:
            return f"{lateness_ns / divisor:.3g} {unit}"
    return f"{lateness_ns / 1e9:.3g} s"


def duration_words(duration_ns: int) -> str:
    """Return a duration such as ``20 ms`` or ``1.5 s``."""
    for divisor, unit in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if duration_ns >= divisor:
            return f"{duration_ns / divisor:g} {unit}"
    return f"{duration_ns} ns"


def size_words(size_bytes: int) -> str:
    """Return a size such as ``1.3 MB``."""
    for divisor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= divisor:
            return f"{size_bytes / divisor:.3g} {unit}"
    return f"{size_bytes} B"
