"""A calculator: arithmetic on exact fractions, by a parser of its own. One expression per line, one
answer per line.

    expression = term (("+" | "-") term)*
    term       = factor (("*" | "/" | "%") factor)*
    factor     = ("+" | "-") factor | power
    power      = atom ["^" factor]                 (also "**")
    atom       = number | "(" expression ")"
"""

from __future__ import annotations

import re
from fractions import Fraction

LONGEST_LINE = 1000
DEEPEST = 50
LARGEST_BITS = 4096
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?|\.\d+)|(\*\*|[-+*/%^()]))")


class CalculatorError(Exception):
    """An expression that means nothing; the message is for who wrote it."""


def calculate(text: str) -> str:
    """Return the value of an expression: ``2`` for ``1+1``, ``0.25`` for ``1/4``; what has no end
    as a decimal is rounded to 15 digits.

    Raises: CalculatorError with what is wrong and where.
    """
    if len(text) > LONGEST_LINE:
        raise CalculatorError(f"longer than {LONGEST_LINE} characters")
    parser = _Parser(_tokens(text))
    value = parser.expression(0)
    if parser.left():
        raise CalculatorError(f"'{parser.peek()}' is too much")
    if value.denominator == 1:
        return str(value.numerator)
    try:
        return f"{float(value):.15g}"
    except OverflowError:
        return str(round(value))


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CalculatorError(
                f"'{text[at:].lstrip()[:1]}' at column {at + 1} is not arithmetic"
            )
        found.append(match[1] or match[2])
        at = match.end()
    return found


class _Parser:
    """One function per rule of the grammar."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def left(self) -> bool:
        return self.at < len(self.tokens)

    def peek(self) -> str:
        return self.tokens[self.at] if self.left() else ""

    def take(self) -> str:
        if not self.left():
            raise CalculatorError(
                "the expression ends too early" if self.tokens else "there is no expression"
            )
        self.at += 1
        return self.tokens[self.at - 1]

    def expression(self, depth: int) -> Fraction:
        value = self.term(depth)
        while self.peek() in ("+", "-"):
            value = value + self.term(depth) if self.take() == "+" else value - self.term(depth)
        return value

    def term(self, depth: int) -> Fraction:
        value = self.factor(depth)
        while self.peek() in ("*", "/", "%"):
            sign, other = self.take(), self.factor(depth)
            if sign != "*" and not other:
                raise CalculatorError("division by zero")
            value = _small(
                value * other if sign == "*" else value / other if sign == "/" else value % other
            )
        return value

    def factor(self, depth: int) -> Fraction:
        if depth > DEEPEST:
            raise CalculatorError(f"nested deeper than {DEEPEST}")
        if self.peek() in ("+", "-"):
            return self.factor(depth + 1) if self.take() == "+" else -self.factor(depth + 1)
        return self.power(depth)

    def power(self, depth: int) -> Fraction:
        base = self.atom(depth)
        if self.peek() not in ("^", "**"):
            return base
        self.take()
        exponent = self.factor(depth + 1)
        if exponent.denominator != 1:
            raise CalculatorError("an exponent is a whole number")
        if not base and exponent < 0:
            raise CalculatorError("division by zero")
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits > 1 and abs(exponent.numerator) * (bits - 1) > LARGEST_BITS:
            raise CalculatorError("too large")
        return _small(Fraction(base**exponent.numerator))

    def atom(self, depth: int) -> Fraction:
        token = self.take()
        if token == "(":
            value = self.expression(depth + 1)
            if self.take() != ")":
                raise CalculatorError("a ')' is missing")
            return value
        if token[0].isdigit() or token[0] == ".":
            return Fraction(token)
        raise CalculatorError(f"'{token}' where a number should be")


def _small(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 2 * LARGEST_BITS:
        raise CalculatorError("too large")
    return value
