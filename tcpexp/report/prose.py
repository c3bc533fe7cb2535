"""A spec's texts to safe HTML: paragraphs, lists, code and emphasis, and links to RFCs.

Everything else is escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Literal

from tcpexp.plots.kit.writing import direction

_ITEM = re.compile(r"\s*(?:[-*]|\d+[.)])\s+(.*)")
_NUMBERED = re.compile(r"\s*\d+[.)]\s")
_RFC = re.compile(r"\bRFC (\d{1,5})\b")
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")


def prose_html(text: str) -> str:
    """Return ``text`` as HTML.

    Blank lines part paragraphs; lines that begin with ``-``, ``*`` or ``1.`` are list items.
    """
    return "\n".join(_part_html(part) for part in prose_parts(text))


@dataclass(frozen=True)
class Part:
    """A paragraph (one text) or a list (a text per item) of a spec's prose."""

    kind: Literal["p", "ul", "ol"]
    texts: tuple[str, ...]


def prose_parts(text: str) -> list[Part]:
    """Return the paragraphs and lists of ``text``, their lines joined.

    Marks within a line are left as they are.
    """
    parts: list[Part] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line for line in block.splitlines() if line.strip()]
        if lines:
            parts += _block(lines)
    return parts


def _part_html(part: Part) -> str:
    if part.kind == "p":
        return f"<p{direction(part.texts[0])}>{inline_html(part.texts[0])}</p>"
    return (
        f"<{part.kind}{direction(part.texts[0])}>"
        + "".join(f"<li>{inline_html(item)}</li>" for item in part.texts)
        + f"</{part.kind}>"
    )


def _block(lines: list[str]) -> list[Part]:
    """Return a paragraph, a list, or a paragraph with the list that follows it."""
    start = next((index for index, line in enumerate(lines) if _ITEM.match(line)), len(lines))
    parts = [Part("p", (" ".join(line.strip() for line in lines[:start]),))] if start else []
    items: list[str] = []
    for line in lines[start:]:
        found = _ITEM.match(line)
        if found:
            items.append(found.group(1).strip())
        else:
            items[-1] += " " + line.strip()
    if items:
        parts.append(Part("ol" if _NUMBERED.match(lines[start]) else "ul", tuple(items)))
    return parts


def inline_html(text: str) -> str:
    """Return one line of text as HTML: escaped, then ``code``, strong words, web addresses and RFC
    numbers marked up.
    """
    parts = _CODE.split(text)
    return "".join(
        f"<code>{escape(part)}</code>" if index % 2 else _linked(part)
        for index, part in enumerate(parts)
    )


def _linked(text: str) -> str:
    """Return escaped text whose web addresses and RFC numbers are links."""
    out: list[str] = []
    position = 0
    for found in re.finditer(f"{_URL.pattern}|{_RFC.pattern}", text):
        out.append(_strong(text[position : found.start()]))
        whole = found.group(0)
        address = f"https://www.rfc-editor.org/rfc/rfc{found.group(1)}" if found.group(1) else whole
        out.append(f'<a href="{escape(address, quote=True)}" rel="noreferrer">{escape(whole)}</a>')
        position = found.end()
    out.append(_strong(text[position:]))
    return "".join(out)


def _strong(text: str) -> str:
    return _STRONG.sub(r"<strong>\1</strong>", escape(text))
