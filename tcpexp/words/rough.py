"""Times and sizes for a glance: how long a study still takes, how much room is left on a disk."""

from __future__ import annotations

from tcpexp.words.units import in_unit


def time_words(seconds: float) -> str:
    """Return a duration in words: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def bytes_words(count: float) -> str:
    """Return a size in words: ``3.2 MB``."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return in_unit(count, (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)), lambda value: f"{value:.1f}")
