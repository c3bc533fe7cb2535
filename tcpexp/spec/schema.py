"""JSON Schema of a spec for editors, from the same models that validate it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tcpexp.spec.model import ExperimentSpec

if TYPE_CHECKING:
    from tcpexp.registry import Registry
    from tcpexp.spec.vocabulary import Vocabulary

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/{model}"


def json_schema(catalogue: Vocabulary) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec with every action, check, recorder and plot
    of ``catalogue``.
    """
    schema = ExperimentSpec.model_json_schema(ref_template=_REFERENCE)
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    properties: dict[str, Any] = schema["properties"]
    about = {key: value.get("description", "") for key, value in properties.items()}
    topology = properties["topology"]
    properties["topology"] = {
        "anyOf": [{"type": "string"}, topology],
        "description": about["topology"],
    }
    for key in ("references", "plugins"):
        one_or_many = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        properties[key] = {"anyOf": one_or_many, "description": about[key]}
    actions = [_action(name, model, definitions) for name, model in catalogue.actions]
    properties["actions"] = {
        "type": "array",
        "items": _any_of(actions),
        "description": about["actions"],
    }
    properties["expect"] = {
        "type": "array",
        "items": _expect(catalogue.checks, definitions),
        "description": about["expect"],
    }
    properties["record"] = _record(catalogue.recorders, definitions, about["record"])
    properties["plots"] = {
        "type": "array",
        "items": _plots(catalogue.plots),
        "description": about["plots"],
    }
    return {
        "$schema": DIALECT,
        "title": "tcpexp experiment",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def _define(model: type[BaseModel], name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Add a model's schema to ``definitions`` under ``name``; return a reference to it."""
    schema = model.model_json_schema(ref_template=_REFERENCE)
    for inner, value in schema.pop("$defs", {}).items():
        definitions.setdefault(inner, value)
    definitions[name] = schema
    return {"$ref": _REFERENCE.format(model=name)}


def _action(name: str, model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = _define(model, f"action.{name}", definitions)
    schema = definitions[f"action.{name}"]
    schema["properties"]["do"] = {"const": name, "description": "what to do"}
    schema["required"] = sorted({*schema.get("required", ()), "do"})
    return reference


def _expect(registry: Registry[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one entry: exactly one check, with its parameters or a list of such."""
    properties = {}
    for name, model in registry:
        reference = _define(model, f"check.{name}", definitions)
        properties[name] = {"anyOf": [reference, {"type": "array", "items": reference}]}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _record(registry: Registry[Any], definitions: dict[str, Any], about: str) -> dict[str, Any]:
    properties = {}
    for name, model in registry:
        choices: list[dict[str, Any]] = [
            _define(model, f"recorder.{name}", definitions),
            {"enum": ["on", "off", True, False]},
        ]
        shorthand = getattr(model, "shorthand", None)
        if shorthand is not None:
            choices.append(definitions[f"recorder.{name}"]["properties"][shorthand])
        properties[name] = {"anyOf": choices}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "description": about,
    }


def _plots(registry: Registry[Any]) -> dict[str, Any]:
    names = registry.names()
    options = {name: {"type": "object"} for name in names}
    one = {
        "type": "object",
        "properties": options,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [{"enum": names}, one]}


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return {"anyOf": schemas} if schemas else {"type": "object"}
