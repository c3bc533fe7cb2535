"""Markdown that reads well as text: prose of at most 119 columns, and a blank line before a list.

``python -m tools.docs.prose PAGE...`` breaks the long lines of pages anew.

Nothing else changes. Tables, code, headings and HTML stay as they are, and so does a paragraph
whose lines are short enough already.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

WIDTH = 119
_FENCE = re.compile(r"\s*(```|~~~)")
#: What begins a line that is no prose: table, heading, HTML, quotation.
_OTHER = re.compile(r"\s*(\||#|<|>|\[[^\]]+\]:)")
_ITEM = re.compile(r"(\s*)([-*+]|\d+\.) +")
#: A code span, a link or a picture is kept on one line.
_TOKEN = re.compile(r"(?:`[^`]*`|!?\[(?:[^\[\]`]|`[^`]*`)*\]\([^)]*\)|\S)+")
#: At the beginning of a line these would begin something else.
_UNFIT = re.compile(r"([-*+]|\d+[.)]|#+|>.*|\|.*|```.*)$")


def wrap(text: str, width: int = WIDTH) -> str:
    """Return a page with every paragraph that has too long a line broken anew."""
    return "\n".join(_lines(text.split("\n"), width))


def long_lines(text: str, width: int = WIDTH) -> list[int]:
    """Return the numbers of the lines of prose that :func:`wrap` would break."""
    return [
        number
        for number, line, prose in _numbered(text.split("\n"))
        if prose and len(line) > width and len(_tokens(line)) > 1
    ]


def lists_without_space(text: str) -> list[int]:
    """Return the numbers of list items that follow a paragraph without a blank line: some Markdown
    tools take them for its continuation.
    """
    before, wrong = "", []
    for number, line, prose in _numbered(text.split("\n")):
        if prose and _begins_list(line, before):
            wrong.append(number)
        before = line if prose else ""
    return wrong


def _begins_list(line: str, before: str) -> bool:
    return bool(
        _ITEM.match(line) and before.strip() and not _ITEM.match(before) and before[0] != " "
    )


def _numbered(lines: list[str]) -> Iterator[tuple[int, str, bool]]:
    """Yield each line with its number and whether it is prose."""
    inside = False
    for number, line in enumerate(lines, 1):
        fence = bool(_FENCE.match(line))
        yield number, line, not (inside or fence or _OTHER.match(line))
        inside ^= fence


def _lines(lines: list[str], width: int) -> Iterator[str]:
    block: list[str] = []
    for _, line, prose in _numbered(lines):
        ends = not prose or not line.strip()
        if block and (ends or _ITEM.match(line)):
            yield from _block(block, width)
            before, block = block, []
            if not ends and _begins_list(line, before[0] if _ITEM.match(before[0]) else before[-1]):
                yield ""
        if ends:
            yield line
        else:
            block.append(line)
    yield from _block(block, width)


def _block(lines: list[str], width: int) -> Iterable[str]:
    """Return a paragraph or a list item, broken anew where a line is too long."""
    if all(len(line) <= width for line in lines):
        return lines
    item = _ITEM.match(lines[0])
    first = item[0] if item else re.match(r"\s*", lines[0])[0]  # type: ignore[index]
    hanging = " " * len(first)
    broken, current = [], first
    for token in _tokens(" ".join(line.strip() for line in lines)[len(first.lstrip()) :]):
        longer = f"{current}{token}" if current in (first, hanging) else f"{current} {token}"
        if len(longer) > width and current not in (first, hanging):
            broken.append(current)
            current = hanging + token
        else:
            current = longer
    return [*broken, current]


def _tokens(text: str) -> list[str]:
    """Return what may stand at the beginning of a line, in order."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(text):
        if tokens and _UNFIT.match(match[0]):
            tokens[-1] += f" {match[0]}"
        else:
            tokens.append(match[0])
    return tokens


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(wrap(page.read_text(encoding="utf-8")), encoding="utf-8")
