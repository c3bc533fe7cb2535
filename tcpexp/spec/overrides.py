"""``--set path=value``: change a spec's plain values before they are validated."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.registry import suggest
from tcpexp.spec.source import Source
from tcpexp.spec.yaml12 import parse_yaml

_STEP = re.compile(
    r"""\.?([^.\[\]"']+)|\[(\d{1,6})\]|\[([A-Za-z][A-Za-z0-9_-]*)\]|\[?["']([^"']+)["']\]?\.?"""
)
_HINT = "write for example links.h1-h2.rate=20mbit, actions[1].at=3s or seed=9"
#: Parts of a spec that are mappings by name, and may be silent: a path makes what is missing in
#: them. The names are checked with the rest of the spec.
_BY_NAME = ("hosts", "links", "record")
#: Mappings whose keys hold dots: what follows them in a path is one key.
_DOTTED = ("sysctls", "files")


def override_source(
    source: Source, overrides: Iterable[str], *, keep_errors: bool = False
) -> Source:
    """Return ``source`` with the values of ``--set`` in it; their place in errors is the option's
    own text.

    Raises ``SpecErrors`` with all options that cannot be; with ``keep_errors`` they go into
    ``Source.errors`` and the others are done.
    """
    changed = Source(
        source.file,
        source.folder,
        source.text,
        source.raw,
        dict(source.places),
        dict(source.key_places),
        list(source.errors),
    )
    wrong: list[SpecError] = []
    for text in overrides:
        try:
            _override(changed, text)
        except SpecErrors as several:
            wrong += several.errors
    if wrong and not keep_errors:
        raise SpecErrors(wrong)
    changed.errors += wrong
    return changed


def _override(changed: Source, text: str) -> None:
    """Write the value of one ``--set``."""
    changed.raw, keys, value = override_keys(changed, text)
    changed.raw = _replace(changed.raw, keys, value)
    for known in [place for place in changed.places if place[: len(keys)] == keys]:
        changed.places[known] = f"--set {text}"
    changed.places[keys] = changed.key_places[keys] = f"--set {text}"


def override_keys(source: Source, text: str) -> tuple[Any, tuple[str | int, ...], Any]:
    """Return the plain values in which ``path=value`` can be written, the keys that lead to its
    place, and the value.

    The plain values differ from the source's where a path goes on into ``topology: two_host``,
    which they have as a mapping. Raises ``SpecErrors``.
    """
    path, value = parse_override(text)
    raw = _expanded_topology(source.raw, path)
    return raw, _resolve(raw, path, text), value


def _expanded_topology(raw: Any, path: list[str | int]) -> Any:
    """Return ``topology: two_host`` written out as a mapping when the path goes on into it."""
    if (
        len(path) > 1
        and path[0] == "topology"
        and isinstance(raw, dict)
        and isinstance(raw.get("topology"), str)
    ):
        return {**raw, "topology": {"name": raw["topology"]}}
    return raw


def keys_at(source: Source, path: str) -> tuple[str | int, ...]:
    """Return the keys that a path such as ``actions[up].at`` leads to in a spec.

    Raises ``SpecErrors`` where it cannot lead anywhere.
    """
    return override_keys(source, f"{path}=0")[1]


def apply_overrides(raw: Any, overrides: Iterable[str]) -> Any:
    """Return a copy of the plain values ``raw`` with each ``path=value`` in it.

    Raises ``SpecErrors``.
    """
    return override_source(Source(raw=copy.deepcopy(raw)), overrides).raw


def parse_override(text: str) -> tuple[list[str | int], Any]:
    """Return path and value of ``path=value``; the value is read as YAML."""
    path, equals, value = text.partition("=")
    # a value may hold '=', a path does not
    if not equals or not path.strip():
        raise _error(text, f"'{text[:60]}' is not path=value", _HINT)
    keys: list[str | int] = []
    position = 0
    path = path.strip()
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise _error(text, f"'{path[position:][:40]}' is not a step of a path", _HINT)
        name, index, word, quoted = match.groups()
        keys.append(int(index) if index is not None else name or word or quoted)
        position = match.end()
    if not value.strip():
        raise _error(text, f"'{path[:40]}' gets no value", _HINT)
    return keys, parse_yaml(value, "--set").raw


def _resolve(raw: Any, path: list[str | int], text: str) -> tuple[str | int, ...]:
    """Return the path with dotted keys joined and ids of actions turned into their numbers."""
    keys: list[str | int] = []
    value = raw
    for number, step in enumerate(path):
        last = number == len(path) - 1
        where = _words(keys) or "the spec"
        if isinstance(value, list):
            index = _index(value, step)
            if index is None:
                cause = f"{where} has {len(value)} entries, no '{step}'"
                raise _error(
                    text, cause, f"entries count from [0] to [{len(value) - 1}]" if value else _HINT
                )
            keys.append(index)
            value = value[index]
        elif isinstance(value, dict):
            if keys and keys[-1] in _DOTTED:
                keys.append(".".join(str(key) for key in path[number:]))
                return tuple(keys)
            if (
                not last
                and step not in value
                and len(path) - number > 2
                and path[0] not in _BY_NAME
            ):
                raise _error(
                    text,
                    f"{where} has no '{step}'",
                    suggest(str(step), [str(key) for key in value]) or _HINT,
                )
            keys.append(str(step))
            value = value.get(str(step), {})
        else:
            raise _error(text, f"{where} is a single value; there is nothing '{step}' in it", _HINT)
    return tuple(keys)


def _index(values: list[Any], step: str | int) -> int | None:
    if isinstance(step, int):
        return step if 0 <= step < len(values) else None
    return next(
        (
            at
            for at, value in enumerate(values)
            if isinstance(value, dict) and value.get("id") == step
        ),
        None,
    )


def _replace(raw: Any, keys: tuple[str | int, ...], value: Any) -> Any:
    """Return ``raw`` with ``value`` at ``keys``.

    What lies on the way is copied, never changed in place.
    """
    if not keys:
        return value
    if isinstance(raw, list):
        changed: Any = list(raw)
        changed[keys[0]] = _replace(raw[keys[0]], keys[1:], value)  # type: ignore[index]
        return changed
    changed = dict(raw) if isinstance(raw, dict) else {}
    changed[keys[0]] = _replace(changed.get(keys[0], {}), keys[1:], value)
    return changed


def _words(keys: list[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _error(text: str, message: str, hint: str | None) -> SpecErrors:
    return SpecErrors([SpecError(message, where=f"--set {text[:80]}", hint=hint)])
