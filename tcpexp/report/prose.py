"""A spec's texts, which are Markdown, to safe HTML and to paragraphs and lists.

Of Markdown they know paragraphs, lists, `code`, fenced code, *emphasis*, **strong** words and
links. Tags of HTML are text like any other. Web addresses and numbers of RFCs become links by
themselves; a link leads to the web and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from tcpexp.plots.kit.writing import direction

_ADDRESS_OR_RFC = re.compile(
    r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]|\bRFC (?P<number>\d{1,5})\b",
)
#: Marks a link that the text does not write itself: the markup of its tokens.
BY_ITSELF = "by itself"


@dataclass(frozen=True)
class Passage:
    """A paragraph or fenced code (one text) or a list (a text per item).

    Marks within a line are left as they are.
    """

    kind: Literal["p", "ul", "ol", "pre"]
    texts: tuple[str, ...]


def prose_html(text: str) -> str:
    """Return ``text`` as HTML."""
    html: str = _MARKDOWN.render(text)
    return html.strip()


def inline_html(text: str) -> str:
    """Return one line of text as HTML, without a paragraph around it."""
    html: str = _MARKDOWN.renderInline(text)
    return html


def inline_tokens(text: str) -> Sequence[Token]:
    """Return the tokens of one line of text: words, marks and links."""
    (line,) = _MARKDOWN.parseInline(text)
    return line.children or ()


def prose_parts(text: str) -> list[Passage]:
    """Return the paragraphs, lists and fenced code of ``text``, the lines of each text joined."""
    tokens = _MARKDOWN.parse(text)
    parts: list[Passage] = []
    items: list[str] = []
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open") and token.level == 0:
            items = []
        elif token.type == "list_item_open" and token.level == 1:
            items.append("")
        elif token.type in ("bullet_list_close", "ordered_list_close") and token.level == 0:
            parts.append(Passage("ul" if token.type.startswith("bullet") else "ol", tuple(items)))
        elif token.type == "fence" and token.level == 0:
            parts.append(Passage("pre", (token.content.rstrip("\n"),)))
        elif token.type == "inline" and token.level == 1:
            parts.append(Passage("p", (_joined(token.content),)))
        elif token.type in ("inline", "fence"):
            items[-1] = f"{items[-1]} {_joined(token.content)}".strip()
    return parts


def _joined(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())


def _link_words(state: StateCore) -> None:
    """Make links of web addresses and RFC numbers, and keep every link from telling whence."""
    for token in state.tokens:
        if token.children is not None:
            token.children = list(_with_links(token.children))


def _with_links(tokens: Sequence[Token]) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        if token.type == "link_open":
            depth += 1
            token.attrSet("rel", "noreferrer")
        elif token.type == "link_close":
            depth -= 1
        if token.type == "text" and depth == 0:
            yield from _linked(token.content)
        else:
            yield token


def _linked(text: str) -> Iterator[Token]:
    """Yield ``text`` as tokens, its web addresses and RFC numbers as links."""
    position = 0
    for match in _ADDRESS_OR_RFC.finditer(text):
        whole, number = match[0], match["number"]
        address = f"https://www.rfc-editor.org/rfc/rfc{number}" if number else whole
        yield Token("text", "", 0, content=text[position : match.start()])
        attributes: dict[str, str | int | float] = {"href": address, "rel": "noreferrer"}
        yield Token("link_open", "a", 1, attrs=attributes, markup=BY_ITSELF)
        yield Token("text", "", 0, content=whole)
        yield Token("link_close", "a", -1, markup=BY_ITSELF)
        position = match.end()
    yield Token("text", "", 0, content=text[position:])


def _turn(state: StateCore) -> None:
    """Set the direction of paragraphs and lists whose first letter is read from right to left."""
    for token, following in zip(state.tokens, state.tokens[1:], strict=False):
        if token.type == "paragraph_open" and not token.hidden and direction(following.content):
            token.attrSet("dir", "rtl")
    for index, token in enumerate(state.tokens):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            texts = (after.content for after in state.tokens[index:] if after.type == "inline")
            if direction(next(texts, "")):
                token.attrSet("dir", "rtl")


class _SpecMarkdown(MarkdownIt):
    """Markdown whose links lead to the web only."""

    def validateLink(self, url: str) -> bool:
        """Whether a link may lead to ``url``."""
        return url.startswith(("https://", "http://"))


def _make_markdown() -> MarkdownIt:
    markdown = _SpecMarkdown("zero", {"html": False})
    markdown.enable(["list", "fence", "backticks", "emphasis", "link", "autolink"])
    markdown.core.ruler.push("link_words", _link_words)
    markdown.core.ruler.push("turn", _turn)
    return markdown


_MARKDOWN = _make_markdown()
