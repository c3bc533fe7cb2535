"""Figures for the report: the SVG files made fit to stand inside one HTML page, in light and in
dark.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from tcpexp.plots.kit import look
from tcpexp.plots.kit.phaselook import PHASES, STATES

_PROLOG = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_GLOBAL_STYLE = re.compile(r"\s*<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>", re.DOTALL)
_SIZE = re.compile(r'\s(?:width|height)="[0-9.]+pt"')
_ID = re.compile(r'\sid="([^"]+)"')
_REFERENCE = re.compile(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"")

#: Colours of the figures that a style sheet may replace: hexadecimal to CSS variable.
VARIABLES: dict[str, str] = {
    look.PAPER: "--paper",
    look.INK: "--ink",
    look.SOFT_INK: "--soft",
    look.GRID: "--grid",
    look.SHADE: "--shade",
    look.ALARM: "--alarm",
    look.WINDOW: "--window",
    look.REPORTED: "--reported",
    **{color: f"--queue-{index + 1}" for index, color in enumerate(look.QUEUES)},
    **{color: f"--s{index + 1}" for index, color in enumerate(look.PALETTE)},
    **{phase.color: phase.variable for phase in (*PHASES.values(), *STATES.values())},
}
_BY_COLOR = {color.lower(): variable for color, variable in VARIABLES.items()}
_COLOR = re.compile(r"(fill|stroke): (#[0-9a-fA-F]{6})")


def inline_svg(path: Path, title: str, name: str) -> str:
    """Return an SVG file as an element for an HTML page; see :func:`inline_text`."""
    return inline_text(path.read_text(encoding="utf-8"), title, name)


def inline_text(svg: str, title: str, name: str) -> str:
    """Return matplotlib's SVG as an element for an HTML page, with ``title`` as its name for screen
    readers.

    Sizes are left to the style sheet; identifiers that nothing refers to are dropped and the others
    get ``name`` as prefix, so that many figures fit one page; the house colours become CSS
    variables.
    """
    text = _PROLOG.sub("", svg, count=1)
    text = _GLOBAL_STYLE.sub("", _METADATA.sub("", text, count=1), count=1)
    head, _, rest = text.partition(">")
    head = _SIZE.sub("", head) + f' role="img" aria-label="{escape(title, quote=True)}"'
    return themed(_own_ids(head + ">" + rest, name)).strip()


def themed(svg: str) -> str:
    """Return ``svg`` with the house colours in styles replaced by CSS variables of the same
    meaning.
    """
    return _COLOR.sub(_variable, svg)


def _variable(found: re.Match[str]) -> str:
    variable = _BY_COLOR.get(found.group(2).lower())
    return f"{found.group(1)}: var({variable})" if variable else found.group(0)


def _own_ids(svg: str, name: str) -> str:
    used = {first or second for first, second in _REFERENCE.findall(svg)}
    prefix = re.sub(r"[^A-Za-z0-9]", "-", name)
    svg = _ID.sub(
        lambda found: f' id="{prefix}-{found.group(1)}"' if found.group(1) in used else "", svg
    )
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    return re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
