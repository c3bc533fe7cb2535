"""YAML text to plain values and the place of each, by the core schema of YAML 1.2.

No ``on`` or ``yes`` that turns into true, no octal ``010``, no sexagesimal ``1:30``, no dates, no
merge keys. Duplicate keys, tags, documents beyond the first, deep nesting and aliases that multiply
are refused. The tree is built from the parser's events, so a hostile file is refused at the first
node too many.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from tcpexp.errors import Position, SpecError, SpecErrors

Path = tuple[str | int, ...]

MAX_NODES = 20_000
MAX_DEPTH = 32

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_OTHER_BASE = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")
_SPECIAL_FLOATS = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass
class Document:
    """A parsed file: ``raw`` plain values, and the places of values and of keys by path."""

    raw: Any
    places: dict[Path, Position] = field(default_factory=dict)
    key_places: dict[Path, Position] = field(default_factory=dict)


@dataclass
class _Node:
    """A node with its place: ``value`` is a scalar, a list of nodes, or a list of (key, key place,
    node).
    """

    kind: str
    value: Any
    place: Position
    open: bool = False


def parse_yaml(text: str, file: str, found: list[SpecError] | None = None) -> Document:
    """Return the one document of ``text``; ``file`` is the name that errors show. Raises
    ``SpecErrors``.

    Errors behind which the rest can still be read (a key that appears twice) are added to ``found``
    where it is given.
    """
    try:
        root = _Composer(file).compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
        problem = " ".join(part for part in (error.problem, error.context) if part)
        # newer versions of libyaml have a limit of their own, and look ahead
        if "maximum nesting depth" in problem:
            raise SpecErrors([_too_deep(place)]) from None
        raise SpecErrors(
            [SpecError(f"not YAML: {problem}", where=place, hint=_syntax_hint(problem))]
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        cause = "not YAML: a control character, which no text file holds"
        raise SpecErrors(
            [SpecError(cause, where=Position(file, line, 1), hint="remove it")]
        ) from None
    except SpecError as error:
        raise SpecErrors([error]) from None
    document = Document(None)
    errors: list[SpecError] = []
    document.raw = _Flattener(document, errors).flatten(root, ())
    if errors and found is None:
        raise SpecErrors(errors)
    if found is not None:
        found += errors
    return document


class _Composer:
    """Parser events to a tree of nodes, with limits on depth and number."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.anchors: dict[str, _Node] = {}
        self.stack: list[tuple[_Node, list[Any]]] = []
        self.root: _Node | None = None
        self.count = 0

    def compose(self, text: str) -> _Node:
        documents = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise SpecError(
                        "a second document starts here",
                        where=self._place(event),
                        hint="one experiment per file",
                    )
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.NodeEvent):
                self._node(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
        if self.root is None:
            raise SpecError(
                "the file is empty",
                where=Position(self.file, 1, 1),
                hint="start with name: and topology:",
            )
        return self.root

    def _place(self, event: Any) -> Position:
        return Position(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Any) -> None:
        place = self._place(event)
        self.count += 1
        if self.count > MAX_NODES:
            raise SpecError(
                f"more than {MAX_NODES} values", where=place, hint="a spec is a page of text"
            )
        if len(self.stack) >= MAX_DEPTH:
            raise _too_deep(place)
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise SpecError(
                f"the tag '{event.tag}' means nothing here",
                where=place,
                hint="write the value without a tag",
            )
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            text = event.value
            value = (
                resolve_scalar(text)
                if (plain or event.implicit[0]) and event.tag is None and event.implicit[0]
                else text
            )
            node = _Node("scalar", (value, text), place)
        else:
            kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
            node = _Node(kind, [], place, open=True)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._attach(node, node.place)
        if node.open:
            self.stack.append((node, []))

    def _alias(self, event: Any) -> None:
        place = self._place(event)
        node = self.anchors.get(event.anchor)
        if node is None:
            raise SpecError(
                f"the alias *{event.anchor} has no anchor above it",
                where=place,
                hint=f"mark a value with &{event.anchor}",
            )
        if node.open:
            raise SpecError(
                f"the alias *{event.anchor} stands inside its own anchor",
                where=place,
                hint="write the value out",
            )
        self._attach(node, place)

    def _attach(self, node: _Node, place: Position) -> None:
        if not self.stack:
            self.root = node
            return
        parent, pending = self.stack[-1]
        if parent.kind == "sequence":
            parent.value.append(node)
        elif not pending:
            if node.kind != "scalar":
                raise SpecError(
                    "a list or mapping cannot be a key",
                    where=place,
                    hint="a key is one word followed by a colon",
                )
            if node.value[1] == "<<":
                raise SpecError(
                    "merge keys (<<) are not YAML 1.2", where=place, hint="write the keys out"
                )
            pending.append((node.value[1], place))
        else:
            parent.value.append((*pending.pop(), node))

    def _close(self) -> None:
        node, _ = self.stack.pop()
        node.open = False


class _Flattener:
    """A tree of nodes to plain values; counts what aliases multiply."""

    def __init__(self, document: Document, errors: list[SpecError]) -> None:
        self.document = document
        self.errors = errors
        self.count = 0

    def flatten(self, node: _Node, path: Path) -> Any:
        self.count += 1
        if self.count > MAX_NODES or len(path) > MAX_DEPTH:
            cause = f"aliases multiply into more than {MAX_NODES} values"
            raise SpecErrors([SpecError(cause, where=node.place, hint="write the values out")])
        self.document.places[path] = node.place
        if node.kind == "scalar":
            return node.value[0]
        if node.kind == "sequence":
            return [self.flatten(item, (*path, index)) for index, item in enumerate(node.value)]
        values: dict[str, Any] = {}
        for key, place, item in node.value:
            if key in values:
                first = self.document.key_places[(*path, key)]
                hint = f"it stands in line {first.line} already; keep one of them"
                self.errors.append(
                    SpecError(f"the key '{key}' appears twice", where=place, hint=hint)
                )
                continue
            self.document.key_places[(*path, key)] = place
            values[key] = self.flatten(item, (*path, key))
        return values


def resolve_scalar(text: str) -> Any:
    """Return the value of a plain scalar by the core schema: null, bool, int, float or the text
    itself.
    """
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) or _SPECIAL_FLOATS.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _too_deep(place: Position) -> SpecError:
    return SpecError(
        f"nested deeper than {MAX_DEPTH} levels", where=place, hint="a spec needs five or six"
    )


def _syntax_hint(problem: str) -> str | None:
    if "found character" in problem and "cannot start any token" in problem:
        return "indent with spaces, not tabs, and put texts with special characters in quotes"
    if "mapping values are not allowed" in problem:
        return "put a text that holds a colon in quotes, and check the indentation"
    if "did not find expected" in problem or "expected" in problem:
        return "check brackets, commas, quotes and indentation just above"
    return None
