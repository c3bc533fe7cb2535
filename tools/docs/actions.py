"""The page of actions, made from the models."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel

from tcpexp.actions import BUILTIN
from tcpexp.actions.base import Action
from tcpexp.spec.links import LinkParameters

HEAD = """\
# Actions

Made from the models by `python -m tools.docs`.

`actions:` is a list of timed steps. Each says what to do (`do`), when (`at`), and with which
parameters:

```yaml
actions:
  - {do: http_server, host: h2}
  - {at: 1s, do: http_get, id: get, from: h1, to: h2}
```

Times count from the start of the experiment. Actions at the same time run in the order of the file.
Servers without `at` are started before the experiment's zero and awaited, so that their start takes
no experiment time. Whatever an action changes is put back at `until`, or at the end of the run.
Hosts go by their names; in the arguments of programs `{h2}` stands for h2's address, and
`{h1-h2.99}` for address 99 of that link's subnet, which no host has (the link's ends are 1 and 2).

## Parameters of every action

| parameter | value | means |
|---|---|---|
"""

COMMON = ("do", "at", "until", "every", "id")
FOOT = """\
An action of your own takes one class: see
[extending](../guides/extending.md#an-action-of-your-own).
"""
LINKS = (
    "Also, at least one of the parameters of a link's direction ([links](../concepts/links.md)): "
)


def page() -> str:
    """Return the whole page."""
    common = Action.model_json_schema(by_alias=True)["properties"]
    rows = [_row(name, common[name], required=name == "do") for name in COMMON]
    words = {
        "every": "`every` fits " + _those("takes_every") + ".",
        "until": "`until` fits all but " + _those("takes_until", without=True) + ".",
    }
    head = HEAD + "\n".join(rows) + f"\n\n{words['every']} {words['until']}\n\n"
    return head + "".join(_section(name, model) for name, model in BUILTIN.items()) + FOOT


def _those(mark: str, *, without: bool = False) -> str:
    """Return the names of the actions whose class says ``mark`` (or does not)."""
    names = [
        f"`{name}`"
        for name, model in BUILTIN.items()
        if bool(getattr(model, mark, False)) != without
    ]
    return ", ".join(names[:-1]) + f" and {names[-1]}"


def _section(name: str, model: type[Action]) -> str:
    schema = model.model_json_schema(by_alias=True)
    links = set(LinkParameters.model_fields) if issubclass(model, LinkParameters) else set()
    common = set(COMMON) - set(getattr(model, "redefines", ()))
    fields = [each for each in schema["properties"] if each not in common and each not in links]
    fields.sort(key=lambda each: each == "expect_status")  # what is common to several comes last
    required = schema.get("required", [])
    lines = [
        f"## {name}",
        "",
        inspect.cleandoc(model.__doc__ or ""),
        "",
        "```yaml",
        str(getattr(model, "example", "")),
        "```",
        "",
    ]
    lines += ["| parameter | value | means |", "|---|---|---|"]
    lines += [_row(each, schema["properties"][each], required=each in required) for each in fields]
    if links:
        hidden = getattr(model, "hidden", ())
        names = [f"`{each}`" for each in LinkParameters.model_fields if each not in hidden]
        lines += ["", LINKS + ", ".join(names) + "."]
    for nested in _nested(model):
        lines += ["", *_nested_lines(nested)]
    return "\n".join(lines) + "\n\n"


def _nested(model: type[Action]) -> list[type[BaseModel]]:
    """Return the models that the action's parameters hold, each once."""
    found: list[type[BaseModel]] = []
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            if (
                isinstance(part, type)
                and issubclass(part, BaseModel)
                and part not in found
                and part.__module__ == model.__module__
            ):
                found.append(part)
    return found


def _parts(annotation: Any) -> list[Any]:
    """Return an annotation and everything inside it."""
    return [
        annotation,
        *(part for each in getattr(annotation, "__args__", ()) for part in _parts(each)),
    ]


def _nested_lines(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema(by_alias=True)
    required = schema.get("required", [])
    lines = [
        f"{inspect.cleandoc(model.__doc__ or '')}",
        "",
        "| key | value | means |",
        "|---|---|---|",
    ]
    return lines + [
        _row(name, each, required=name in required) for name, each in schema["properties"].items()
    ]


def _row(name: str, schema: dict[str, Any], *, required: bool) -> str:
    means = (
        str(schema.get("description", "what to do: the action's name"))
        .replace("|", "\\|")
        .replace("\n", " ")
    )
    default = schema.get("default")
    if required:
        means += ". **Required**"
    elif default is not None and not isinstance(default, dict):
        shown = (
            str(default).lower()
            if isinstance(default, bool)
            else ("none" if default == [] else default)
        )
        means += f". Default `{shown}`"
    return f"| `{name}` | {_value(schema)} | {means} |"


def _value(schema: dict[str, Any]) -> str:
    """Return in words what a parameter takes."""
    if "anyOf" in schema:
        values = [_value(each) for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(values))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "examples" in schema:
        return "such as " + ", ".join(f"`{each}`" for each in schema["examples"][:2])
    if "$ref" in schema:
        return "mapping"
    kind = str(schema.get("type", "text"))
    words = {
        "string": "text",
        "integer": "whole number",
        "boolean": "`true`, `false`",
        "array": "list",
        "object": "mapping",
    }
    return words.get(kind, kind)
