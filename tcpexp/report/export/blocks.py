"""The building blocks of a hand-in: what a Markdown file and a PDF can both hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tcpexp.report.prose import Passage, prose_parts


@dataclass(frozen=True)
class Heading:
    """A section's title; ``level`` 2 is a section, 3 a part of one."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A line of Markdown (`code`, *emphasis*, **strong** words, links); ``soft`` sets it small."""

    text: str
    soft: bool = False


@dataclass(frozen=True)
class Items:
    """A list; texts as in ``Paragraph``."""

    texts: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Code:
    """Lines to type, as they are."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table: a caption (empty: no number), headings (none: the first column heads the rows), rows
    of plain text, columns to set right.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A figure: a file's name, what it is called, its caption, and where its SVG and its PNG (None:
    there is none) lie now.
    """

    name: str
    title: str
    caption: str
    svg: Path
    png: Path | None


@dataclass(frozen=True)
class Answer:
    """Room for what the student writes: under which words, and how many lines of it."""

    label: str
    lines: int = 6


@dataclass(frozen=True)
class Fields:
    """Blank fields to fill in at the head of the page: name, course, date."""

    labels: tuple[str, ...]


Block = Heading | Paragraph | Items | Code | Grid | Picture | Answer | Fields


@dataclass(frozen=True)
class Document:
    """A hand-in: its title, a line under it, and its blocks in order."""

    title: str
    subtitle: str
    blocks: tuple[Block, ...]


def prose_blocks(text: str) -> list[Block]:
    """Return a spec's prose as blocks."""
    return [_block(part) for part in prose_parts(text)]


def _block(part: Passage) -> Block:
    if part.kind == "p":
        return Paragraph(part.texts[0])
    if part.kind == "pre":
        return Code(part.texts[0])
    return Items(part.texts, part.kind == "ol")
