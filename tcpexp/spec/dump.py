"""Plain values to YAML text as a person writes specs: blocks outside, short mappings on one line.

What is written is read back as the same values by ``tcpexp.spec.yaml12``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from tcpexp.errors import SpecError
from tcpexp.spec.yaml12 import resolve_scalar

#: A mapping or list that fits into so many columns stands on one line.
LINE = 100
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
#: A text that needs no quotes, inside brackets either.
_PLAIN = re.compile(r"[A-Za-z0-9_./+-](?:[A-Za-z0-9_./+*%<>=()-]| (?![#]))*")


def dump_yaml(value: Any) -> str:
    """Return the YAML text of a spec's plain values; raises ``SpecError`` for another value."""
    return block_text(value, 0) + "\n"


def block_text(value: Any, indent: int) -> str:
    """Return a value as a block whose lines begin ``indent`` columns in, the first one's indent
    left out.
    """
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        entries = [entry_text(key, item, indent) for key, item in value.items()]
        return f"\n{pad}".join(entries)
    if isinstance(value, list | tuple) and value:
        return f"\n{pad}".join(f"- {_item_text(item, indent)}" for item in value)
    return flow_text(value)


def entry_text(key: Any, value: Any, indent: int) -> str:
    """Return ``key: value`` of a block mapping whose keys stand ``indent`` columns in."""
    name = _key(key)
    if isinstance(value, str) and "\n" in value.rstrip("\n") and _fits_literal(value):
        return f"{name}: {literal_text(value, indent + 2)}"
    flow = flow_text(value)
    top = indent == 0 and isinstance(value, Mapping | list | tuple)
    nested = isinstance(value, Mapping | list | tuple) and any(
        isinstance(item, Mapping | list | tuple)
        for item in (value.values() if isinstance(value, Mapping) else value)
    )
    if not isinstance(value, Mapping | list | tuple) or not value:
        return f"{name}: {flow}"
    if not (top and nested) and indent + len(name) + 2 + len(flow) <= LINE:
        return f"{name}: {flow}"
    return f"{name}:\n{' ' * (indent + 2)}{block_text(value, indent + 2)}"


def _item_text(item: Any, indent: int) -> str:
    flow = flow_text(item)
    if indent + 2 + len(flow) <= LINE or not isinstance(item, Mapping | list | tuple):
        return flow
    return block_text(item, indent + 2)


def literal_text(text: str, indent: int) -> str:
    """Return a text of several lines as a literal block, whose lines stand ``indent`` columns
    in.
    """
    kept = text.rstrip("\n")
    ends = len(text) - len(kept)
    head = {0: "|-", 1: "|"}.get(ends, "|+")
    lines = kept.split("\n") + [""] * max(ends - 1, 0)
    pad = " " * indent
    return "\n".join([head, *(f"{pad}{line}" if line else "" for line in lines)])


def _fits_literal(text: str) -> bool:
    """Return whether a literal block can hold a text: no line that begins or ends in a space."""
    return (
        not text.startswith((" ", "\n"))
        and all(line == line.rstrip() for line in text.split("\n"))
        and all(letter.isprintable() or letter == "\n" for letter in text)
        and not text.endswith("\n\n")
    )


def flow_text(value: Any) -> str:
    """Return a value on one line: ``{rate: 10mbit, delay: 10ms}``, ``[1, 2]``, ``"a: b"``.

    Raises ``SpecError`` for what YAML's core schema does not have.
    """
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_key(key)}: {flow_text(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow_text(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, str):
        return _string_text(value)
    raise SpecError(
        f"a spec cannot hold a {type(value).__name__}: {str(value)[:60]}",
        hint="write a text, a number, true or false, a list or a mapping",
    )


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(float(value))


def _string_text(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text == text.strip() and not text.startswith("- ")
    if plain and resolve_scalar(text) == text and text not in ("-", "---", "...", "<<"):
        return text
    return f'"{"".join(map(_quoted_letter, text))}"'


def _quoted_letter(letter: str) -> str:
    """Return a letter as it stands between double quotes."""
    if letter in _ESCAPES or not letter.isprintable():
        return _ESCAPES.get(letter) or f"\\U{ord(letter):08x}"
    return letter


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise SpecError(
            f"a key of a spec is a text, not {str(key)[:60]!r}", hint="put it in quotes"
        )
    return _string_text(key)
