"""The words of packetdrill's language: text to tokens, each with the line and column where it
stands.

Source: lexer.l of github.com/google/packetdrill.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tcpexp.errors import Position, SpecError

_SEGMENT = r"[0-9a-fA-F]{1,4}"
#: An IPv6 address has "::", or eight groups: ``1:1001`` is a range of sequence numbers.
_IPV6 = (
    rf"(?:{_SEGMENT}:){{7}}{_SEGMENT}(?![:\w])"
    rf"|(?:{_SEGMENT}(?::{_SEGMENT})*)?::(?:(?:{_SEGMENT}:)*(?:\d+(?:\.\d+){{3}}|{_SEGMENT}))?"
)
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\r\n]+|//[^\n]*|/\*.*?\*/)
  | (?P<code>%\{{.*?\}}%)
  | (?P<option>--[a-zA-Z0-9_]+)
  | (?P<ipv6>{_IPV6})
  | (?P<ipv4>\d+\.\d+\.\d+\.\d+)
  | (?P<ellipsis>\.\.\.)
  | (?P<hex>0x[0-9a-fA-F]+(?![a-zA-Z_]))
  | (?P<float>-?\d*\.\d+)
  | (?P<integer>-?\d+(?![a-zA-Z_\d]))
  | (?P<word>[a-zA-Z0-9_]+\#?)
  | (?P<string>"(?:\\.|[^"\\])*")
  | (?P<backquoted>`(?:\\.|[^`\\])*`)
  | (?P<mark>[^\s])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A word of a script.

    ``kind`` is one of ``code``, ``option``, ``ipv4``, ``ipv6``, ``ellipsis``, ``hex``, ``float``,
    ``integer``, ``word``, ``string``, ``backquoted``, ``mark`` (any other character), ``end``.
    ``text`` is without quotes, backticks, ``%{``; ``start`` and ``end`` are offsets in the file.
    """

    kind: str
    text: str
    start: int
    end: int
    line: int


def tokens(text: str, file: str) -> list[Token]:
    """Return the words of a script, and a token ``end`` behind the last.

    Raises: SpecError for a quote, a comment or code that nothing closes.
    """
    found = []
    at, line = 0, 1
    while match := _TOKEN.match(text, at):
        kind, raw = match.lastgroup or "mark", match.group()
        if kind == "mark" and (raw in '"`' or text.startswith(("/*", "%{"), at)):
            opened = text[at : at + (1 if raw in '"`' else 2)]
            raise SpecError(
                f"nothing closes this {opened}",
                where=position(text, file, at),
                hint="packetdrill's strings, commands, comments and code end with the same mark",
            )
        if kind != "space":
            found.append(Token(kind, _bare(kind, raw), at, match.end(), line))
        line += raw.count("\n")
        at = match.end()
    found.append(Token("end", "", len(text), len(text), line))
    return found


def _bare(kind: str, raw: str) -> str:
    """Return a token's text without what encloses it."""
    if kind in ("string", "backquoted"):
        return raw[1:-1]
    if kind == "code":
        return raw[2:-2].strip(" \t")
    return raw[2:] if kind == "option" else raw


def position(text: str, file: str, at: int) -> Position:
    """Return where the offset ``at`` lies, as editors count."""
    before = text.rfind("\n", 0, at)
    return Position(file, text.count("\n", 0, at) + 1, at - before)
