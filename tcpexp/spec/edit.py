"""Write a value into a spec's text, at its place: comments, order and everything else stay.

What ``--set path=value`` does to plain values, this does to the text that a person reads. The
result is read again and compared with what ``--set`` makes of the same spec, so that the two can
never differ.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.spec.overrides import apply_overrides, parse_override, resolve_override
from tcpexp.spec.yaml12 import parse_yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HINT = "write it into the text itself"


def set_in_text(text: str, override: str) -> str:
    """Return a spec's text with the value of ``path=value`` in it.

    Raises ``SpecErrors``: the text is no YAML, the path leads nowhere, or the value stands where it
    cannot be replaced by itself (behind an alias, in a text of several lines).
    """
    raw = parse_yaml(text, "<spec>").raw
    wanted = apply_overrides(raw, [override])
    if wanted == raw:
        return text
    keys, value = resolve_override(wanted, override)
    short = parse_override(override)[0][:1] == ["topology"] and isinstance(raw["topology"], str)
    for words in (override.partition("=")[2].strip(), in_line(value)):
        changed = _write(text, keys, words, short)
        if changed is not None and _reads(changed, wanted):
            return changed
    raise _refused(override)


def _reads(text: str, wanted: Any) -> bool:
    try:
        return bool(parse_yaml(text, "<spec>").raw == wanted)
    except SpecErrors:
        return False


def _write(text: str, keys: tuple[str | int, ...], words: str, short: bool) -> str | None:
    """Return the text with ``words`` at ``keys``, None where there is no place for them.

    ``short``: the topology is given by its name alone.
    """
    if short:
        node = _child(yaml.compose(text, Loader=_LOADER), "topology")
        name = text[slice(*_span(text, node))] if node is not None else ""
        return None if node is None else _replaced(text, node, f"{{name: {name}}}", keys, words)
    node, left = _walk(yaml.compose(text, Loader=_LOADER), keys)
    if not left:
        return _spliced(text, *_span(text, node), words) if _is_plain(text, node) else None
    entry = _entry(left, words)
    if isinstance(node, yaml.MappingNode):
        return _add(text, node, entry)
    if isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null"):
        return _spliced(text, *_span(text, node), f" {{{entry}}}")
    return None


def _replaced(
    text: str, node: yaml.Node, instead: str, keys: tuple[str | int, ...], words: str
) -> str | None:
    """Return the text with ``instead`` for a node, then ``words`` at ``keys``."""
    return _write(_spliced(text, *_span(text, node), instead), keys, words, False)


def _walk(node: Any, keys: tuple[str | int, ...]) -> tuple[Any, tuple[str | int, ...]]:
    """Return the deepest node on the way, and the keys that lead on from it."""
    for number, key in enumerate(keys):
        child = _child(node, key)
        if child is None:
            return node, keys[number:]
        node = child
    return node, ()


def _child(node: Any, key: str | int) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return node.value[key] if isinstance(key, int) and key < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == str(key)), None)
    return None


def _span(text: str, node: Any) -> tuple[int, int]:
    """Return where a node begins and ends in the text."""
    return _offset(text, node.start_mark), _offset(text, node.end_mark)


def _offset(text: str, mark: Any) -> int:
    start = 0
    for _ in range(mark.line):
        start = text.index("\n", start) + 1
    return int(start + mark.column)


def _is_plain(text: str, node: Any) -> bool:
    """Whether a node is a value that ends where its text ends: no block of lines."""
    if isinstance(node, yaml.ScalarNode):
        return node.style not in ("|", ">")
    return bool(node.flow_style)


def _add(text: str, node: Any, entry: str) -> str | None:
    """Return the text with an entry more in a mapping."""
    if node.flow_style:
        end = _offset(text, node.end_mark) - 1
        before = text[:end].rstrip()
        comma = "" if before.endswith(("{", ",")) else ","
        gap = "" if before.endswith("{") else " "
        return f"{before}{comma}{gap}{entry}{text[end:]}"
    for key, value in reversed(node.value):
        start, end = _span(text, value)
        if _is_plain(text, value) and "\n" not in text[start:end]:
            line = text.find("\n", end)
            line = len(text) if line < 0 else line
            return f"{text[:line]}\n{' ' * key.start_mark.column}{entry}{text[line:]}"
    return None


def _entry(keys: tuple[str | int, ...], words: str) -> str:
    """Return ``a: {b: words}`` of the keys a and b."""
    for key in reversed(keys[1:]):
        words = f"{{{in_line(str(key))}: {words}}}"
    return f"{in_line(str(keys[0]))}: {words}"


def in_line(value: Any) -> str:
    """Return a plain value as YAML in one line: words that need no quotes go without."""
    if isinstance(value, str) and value and all(letter in _BARE for letter in value):
        return value if value[0].isalnum() and _is_word(value) else json.dumps(value)
    if isinstance(value, dict):
        pairs = ", ".join(f"{in_line(str(key))}: {in_line(inner)}" for key, inner in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list):
        return f"[{', '.join(in_line(inner) for inner in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _is_word(value: str) -> bool:
    """Whether a text is read as itself without quotes: ``100MB`` is, ``100`` is not."""
    return bool(parse_yaml(value, "<value>").raw == value)


_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._->")


def _spliced(text: str, start: int, end: int, words: str) -> str:
    return f"{text[:start]}{words}{text[end:]}"


def _refused(override: str) -> SpecErrors:
    path = override.partition("=")[0]
    return SpecErrors([SpecError(f"'{path}' cannot be set from outside here", hint=_HINT)])
