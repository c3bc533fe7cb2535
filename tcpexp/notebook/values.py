"""``set=`` of Python: values by path, as the ``path=value`` texts that a spec's overrides are."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tcpexp.errors import Position, SpecError, SpecErrors
from tcpexp.spec.dump import flow_text

#: What a spec that is no file is called in messages.
IN_MEMORY = "<spec>"
#: What ``set=`` takes: values by path, one ``path=value``, or several.
Settings = Mapping[str, Any] | str | Iterable[str]
#: A key that a path can hold as it is.
_WORD = re.compile(r"[^.\[\]\"'=\s]+")


def override_texts(settings: Settings | None) -> tuple[str, ...]:
    """Return ``path=value`` for each setting; values of a mapping are written as YAML has them.

    Raises ``SpecError`` for a value that a spec cannot hold.
    """
    if settings is None:
        return ()
    if isinstance(settings, str):
        return (settings,)
    if isinstance(settings, Mapping):
        return tuple(f"{path}={value_text(value)}" for path, value in settings.items())
    texts = tuple(settings)
    for text in texts:
        if not isinstance(text, str):
            raise SpecError(
                f"set= takes texts such as links.h1-h2.rate=20mbit, not {text!r}",
                hint="or a dict: set={'links.h1-h2.rate': '20mbit'}",
            )
    return texts


def value_text(value: Any) -> str:
    """Return a value as it stands behind ``path=``: a text that YAML reads as that very value."""
    return flow_text(value)


def path_text(keys: Iterable[str | int]) -> str:
    """Return keys as a path: ``links.h1-h2.rate``, ``actions[1].at``."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _WORD.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f'["{key}"]'
    return text


def in_words_of_python(errors: SpecErrors) -> SpecErrors:
    """Return errors whose places are those of Python: ``set links.h1-h2.rate=fast`` for an
    override, and for a spec that is no file the value's path instead of a line.
    """
    return SpecErrors([_placed(error) for error in errors.errors])


def _placed(error: SpecError) -> SpecError:
    where = error.where
    if isinstance(where, Position):
        if where.file == IN_MEMORY:
            where = (path_text(where.path) if where.path else "") or f"line {where.line}"
    elif where is not None:
        where = str(where).replace("--set ", "set ", 1)
    hint = None if error.hint is None else error.hint.replace("--set ", "set ")
    return SpecError(error.message, where=where, hint=hint, instead=error.instead)


def plain(value: Any) -> Any:
    """Return lists and dicts for whatever sequences, mappings and dataclasses a value is made
    of.
    """
    if hasattr(value, "plain") and callable(value.plain):
        return value.plain()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
