"""A place in the words of a script, and how it moves on: what every rule of the grammar uses."""

from __future__ import annotations

from typing import NoReturn

from tcpexp.errors import Position, SpecError
from tcpexp.packetdrill.words import Token, position, tokens


class Reader:
    """The words that are still to be read; ``defines`` are replaced as they come."""

    def __init__(self, text: str, file: str) -> None:
        """Begin before the first word. Raises: SpecError for text that is no words."""
        self.source = text
        self.file = file
        self.tokens = tokens(text, file)
        self.at = 0
        self.defines: dict[str, str] = {}

    @property
    def token(self) -> Token:
        """The next word, with a define replaced by its meaning."""
        return self._meant(self.tokens[self.at])

    @property
    def kind(self) -> str:
        """The next word's kind."""
        return self.token.kind

    @property
    def text(self) -> str:
        """The next word's text."""
        return self.token.text

    @property
    def new_line(self) -> bool:
        """Whether the next word begins a line."""
        return self.at > 0 and self.tokens[self.at].line > self.tokens[self.at - 1].line

    @property
    def touches(self) -> bool:
        """Whether nothing stands between the last word and the next."""
        return self.at > 0 and self.tokens[self.at].start == self.tokens[self.at - 1].end

    def _meant(self, token: Token) -> Token:
        """Return a define's meaning as a token of its own kind."""
        if token.kind != "word" or token.text not in self.defines:
            return token
        meaning = self.defines[token.text]
        found = tokens(meaning, self.file)[0]
        if found.end != len(meaning):
            found = Token("word", meaning, 0, 0, token.line)
        return Token(found.kind, found.text, token.start, token.end, token.line)

    def peek(self, ahead: int) -> Token:
        """Return a later word; the last one over and over at the end."""
        return self._meant(self.tokens[min(self.at + ahead, len(self.tokens) - 1)])

    def take(self) -> Token:
        """Return the next word and go on."""
        token = self.token
        if token.kind != "end":
            self.at += 1
        return token

    def take_raw(self) -> Token:
        """Return the next word as it stands, and go on."""
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def raw_text(self, token: Token) -> str:
        """Return a word as it stands in the file, quotes and all."""
        return self.source[token.start : token.end]

    def accept(self, mark: str) -> bool:
        """Go over ``mark`` if it is next."""
        if self.kind == "mark" and self.text == mark:
            self.at += 1
            return True
        return False

    def accept_word(self, word: str) -> bool:
        """Go over ``word`` if it is next."""
        if self.kind == "word" and self.text == word:
            self.at += 1
            return True
        return False

    def need(self, mark: str) -> None:
        """Go over ``mark``. Raises: SpecError when something else is next."""
        if not self.accept(mark):
            self.fail(f"{mark!r} is missing")

    def number(self) -> int:
        """Read an integer, decimal or hexadecimal. Raises: SpecError for something else."""
        if self.kind not in ("integer", "hex"):
            self.fail("no number", "a word is given by --define WORD=number")
        return int(self.take().text, 0 if self.kind_before == "hex" else 10)

    @property
    def kind_before(self) -> str:
        """The kind of the word just taken."""
        return self._meant(self.tokens[self.at - 1]).kind

    def raw_until(self, close: str) -> str:
        """Read an opening mark and all up to ``close``; return the text between them."""
        start = self.take_raw().end
        while not (self.kind == "mark" and self.text == close):
            if self.kind == "end":
                self.fail(f"{close!r} is missing")
            self.take_raw()
        return " ".join(self.source[start : self.take_raw().start].split())

    def fail(self, message: str, hint: str | None = None, at: int | None = None) -> NoReturn:
        """Raise a SpecError at the next word, or at the beginning of line ``at``."""
        token = self.tokens[self.at]
        where = (
            Position(self.file, at, 1)
            if at is not None
            else position(self.source, self.file, token.start)
        )
        word = (
            "the script ends here" if token.kind == "end" else f"at {self.raw_text(token)[:40]!r}"
        )
        raise SpecError(f"{message} ({word})" if at is None else message, where=where, hint=hint)
