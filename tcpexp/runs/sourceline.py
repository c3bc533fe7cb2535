"""A line of a spec as an error shows it: with its number, and a caret under the place."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

#: A longer line is shown in part.
WIDTH = 140
#: What is shown of it before the place.
BEFORE = 90


@lru_cache(maxsize=8)
def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except (OSError, ValueError):
        return []


def line_of(file: str, number: int) -> str | None:
    """Return a line of a file, counted from 1; None when there is none, or nothing in it."""
    lines = _lines(file)
    text = lines[number - 1] if 0 < number <= len(lines) else ""
    return text if text.strip() else None


def marked_line(text: str, number: int, column: int) -> list[str]:
    """Return a line with its number and, below it, a caret under ``column`` (from 1): two lines.

    >>> print("\\n".join(marked_line("links: {h1-h2: {latency: 20ms}}", 6, 17)))
       6 | links: {h1-h2: {latency: 20ms}}
         |                 ^
    """
    clean = "".join(letter if letter == "\t" or letter.isprintable() else "?" for letter in text)
    start = 0
    if len(clean) > WIDTH and column > BEFORE:
        start = column - BEFORE
    shown = clean[start : start + WIDTH]
    head = "..." if start else ""
    tail = "..." if start + WIDTH < len(clean) else ""
    gap = "".join(
        letter if letter == "\t" else " " * _columns(letter) for letter in clean[start : column - 1]
    )
    return [f"{number:>4} | {head}{shown}{tail}", f"     | {' ' * len(head)}{gap}^"]


def _columns(letter: str) -> int:
    """Return how many columns of a terminal a letter takes."""
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
