"""Arguments and results of system calls: the rule ``expression`` of packetdrill's grammar.

Structures are read by their members' names, whatever they are, so that those of another system need
no rule of their own.
"""

from __future__ import annotations

from tcpexp.packetdrill.reader import Reader
from tcpexp.packetdrill.script import Expression

NUMBERS = ("integer", "hex")


def listed(reader: Reader, close: str) -> tuple[Expression, ...]:
    """Read expressions with commas between them, up to ``close``, and go over it."""
    items: list[Expression] = []
    while not reader.accept(close):
        items.append(expression(reader))
        if not reader.accept(","):
            reader.need(close)
            break
    return tuple(items)


def expression(reader: Reader) -> Expression:
    """Read one expression, with all that ``|`` joins."""
    items = [_single(reader)]
    while reader.accept("|"):
        items.append(_single(reader))
    return items[0] if len(items) == 1 else Expression("or", items=tuple(items))


def _single(reader: Reader) -> Expression:
    """Read an expression up to a ``|``."""
    if reader.kind == "ellipsis":
        reader.take()
        return Expression("ellipsis")
    if reader.kind in NUMBERS:
        return Expression("integer", reader.number())
    if reader.kind == "string":
        return _string(reader)
    if reader.kind == "word":
        return _word(reader)
    if reader.accept("["):
        return Expression("list", items=listed(reader, "]"))
    if reader.text == "{" and reader.kind == "mark":
        return _structure(reader)
    reader.fail("no expression", "a number, a word, a string, [...], {...} or ...")


def _string(reader: Reader) -> Expression:
    """Read adjacent strings as one; ``...`` behind them leaves the rest open."""
    text = ""
    while reader.kind == "string":
        text += reader.take().text
    if reader.kind == "ellipsis":
        reader.take()
        return Expression("string", text, open=True)
    return Expression("string", text)


def _word(reader: Reader) -> Expression:
    """Read a symbol, a call such as ``htons(80)``, or ``NAME=value``."""
    name = reader.take().text
    if reader.accept("("):
        return Expression("call", name, listed(reader, ")"))
    if reader.accept("="):
        return Expression("assign", name, (expression(reader),))
    return Expression("word", name)


def _structure(reader: Reader) -> Expression:
    """Read ``{a, b}``, ``{name=a, name(n)=b}``, or one of the structures nobody plays, as text."""
    opening = reader.at
    reader.need("{")
    if reader.text in ("flags", "(") or reader.text == "Flags":
        reader.at = opening
        return Expression("raw", reader.raw_until("}"))
    names: list[str] = []
    items: list[Expression] = []
    while not reader.accept("}"):
        if reader.kind == "word" and (reader.peek(1).text == "=" or _counted(reader)):
            names.append(reader.take().text)
            if reader.accept("("):
                expression(reader)
                reader.need(")")
            reader.need("=")
        items.append(expression(reader))
        if not reader.accept(","):
            reader.need("}")
            break
    if names and len(names) == len(items):
        return Expression("struct", items=tuple(items), names=tuple(names))
    if names:
        reader.fail("some members of this structure have a name, others none")
    return Expression("set", items=tuple(items))


def _counted(reader: Reader) -> bool:
    """Return whether ``name(n)=`` is next."""
    return [reader.peek(ahead).text for ahead in (1, 3, 4)] == ["(", ")", "="]
