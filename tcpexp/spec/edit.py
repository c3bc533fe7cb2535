"""Change a spec's text in one place, so that comments and the shape of the rest stay.

The text is changed between the marks that the YAML parser leaves, and read again. Where that does
not give the wanted values (an alias that stands for two places), the whole is written anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.spec.dump import block_text, dump_yaml, entry_text, flow_text
from tcpexp.spec.overrides import override_keys
from tcpexp.spec.source import source_of_text
from tcpexp.spec.yaml12 import parse_yaml

Keys = tuple[str | int, ...]


class Removed:
    """Stands for a value that is taken away."""


REMOVED = Removed()


def with_value(raw: Any, keys: Keys, value: Any) -> Any:
    """Return plain values with ``value`` at ``keys``, ``REMOVED`` taken away.

    A list takes a new entry at the index after its last. What lies on the way is copied.
    """
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(raw, list):
        assert isinstance(key, int)
        changed: Any = list(raw)
        if key == len(raw):
            changed.append(with_value({}, rest, value))
        elif value is REMOVED and not rest:
            del changed[key]
        else:
            changed[key] = with_value(raw[key], rest, value)
        return changed
    changed = dict(raw) if isinstance(raw, dict) else {}
    if value is REMOVED and not rest:
        del changed[key]
    else:
        changed[key] = with_value(changed.get(key, {}), rest, value)
    return changed


def edit_yaml(text: str, keys: Keys, value: Any, wanted: Any) -> str:
    """Return ``text`` with ``value`` at ``keys``, or without what is there (``REMOVED``).

    ``wanted`` are the plain values that the new text must mean. Raises ``SpecError`` for a value
    that YAML cannot hold.
    """
    whole = dump_yaml(wanted)
    try:
        changed = _Editor(text).put(keys, value)
    except (_CannotEdit, yaml.YAMLError):
        return whole
    return changed if _means(changed, wanted) else whole


def set_in_text(text: str, override: str) -> str:
    """Return a spec's text with the value of ``path=value`` in it, the rest as it was.

    Raises ``SpecErrors``: the text is no YAML, the path leads nowhere, or the value stands where it
    cannot be replaced by itself (behind an alias).
    """
    source = source_of_text(text, "<spec>", Path())
    expanded, keys, value = override_keys(source, override)
    wanted = with_value(expanded, keys, value)
    if _same(wanted, source.raw):
        return text
    if expanded != source.raw:  # a topology by its name alone becomes a mapping
        keys, value = keys[:1], wanted[keys[0]]
    try:
        changed = _Editor(text).put(keys, value)
    except (_CannotEdit, yaml.YAMLError):
        changed = ""
    if changed and _means(changed, wanted):
        return changed
    message = "this value cannot be replaced by itself in the text"
    raise SpecErrors(
        [SpecError(message, where=f"--set {override[:80]}", hint="write it into the text itself")]
    )


def _means(text: str, wanted: Any) -> bool:
    try:
        return _same(parse_yaml(text, "<spec>").raw, wanted)
    except SpecErrors:
        return False


def _same(one: Any, other: Any) -> bool:
    """Return whether plain values are equal in value, type and order of keys."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or repr(one) == repr(other) == "nan")


class _CannotEdit(Exception):
    """The text has a shape that is not changed in place."""


