"""How wide a text is drawn, without a font at hand."""

from __future__ import annotations

from tcpexp.plots.kit.svgparts import NARROW, WIDE
from tcpexp.plots.kit.writing import letter_em

#: The size of small labels.
FONT_POINTS = 7.5


def text_inches(text: str, points: float = FONT_POINTS) -> float:
    """Return a generous estimate of a text's width in inches, from the widths of DejaVu Sans's
    letters in em.
    """
    em = sum(_em(letter) for letter in text)
    return em * points / 72


def _em(letter: str) -> float:
    other = letter_em(letter)
    if other is not None:
        return other
    return 0.4 if letter in NARROW else 0.9 if letter in WIDE else 0.64


def wrapped(text: str, inches: float, points: float = FONT_POINTS) -> list[str]:
    """Return ``text`` in lines of at most ``inches`` width; a word that is longer stands alone."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and text_inches(f"{lines[-1]} {word}", points) <= inches:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines
