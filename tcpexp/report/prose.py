"""A spec's texts to safe HTML: paragraphs, lists, code and emphasis, and links to RFCs; everything else is escaped."""

from __future__ import annotations

import re
from html import escape

_ITEM = re.compile(r"\s*(?:[-*]|\d+[.)])\s+(.*)")
_NUMBERED = re.compile(r"\s*\d+[.)]\s")
_RFC = re.compile(r"\bRFC (\d{1,5})\b")
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")


def prose_html(text: str) -> str:
    """Return ``text`` as HTML. Blank lines part paragraphs; lines that begin with ``-``, ``*`` or ``1.`` are list items."""
    blocks: list[str] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = [line for line in part.splitlines() if line.strip()]
        if lines:
            blocks += _block(lines)
    return "\n".join(blocks)


def _block(lines: list[str]) -> list[str]:
    """Return a paragraph, a list, or a paragraph with the list that follows it."""
    start = next((index for index, line in enumerate(lines) if _ITEM.match(line)), len(lines))
    blocks = [f"<p>{inline_html(' '.join(line.strip() for line in lines[:start]))}</p>"] if start else []
    items: list[str] = []
    for line in lines[start:]:
        found = _ITEM.match(line)
        if found:
            items.append(found.group(1).strip())
        else:
            items[-1] += " " + line.strip()
    if items:
        tag = "ol" if _NUMBERED.match(lines[start]) else "ul"
        blocks.append(f"<{tag}>" + "".join(f"<li>{inline_html(item)}</li>" for item in items) + f"</{tag}>")
    return blocks


def inline_html(text: str) -> str:
    """Return one line of text as HTML: escaped, then ``code``, strong words, web addresses and RFC numbers marked up."""
    parts = _CODE.split(text)
    return "".join(f"<code>{escape(part)}</code>" if index % 2 else _linked(part) for index, part in enumerate(parts))


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
