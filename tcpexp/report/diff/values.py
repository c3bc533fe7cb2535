"""Two nested values to the list of paths at which they differ, and by how much numbers changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

Kind = Literal["changed", "added", "removed"]

#: Stands for a value that one side lacks.
ABSENT: Any = None


@dataclass(frozen=True)
class Difference:
    """One path at which two values differ.

    ``path`` is written as ``--set`` takes it (``links.h1-h2.queue``, ``actions[1].at``). ``before``
    and ``after`` are JSON values, None on the side that lacks it (``kind`` says which). ``change``
    is (after - before) / before of two numbers, None where there is none.
    """

    path: str
    kind: Kind
    before: Any
    after: Any

    @property
    def change(self) -> float | None:
        """The relative change of a number, None for anything else and for a change from 0."""
        if not (_is_number(self.before) and _is_number(self.after)) or self.before == 0:
            return None
        return float((self.after - self.before) / abs(self.before))

    def exceeds(self, threshold: float) -> bool:
        """Whether it is more than a number's change by at most ``threshold``, a fraction."""
        return self.change is None or abs(self.change) > threshold


def differences(before: Any, after: Any, path: str = "") -> list[Difference]:
    """Return where two JSON values differ, in the order of ``before``.

    Mappings are compared key by key. Lists are aligned first (equal items stay together), so an
    item that was put in between is one difference and not one for every item behind it; a changed
    item is compared with the one in its place, under the old index.
    """
    return list(_walk(before, after, path))


def _walk(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            below = _join(path, key)
            if key not in after:
                yield Difference(below, "removed", before[key], ABSENT)
            elif key not in before:
                yield Difference(below, "added", ABSENT, after[key])
            else:
                yield from _walk(before[key], after[key], below)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _walk_lists(before, after, path)
    elif before != after or _is_number(before) != _is_number(after):
        yield Difference(path, "changed", before, after)


def _walk_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Difference]:
    if len(before) == len(after):
        for index, (pair, other) in enumerate(zip(before, after, strict=True)):
            yield from _walk(pair, other, f"{path}[{index}]")
        return
    texts = [
        [json.dumps(item, sort_keys=True, default=str) for item in items]
        for items in (before, after)
    ]
    matcher = SequenceMatcher(None, texts[0], texts[1], autojunk=False)
    for _, a0, a1, b0, b1 in (block for block in matcher.get_opcodes() if block[0] != "equal"):
        paired = min(a1 - a0, b1 - b0)
        for offset in range(paired):
            yield from _walk(before[a0 + offset], after[b0 + offset], f"{path}[{a0 + offset}]")
        for index in range(a0 + paired, a1):
            yield Difference(f"{path}[{index}]", "removed", before[index], ABSENT)
        for index in range(b0 + paired, b1):
            yield Difference(f"{path}[{index}]", "added", ABSENT, after[index])


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def value_words(value: Any, longest: int = 120) -> str:
    """Return a value on one line: texts as they are, numbers with at most six digits that matter,
    the rest as JSON; cut at ``longest``.
    """
    if value is None:
        return "–"
    if isinstance(value, str):
        text = " ".join(value.split())
    elif isinstance(value, float):
        text = f"{value:.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    elif isinstance(value, int) and not isinstance(value, bool):
        text = f"{value:,}"
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
