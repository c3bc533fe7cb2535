"""A hand-in as Markdown (GitHub's and pandoc's common part), with its figures in a folder beside
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from markdown_it.token import Token

from tcpexp.report.export.blocks import (
    Answer,
    Block,
    Code,
    Document,
    Fields,
    Grid,
    Heading,
    Items,
    Paragraph,
    Picture,
)
from tcpexp.report.prose import inline_tokens

_MARKS = ("em_open", "em_close", "strong_open", "strong_close")
#: What means something to Markdown within a line.
_SPECIAL = re.compile(r"([\\*_\[\]<>|~#`$&])")


def markdown(document: Document, figures: str = "figures") -> str:
    """Return the document as Markdown.

    Pictures are looked for in the folder ``figures`` beside the file, as SVG or else PNG.
    """
    numbers = Numbers()
    parts = [f"# {escape(document.title)}", f"*{escape(document.subtitle)}*"]
    parts += [block_markdown(block, numbers, figures) for block in document.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


class Numbers:
    """Counts figures and tables, as captions number them."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def next(self, kind: str) -> str:
        """Return such as ``Figure 3``."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind} {self._counts[kind]}"


def block_markdown(block: Block, numbers: Numbers, figures: str) -> str:
    """Return one block."""
    match block:
        case Heading(text, level):
            return f"{'#' * level} {escape(text)}"
        case Paragraph(text):
            return inline(text)
        case Items(texts, numbered):
            return "\n".join(
                f"{f'{number}.' if numbered else '-'} {inline(text)}"
                for number, text in enumerate(texts, 1)
            )
        case Code(text):
            return f"```\n{text}\n```"
        case Grid():
            return _grid(block, numbers)
        case Picture(name, title, caption, _, png):
            file = f"{figures}/{name}.{'svg' if png is None else 'png'}"
            return (
                f"![{escape(title)}]({file})\n\n**{numbers.next('Figure')}.** {escape(title)}."
                f" {inline(caption)}"
            )
        case Answer(label):
            return f"**{_whole(label)}**\n\n> *Your answer:*\n>\n> …"
        case Fields(labels):
            return "| | |\n|---|---|\n" + "\n".join(
                f"| **{escape(label)}** | |" for label in labels
            )


def _whole(label: str) -> str:
    """Return a label that is set strong as a whole; strong words within would end it."""
    return inline(label.replace("**", ""))


def _grid(grid: Grid, numbers: Numbers) -> str:
    head = grid.head or ("",) * len(grid.rows[0] if grid.rows else ("",))
    lines = [
        _row(head),
        "|"
        + "|".join("---:" if index in grid.right else "---" for index in range(len(head)))
        + "|",
    ]
    lines += [_row(row) for row in grid.rows]
    caption = f"**{numbers.next('Table')}.** {inline(grid.caption)}\n\n" if grid.caption else ""
    return caption + "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(escape(" ".join(str(cell).split())) for cell in cells) + " |"


def inline(text: str) -> str:
    """Return a line in which `code`, *emphasis*, **strong** words and links keep their meaning and
    everything else is plain text.
    """
    return "".join(_token_markdown(inline_tokens(" ".join(text.split()))))


def _token_markdown(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the Markdown of the tokens of a line.

    A web address becomes ``<address>``; an RFC that is linked by itself is plain text.
    """
    address, written = "", False
    for token in tokens:
        if token.type == "code_inline":
            yield f"{token.markup}{token.content}{token.markup}"
        elif token.type == "link_open":
            address, written = str(token.attrs["href"]), not token.markup
            yield "[" if written else ""
        elif token.type == "link_close":
            yield f"]({address})" if written else ""
            address, written = "", False
        elif token.type in _MARKS:
            yield token.markup
        else:
            by_itself = token.content == address and not written
            yield f"<{address}>" if address and by_itself else escape(token.content)


def escape(text: str) -> str:
    """Return ``text`` as Markdown that shows exactly it."""
    plain = _SPECIAL.sub(r"\\\1", text)
    return re.sub(
        r"^(\s*\d+)([.)])(?=\s)", r"\1\\\2", re.sub(r"^(\s*)([-+])(?=\s)", r"\1\\\2", plain)
    )


def pictures(document: Document) -> list[tuple[str, Path]]:
    """Return the files that :func:`markdown` names: name below the folder of figures, and where the
    file lies now.
    """
    found = []
    for block in document.blocks:
        if isinstance(block, Picture):
            for path in (block.svg, block.png):
                if path is not None:
                    found.append((f"{block.name}{path.suffix}", path))
    return found
