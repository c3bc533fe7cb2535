"""pydantic's findings in plain words, each with its path in the file."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from tcpexp.registry import suggest
from tcpexp.spec.model import SeveralErrors
from tcpexp.spec.placed import NestedErrors, PlacedError
from tcpexp.spec.source import holds
from tcpexp.spec.synonyms import key_hint
from tcpexp.units import QuantityError

Path = tuple[str | int, ...]

#: More than this many errors help nobody, and a hostile file could ask for thousands of
#: suggestions.
MAX_FINDINGS = 20


@dataclass(frozen=True)
class Finding:
    """What is wrong at ``path``; ``key`` means the key itself, not its value.

    ``instead`` is the key that is meant.
    """

    path: Path
    message: str
    hint: str | None = None
    key: bool = False
    instead: str | None = None


_EXPECTED = {
    "string_type": "a text",
    "string_sub_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "none_required": "nothing",
}
_EXAMPLES = {
    "a text": "put it in quotes",
    "a mapping": "write key: value pairs",
    "a list": "write [one, two]",
    "a whole number": "write digits only",
    "true or false": "write true or false",
}
_LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def translate(
    error: ValidationError, model: type[BaseModel], raw: Any, base: Path = ()
) -> list[Finding]:
    """Return the findings of ``error``, which ``model`` raised for the plain value ``raw`` at
    ``base``.
    """
    findings: list[Finding] = []
    items = error.errors(include_url=False)[:MAX_FINDINGS]
    for item in items:
        if item["type"] == "too_short" and any(
            other["loc"][: len(item["loc"])] == item["loc"] for other in items if other is not item
        ):
            continue  # it is short only because its entries are wrong
        path = _path_in(raw, item["loc"])
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, QuantityError | NestedErrors | SeveralErrors):
            findings += _ours(cause, raw, base, path)
        else:
            findings.append(_plain(item, model, base, path))
    return _without_repeats(findings)[:MAX_FINDINGS]


def _ours(cause: Exception, raw: Any, base: Path, path: Path) -> list[Finding]:
    """Return the findings of an error that one of our own validators raised for the value at
    ``path``.
    """
    if isinstance(cause, SeveralErrors):
        return [finding for error in cause.errors for finding in _ours(error, raw, base, path)]
    if isinstance(cause, NestedErrors):
        inner = (*path, *cause.path)
        return translate(cause.error, cause.model, _value_at(raw, inner), (*base, *inner))
    if isinstance(cause, PlacedError):
        return [Finding((*base, *path, *cause.path), cause.message, cause.hint, cause.key)]
    assert isinstance(cause, QuantityError)
    return [Finding((*base, *path), cause.message, cause.hint)]


def _plain(item: Any, model: type[BaseModel], base: Path, path: Path) -> Finding:
    """Return the finding of one of pydantic's own errors."""
    kind, place = item["type"], (*base, *path)
    if kind in ("extra_forbidden", "missing"):
        return _about_key(kind, str(item["loc"][-1]), _model_at(model, item["loc"][:-1]), place)
    given = item.get("input")
    if kind in _EXPECTED:
        expected = _EXPECTED[kind]
        return Finding(place, f"expected {expected}, found {_show(given)}", _EXAMPLES.get(expected))
    return _about_value(item, place, given, item.get("ctx", {}))


def _about_key(kind: str, word: str, model: type[BaseModel] | None, place: Path) -> Finding:
    if kind == "extra_forbidden":
        hint, instead = key_hint(word, model, known_keys(model))
        return Finding(place, f"unknown key '{word}'", hint, key=True, instead=instead)
    about = _description(model, word)
    return Finding(place, f"'{word}' is missing", about and f"{word}: {about}")


def _about_value(item: Any, place: Path, given: Any, context: dict[str, Any]) -> Finding:
    kind = item["type"]
    message, hint = (
        str(item["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, "),
        None,
    )
    message = message[:1].lower() + message[1:]
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        message, hint = f"{_show(given)} is out of range", f"it must be {words} {context[name]}"
    elif kind in ("literal_error", "enum"):
        known = [
            word.strip("' ") for word in str(context["expected"]).replace(" or ", ", ").split(",")
        ]
        message = f"{_show(given)} is not one of {', '.join(known)}"
        if isinstance(given, str) and given in known:
            message, hint = (
                f"{_show(given)} in quotes is a text, not a number",
                f"write {given} without quotes",
            )
        else:
            hint = (
                suggest(given, known)
                if isinstance(given, str)
                else f"write one of {', '.join(known)}"
            )
    elif kind == "string_pattern_mismatch":
        message = f"{_show(given)} does not fit here"
        if "A-Za-z" in context["pattern"]:
            hint = "a name starts with a letter and holds letters, digits, _ and -"
    elif kind in ("too_short", "string_too_short"):
        message, hint = "this is empty or too short", f"at least {context['min_length']} needed"
    elif kind in ("too_long", "string_too_long"):
        message, hint = "this is too long", f"at most {context['max_length']} allowed"
    return Finding(place, message, hint)


def known_keys(model: type[BaseModel] | None) -> list[str]:
    """Return the keys that a model takes, as a spec writes them."""
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _description(model: type[BaseModel] | None, word: str) -> str | None:
    if model is None:
        return None
    return next(
        (
            field.description
            for name, field in model.model_fields.items()
            if word in (name, field.alias)
        ),
        None,
    )


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Return the model that stands at pydantic's ``location`` within ``model``, None when it cannot
    be told.
    """
    current: Any = model
    for step in location:
        models = _models_in(current)
        if isinstance(step, str):
            named = next((model for model in models if model.__name__ == step), None)
            if named is not None:
                current = named
                continue
            fields = next((model.model_fields for model in models if _has_key(model, step)), None)
            if fields is not None:
                current = next(
                    field.annotation
                    for name, field in fields.items()
                    if step in (name, field.alias)
                )
    return next(iter(_models_in(current)), None)


def _has_key(model: type[BaseModel], word: str) -> bool:
    return any(word in (name, field.alias) for name, field in model.model_fields.items())


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]


def _path_in(raw: Any, location: tuple[str | int, ...]) -> Path:
    """Return the part of pydantic's ``location`` that exists in the file (it also names union
    members and missing keys).
    """
    path: list[str | int] = []
    value = raw
    for step in location:
        if holds(value, step):
            value = value[step]
            path.append(step)
    return tuple(path)


def _value_at(raw: Any, path: Path) -> Any:
    for step in path:
        raw = raw[step]
    return raw


def _without_repeats(findings: list[Finding]) -> list[Finding]:
    """Keep the first finding of each value: a union reports one for each of its members."""
    seen: set[Any] = set()
    kept = []
    for finding in findings:
        mark = (
            (finding.path, finding.message)
            if "is missing" in finding.message
            else (finding.path, finding.key)
        )
        if mark not in seen:
            seen.add(mark)
            kept.append(finding)
    return kept


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{str(value)[:40]}'"