class _Editor:
    """The text with its tree of nodes, each of which knows where it begins and ends."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = yaml.compose(text, Loader=yaml.SafeLoader)

    def put(self, keys: Keys, value: Any) -> str:
        """Return the text with the value at ``keys``, or without what is there."""
        node, parents = self.root, list[tuple[Any, Any]]()
        for number, key in enumerate(keys):
            entry = _entry(node, key)
            if entry is None:
                if value is REMOVED:
                    raise _CannotEdit
                inner: Any = value
                for missing in reversed(keys[number + 1 :]):
                    if not isinstance(missing, str):
                        raise _CannotEdit
                    inner = {missing: inner}
                return self._add(node, key, inner, parents)
            parents.append((node, entry))
            node = entry[1]
        if not parents:
            raise _CannotEdit
        if value is REMOVED:
            return self._remove(*parents[-1])
        return self._replace(*parents[-1], value)

    def _spliced(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    def _replace(self, parent: Any, entry: Any, value: Any) -> str:
        """Return the text with another value in an entry of a mapping or list."""
        key, node = entry
        flow = parent.flow_style
        start, end = node.start_mark.index, self._end(node)
        if flow or not _is_block(node):
            new = flow_text(value)
            literal = isinstance(value, str) and "\n" in value.rstrip("\n")
            if literal and not flow and key is not None:
                new = _after_key(value, key.start_mark.column)
            if not _is_block(node) and start == end:  # an empty value: right behind the colon
                return self._spliced(start, end, f" {new}")
            if node.style in ("|", ">") if isinstance(node, yaml.ScalarNode) else False:
                return self._spliced(start, end, f"{new}\n")
            return self._spliced(start, end, new)
        if key is None:
            return self._spliced(start, end, block_text(value, node.start_mark.column))
        begin = key.end_mark.index
        column = key.start_mark.column
        name, _, rest = entry_text("key", value, column).partition(":")
        assert name == "key"
        comment = re.match(r":[ \t]*(#[^\n]*)?\n", self.text[begin:])
        if comment and comment[1] and rest.startswith("\n"):
            return self._spliced(begin, end, f": {comment[1]}{rest}")
        return self._spliced(begin, end, f":{rest}")

    def _add(self, node: Any, key: Any, value: Any, parents: Sequence[tuple[Any, Any]]) -> str:
        """Return the text with one more entry at the end of a mapping or list."""
        if isinstance(node, yaml.ScalarNode):
            if not parents or node.value not in ("", "~", "null"):
                raise _CannotEdit
            return self._replace(*parents[-1], {key: value})
        is_list = isinstance(node, yaml.SequenceNode)
        if is_list and key != len(node.value):
            raise _CannotEdit
        if node.flow_style:
            new = flow_text(value) if is_list else flow_text({key: value})[1:-1]
            place = self._end(_last(node)) if node.value else node.start_mark.index + 1
            return self._spliced(place, place, f", {new}" if node.value else new)
        column = node.start_mark.column
        new = block_text([value], column) if is_list else entry_text(key, value, column)
        end = self._end(_last(node))
        line = self.text.find("\n", end)
        if self.text[end - 1 : end] == "\n":  # behind a literal block
            return self._spliced(end, end, f"{' ' * column}{new}\n")
        place = len(self.text) if line < 0 else line
        return self._spliced(place, place, f"\n{' ' * column}{new}")

    def _remove(self, parent: Any, entry: Any) -> str:
        """Return the text without an entry, and without the comment on its own lines' ends."""
        key, node = entry
        first = (node if key is None else key).start_mark.index
        end = self._end(node)
        if len(parent.value) == 1:
            raise _CannotEdit
        if parent.flow_style:
            after = re.compile(r"\s*,\s*").match(self.text, end)
            if after:
                return self._spliced(first, after.end(), "")
            before = re.search(r"\s*,\s*$", self.text[:first])
            return self._spliced(before.start() if before else first, end, "")
        start = self.text.rfind("\n", 0, first) + 1
        lead = self.text[start:first]
        if lead.strip() not in ("", "-") or (lead.strip() == "-" and key is not None):
            raise _CannotEdit
        line = self.text.find("\n", end)
        if self.text[end - 1 : end] == "\n":
            line = end - 1
        return self._spliced(start, len(self.text) if line < 0 else line + 1, "")

    def _end(self, node: Any) -> int:
        """Return where a node's text ends; a block's end is that of its last entry."""
        if _is_block(node) and node.value:
            return self._end(_last(node))
        end: int = node.end_mark.index
        return end


def _after_key(value: str, column: int) -> str:
    text = entry_text("key", value, column)
    return text.partition(": ")[2]


def _is_block(node: Any) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _last(node: Any) -> Any:
    """Return the last value of a mapping or list that has one."""
    last = node.value[-1]
    return last[1] if isinstance(node, yaml.MappingNode) else last


def _entry(node: Any, key: str | int) -> tuple[Any, Any] | None:
    """Return the node of a key and that of its value; of a list, None and the entry."""
    if isinstance(node, yaml.MappingNode):
        return next(((name, item) for name, item in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return None, node.value[key]
    return None
