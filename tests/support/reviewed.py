"""The written form of a plan that somebody reviews: YAML, and only what is not a default.

A field that gets its default is left out, so that a new field with a default changes no plan's
text. What the defaults are is reviewed too, once for all plans (:func:`written_defaults`). The text
has all that the plan has: :func:`read_plan` makes the same plan of it.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tcpexp.plan.types import RunPlan, from_json

WIDTH = 100
#: What is shorter stands on one line, as one writes it in a spec.
ONE_LINE = 90
#: A string of this length is folded, like prose in a spec.
LONG = 80
#: From here on digits are in groups of three: 20_000_000.
MANY_DIGITS = 1_000_000


def written(plan: RunPlan) -> str:
    """Return the reviewed form of a plan.

    The content of files that travel with it is left out: they are tested where they live.
    """
    files = tuple(dataclasses.replace(file, content="(left out)") for file in plan.files)
    return dump(without_defaults(dataclasses.replace(plan, files=files)))


def read_plan(text: str) -> RunPlan:
    """Return the plan whose reviewed form ``text`` is."""
    return from_json(json.dumps(yaml.safe_load(text)), RunPlan)


def assert_reviewed(text: str, golden: Path) -> None:
    """Compare a text with its reviewed file, or write that with ``UPDATE_GOLDEN=1``."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert golden.is_file(), f"{golden.name} is not there: write it with UPDATE_GOLDEN=1, read it"
    assert text == golden.read_text()


def without_defaults(value: Any) -> Any:
    """Return a plan, or a part of one, as mappings and lists without the fields that have their
    default; ``kind``, which tells what a step does, stays.
    """
    if isinstance(value, (list, tuple)):
        return [without_defaults(item) for item in value]
    if isinstance(value, dict):
        return {key: without_defaults(item) for key, item in value.items()}
    if not dataclasses.is_dataclass(value):
        return value
    fields = sorted(dataclasses.fields(value), key=lambda field: not is_tag(field))
    given = [(field, getattr(value, field.name)) for field in fields]
    return {
        field.name: without_defaults(item)
        for field, item in given
        if is_tag(field) or item != default_of(field)
    }


def is_tag(field: dataclasses.Field[Any]) -> bool:
    """Return whether a field tells one kind of step from another."""
    return field.name == "kind" and field.default is not dataclasses.MISSING


def default_of(field: dataclasses.Field[Any]) -> Any:
    """Return a field's default, or ``dataclasses.MISSING``, which equals no value."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def plan_classes(kind: Any = RunPlan) -> Iterator[type]:
    """Yield each class that a plan is made of, some more than once."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        yield kind
        for annotation in typing.get_type_hints(kind).values():
            yield from plan_classes(annotation)
    for part in typing.get_args(kind):
        yield from plan_classes(part)


def written_defaults() -> str:
    """Return the defaults of every class that a plan is made of."""
    found = {}
    for kind in sorted(set(plan_classes()), key=lambda kind: kind.__name__):
        defaults = {field.name: default_of(field) for field in dataclasses.fields(kind)}
        found[kind.__name__] = {
            name: without_defaults(value)
            for name, value in defaults.items()
            if value is not dataclasses.MISSING
        }
    return dump(found)


# ------------------------------------------------------------------------------------------------
# YAML that reads well


class _Dumper(yaml.SafeDumper):
    """Indents lists, groups digits, folds long strings, and never uses anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_int(dumper: yaml.SafeDumper, value: int) -> yaml.Node:
    text = f"{value:_}" if abs(value) >= MANY_DIGITS else str(value)
    return dumper.represent_scalar("tag:yaml.org,2002:int", text)


def _represent_str(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    lines = value.split("\n")
    prose = max(map(len, lines)) > LONG and not any(line.startswith(" ") for line in lines)
    style = ">" if prose else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(int, _represent_int)
_Dumper.add_representer(str, _represent_str)


def dump(value: Any) -> str:
    """Return ``value`` as YAML in which each mapping and list that fits is on one line."""
    node = _Dumper(io.StringIO(), sort_keys=False).represent_data(value)
    for part in node.value:
        _fold(part[1])
    text: str = yaml.serialize(node, Dumper=_Dumper, width=WIDTH, allow_unicode=True)
    return text


def _fold(node: yaml.Node) -> int:
    """Let a node stand on one line if it fits, or if it is a list of words; return its length."""
    if isinstance(node, yaml.ScalarNode):
        return WIDTH if node.style in (">", "|") else len(node.value)
    parts = [part for item in node.value for part in (item if isinstance(item, tuple) else [item])]
    lengths = [_fold(part) + 2 for part in parts]
    words = isinstance(node, yaml.SequenceNode) and all(
        isinstance(part, yaml.ScalarNode) and part.style is None for part in parts
    )
    if isinstance(node, yaml.CollectionNode):
        node.flow_style = (words and max(lengths, default=0) < LONG / 2) or sum(lengths) <= ONE_LINE
    return sum(lengths)
