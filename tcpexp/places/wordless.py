"""Python source without its words: no comments, no docstrings, no blank lines.

What runs in a guest is shipped so. A comment then cannot matter: neither to what is hashed, nor to
how long a file takes to be read. The text is cut, not written anew, so that every version of Python
gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

#: A text's prefix is part of the code before it.
_TOKEN = re.compile(
    r"""
    (?P<code>[^"'\#\[\](){}\\\n]+)
    | (?P<newline>\n)
    | (?P<open>[\[({]+)
    | (?P<close>[\])}]+)
    | (?P<string>
        \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
        | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
    )
    | (?P<comment>\#[^\n]*)
    | (?P<joined>\\\n)
    """,
    re.VERBOSE | re.DOTALL,
)
#: Before a text that is no more than a text; ``f`` computes.
_PREFIXES = ("", "r", "u", "b", "R", "U", "B")


@dataclass(slots=True)
class _Statement:
    """A logical line without its comments.

    ``lines`` are its physical lines, each with its number in the source; a text of several lines is
    in one. ``is_words`` says that it is a text alone, which does nothing: a docstring.
    """

    lines: list[tuple[int, str]] = field(default_factory=list)
    is_words: bool = False

    @property
    def indent(self) -> int:
        """How far it stands from the margin."""
        text = self.lines[0][1]
        return len(text) - len(text.lstrip())


def _statements(source: str) -> Iterator[_Statement]:
    """Yield the logical lines of ``source`` that are not blank; raises ``ValueError``."""
    statement, depth, number, begun, end = _Statement(), 0, 1, 1, 0
    line, texts, others = "", 0, False
    for token in _TOKEN.finditer(source):
        if token.start() != end:
            break
        end = token.end()
        kind, text = token.lastgroup, token[0]
        if kind == "code":
            line += text
            others = others or text.strip() not in _PREFIXES
        elif kind == "string":
            line += text
            texts += 1
            number += text.count("\n")
        elif kind in ("newline", "joined"):
            line = line.rstrip()
            if line:
                statement.lines.append((begun, line + " \\" if kind == "joined" else line))
            number += 1
            begun, line = number, ""
            if kind == "newline" and depth == 0:
                if statement.lines:
                    statement.is_words = texts > 0 and not others
                    yield statement
                statement, texts, others = _Statement(), 0, False
        elif kind != "comment":
            line += text
            depth += len(text) if kind == "open" else -len(text)
            others = True
    if end != len(source) or depth or line:
        raise ValueError(f"line {number}: this is not Python")


def _kept(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that stay, each with its number in the source."""
    before, words = 0, None
    for statement in _statements(source):
        if words is not None and statement.indent < words.indent:
            yield _nothing(words)  # the words were all that a block had
        if words is not None and not (statement.is_words and statement.indent == words.indent):
            words = None
        if not statement.is_words:
            yield from statement.lines
            before = statement.indent
        elif statement.indent > before:
            words = words or statement
    if words is not None:
        yield _nothing(words)


def _nothing(words: _Statement) -> tuple[int, str]:
    """Return what stands for words that nothing follows in their block."""
    return words.lines[0][0], f"{' ' * words.indent}pass"


def without_words(source: str) -> str:
    """Return Python ``source`` without comments, docstrings and blank lines.

    Raises:
        ValueError: this is not Python, or its last line does not end.
    """
    return "".join(f"{text}\n" for _, text in _kept(source))


def source_lines(source: str) -> list[int]:
    """Return, for each line of ``without_words(source)``, its number in ``source``."""
    return [number + more for number, text in _kept(source) for more in range(text.count("\n") + 1)]
