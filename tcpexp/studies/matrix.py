"""The matrix of a study: every combination of the parameters' values that meets the conditions, in
a fixed order.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.spec.expressions import number_of, parse_expression, parse_template
from tcpexp.spec.sweep import MAX_RUNS
from tcpexp.units import QuantityError

if TYPE_CHECKING:
    from tcpexp.spec.model import ExperimentSpec
    from tcpexp.spec.sweep import SweepSpec


@dataclass(frozen=True)
class Cell:
    """One combination: its number from 0 on, its values as written, as numbers in base units (words
    stay words), and what it sets.
    """

    number: int
    written: dict[str, Any]
    values: dict[str, float | str]
    overrides: tuple[str, ...]
    #: The parameter that each override comes from; None for those of the quick form.
    origins: tuple[str | None, ...] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        """The combination in words: ``loss=1%, rtt=20ms``."""
        return ", ".join(f"{name}={value}" for name, value in self.written.items())

    def origin_of(self, path: str) -> str | None:
        """Return the parameter that sets the spec's value at ``path``, None when none does."""
        pairs = zip(self.overrides, self.origins, strict=True)
        return next((name for text, name in pairs if text.startswith(f"{path}=")), None)


def expand_cells(spec: ExperimentSpec, quick: bool = False) -> list[Cell]:
    """Return all combinations that meet the conditions; the last parameter varies fastest.

    Raises ``SpecErrors``.
    """
    sweep = _sweep_of(spec, quick)
    cells: list[Cell] = []
    base, origins = _quick_overrides(sweep, quick)
    try:
        conditions = [parse_expression(text) for text in sweep.where]
        for written in _combinations(sweep, quick):
            values = _dependent(sweep, written)
            if all(_met(condition.value(values)) for condition in conditions):
                overrides, sources = _overrides(sweep, written, values)
                cells.append(
                    Cell(len(cells), written, values, (*base, *overrides), (*origins, *sources))
                )
            if len(cells) * sweep.repeats(quick) > MAX_RUNS:
                hint = "fewer values, or a condition under where:"
                raise SpecErrors(
                    [
                        SpecError(
                            f"the sweep has more than {MAX_RUNS} runs",
                            where=spec.place("sweep"),
                            hint=hint,
                        )
                    ]
                )
    except QuantityError as error:
        raise SpecErrors(
            [SpecError(error.message, where=spec.place("sweep"), hint=error.hint)]
        ) from None
    if not cells:
        raise SpecErrors(
            [
                SpecError(
                    "no combination meets the conditions",
                    where=spec.place("sweep", "where"),
                    hint="tcpexp sweep needs at least one",
                )
            ]
        )
    return cells


def _sweep_of(spec: ExperimentSpec, quick: bool) -> SweepSpec:
    if spec.sweep is None:
        hint = "add sweep: with parameters (docs/guides/sweeps.md), or run it once: tcpexp run"
        raise SpecErrors([SpecError("this spec has no sweep:", where=spec.place(), hint=hint)])
    if quick and spec.sweep.quick is None:
        hint = "add quick: with fewer values, or leave --quick out"
        raise SpecErrors(
            [
                SpecError(
                    "this sweep has no quick form", where=spec.place("sweep", key=True), hint=hint
                )
            ]
        )
    return spec.sweep


def _combinations(sweep: SweepSpec, quick: bool) -> Iterator[dict[str, Any]]:
    """Yield the values as written.

    Zipped parameters go together, at the place of the first of them.
    """
    groups: list[list[dict[str, Any]]] = []
    done: set[str] = set()
    for name, parameter in sweep.parameters.items():
        if name in done or parameter.is_ is not None:
            continue
        names = next((group for group in sweep.zip if name in group), (name,))
        done.update(names)
        rows = zip(*(sweep.values_of(name, quick) for name in names), strict=True)
        groups.append([dict(zip(names, row, strict=True)) for row in rows])
    for choice in itertools.product(*groups):
        flat = {name: value for part in choice for name, value in part.items()}
        yield {name: flat[name] for name in sweep.parameters if name in flat}


def _dependent(sweep: SweepSpec, written: dict[str, Any]) -> dict[str, float | str]:
    """Return all parameters as numbers or words.

    Adds to ``written`` those that follow from the others.
    """
    values: dict[str, float | str] = {}
    for name, parameter in sweep.parameters.items():
        expression = parameter.expression()
        if expression is not None:
            result = expression.value(values)
            written[name] = (
                int(result) if isinstance(result, float) and result.is_integer() else result
            )
        number = number_of(written[name])
        values[name] = str(written[name]) if number is None else number
    return values


def _met(value: Any) -> bool:
    if not isinstance(value, bool):
        raise QuantityError(
            f"a condition is true or false, not '{value}'", "compare with <, <=, >, >=, == or !="
        )
    return value


def _overrides(
    sweep: SweepSpec, written: dict[str, Any], values: dict[str, float | str]
) -> tuple[list[str], list[str]]:
    texts, names = [], []
    for name, parameter in sweep.parameters.items():
        if isinstance(parameter.set, dict):
            settings = {
                path: parse_template(text).value(values) for path, text in parameter.set.items()
            }
        else:
            settings = {path: written[name] for path in parameter.set}
        texts += [override_text(path, value) for path, value in settings.items()]
        names += [name] * len(settings)
    return texts, names


def _quick_overrides(sweep: SweepSpec, quick: bool) -> tuple[list[str], list[None]]:
    texts = [
        override_text(path, value)
        for path, value in (sweep.quick.set if quick and sweep.quick else {}).items()
    ]
    return texts, [None] * len(texts)


def override_text(path: str, value: Any) -> str:
    """Return what ``--set`` would be given: a value that YAML reads back as it is."""
    return f"{path}={json.dumps(value, ensure_ascii=False)}"
