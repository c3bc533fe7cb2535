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
