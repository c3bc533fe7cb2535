"""``SweepSpec``: which parameters of an experiment vary, how, and what of all the runs is measured,
drawn and expected (docs/guides/sweeps.md).
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tcpexp.registry import suggest
from tcpexp.spec.expressions import (
    FUNCTIONS,
    Expression,
    number_of,
    parse_expression,
    parse_template,
)
from tcpexp.spec.placed import PlacedError
from tcpexp.spec.study import ExpectationEntry, FigureEntry, Measure, find_table
from tcpexp.units import QuantityError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
#: Words that the study's tables use for columns of their own.
TAKEN = (
    "cell",
    "repeat",
    "seed",
    "run",
    "status",
    "certificate",
    "metric",
    "value",
    "checks_passed",
    "checks_failed",
    "key",
)
#: More runs than this are refused: a misplaced zero, most likely.
MAX_RUNS = 1_000_000
_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(\S*)\s*")

Scalar = str | int | float | bool


def _expand_one(value: Any) -> Any:
    return (
        [value] if isinstance(value, (str, int, float)) and not isinstance(value, bool) else value
    )


class Range(BaseModel):
    """Values at equal distances, or at equal ratios with ``scale: log``; both ends belong to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    from_: str | int | float = Field(alias="from", description="the first value, such as 1mbit")
    to: str | int | float = Field(description="the last value, in the same unit")
    steps: int = Field(ge=2, le=10_000, description="how many values, both ends counted")
    scale: Literal["linear", "log"] = Field(
        default="linear", description="equal distances (`linear`) or equal ratios (`log`)"
    )
    digits: int = Field(
        default=3,
        ge=1,
        le=12,
        description="significant digits to which the values in between are rounded",
    )

    @model_validator(mode="after")
    def _ends_fit(self) -> Self:
        (first, unit), (last, other) = _split(self.from_), _split(self.to)
        if unit != other:
            raise QuantityError(
                f"the ends '{self.from_}' and '{self.to}' have different units",
                "write both in one unit",
            )
        if first == last:
            raise QuantityError(
                f"both ends of the range are '{self.from_}'",
                "write values: [...] for a single value",
            )
        if self.scale == "log" and (first <= 0 or last <= 0):
            raise QuantityError(
                "a logarithmic range cannot reach zero or below",
                "write a positive end, or scale: linear",
            )
        return self

    def list(self) -> tuple[Scalar, ...]:
        """Return the values, with their unit, in order."""
        (first, unit), (last, _) = _split(self.from_), _split(self.to)
        found: list[Scalar] = [self.from_]
        for index in range(1, self.steps - 1):
            share = index / (self.steps - 1)
            value = (
                first * (last / first) ** share
                if self.scale == "log"
                else first + (last - first) * share
            )
            number = format(Decimal(format(value, f".{self.digits}g")), "f")
            found.append(
                f"{number}{unit}" if unit else (int(number) if "." not in number else float(number))
            )
        return (*found, self.to)


def _split(text: str | int | float) -> tuple[float, str]:
    """Return number and unit of one end of a range."""
    match = _NUMBER.fullmatch(str(text))
    if (
        match is None
        or (match[2] and number_of(f"{match[1]}{match[2]}") is None)
        or not math.isfinite(float(match[1]))
    ):
        raise QuantityError(
            f"'{text}' is not a quantity",
            "write a number with its unit, such as 10mbit, 20ms or 1%",
        )
    return float(match[1]), match[2]


class Values(BaseModel):
    """The values of a parameter: a list, or a range."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    values: tuple[Scalar, ...] | None = Field(
        default=None, min_length=1, description="a list of values, as the spec would have them"
    )
    range: Range | None = Field(
        default=None,
        description=(
            "values from one end to the other: {from: 1mbit, to: 100mbit, steps: 5, scale: log}"
        ),
    )

    @field_validator("values", mode="before")
    @classmethod
    def _expand_values(cls, raw: Any) -> Any:
        return _expand_one(raw)

    def list(self) -> tuple[Scalar, ...]:
        """Return the values in order; empty where neither is given."""
        return self.range.list() if self.range is not None else self.values or ()


def _as_values(raw: Any) -> Any:
    return (
        {"values": raw}
        if isinstance(raw, (list, str, int, float)) and not isinstance(raw, bool)
        else raw
    )


def _checked_templates(value: Any) -> Any:
    """Return ``set:`` as it is.

    Raises ``PlacedError`` at a text whose expression cannot be read.
    """
    for path, text in value.items() if isinstance(value, dict) else ():
        try:
            parse_template(text)
        except QuantityError as error:
            raise PlacedError(error.message, error.hint, (path,)) from None
    return value


def _template_names(paths: dict[str, str] | tuple[str, ...]) -> frozenset[str]:
    """Return the names that the texts of ``set:`` use."""
    return (
        frozenset().union(*(parse_template(text).names for text in paths.values()))
        if isinstance(paths, dict)
        else frozenset()
    )


class Parameter(Values):
    """One parameter of the sweep: its values, and which values of the spec it sets."""

    set: Annotated[dict[str, str] | tuple[str, ...], BeforeValidator(_expand_one)] = Field(
        default=(),
        description=(
            "the paths of `--set` that take the value: one, a list, or a mapping of paths to texts"
            " with expressions in braces, such as {links.h1-h2.delay: '{rtt / 2}s'}"
        ),
    )
    is_: str | int | float | None = Field(
        default=None,
        alias="is",
        description="instead of values: an expression of parameters above, such as rate * rtt / 8",
    )
    label: str = Field(
        default="", description="words for axes and tables, such as Loss probability"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [
            name
            for name, value in (("values", self.values), ("range", self.range), ("is", self.is_))
            if value is not None
        ]
        if len(given) != 1:
            words = f"it has {' and '.join(given)}" if given else "it has none"
            raise QuantityError(
                f"a parameter has values, a range or is: an expression; {words}",
                "keep one of the three",
            )
        return self

    @field_validator("is_")
    @classmethod
    def _check_expression(cls, value: Any) -> Any:
        if value is not None:
            parse_expression(value)
        return value

    @field_validator("set")
    @classmethod
    def _check_templates(cls, value: Any) -> Any:
        return _checked_templates(value)

    def expression(self) -> Expression | None:
        """Return the expression of ``is``."""
        return None if self.is_ is None else parse_expression(self.is_)

    def names(self) -> frozenset[str]:
        """Return the parameters that its expressions use."""
        own = self.expression()
        found: frozenset[str] = own.names if own is not None else frozenset()
        return found | _template_names(self.set)


class Vary(BaseModel):
    """A value that every repetition draws anew between two ends: what the result should not hang
    on, such as the moment at which a flow starts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    from_: str | int | float = Field(alias="from", description="the least value, such as 0ms")
    to: str | int | float = Field(description="the largest value, in the same unit")
    set: Annotated[dict[str, str] | tuple[str, ...], BeforeValidator(_expand_one)] = Field(
        description=(
            "the paths of `--set` that take the value, as for a parameter: one, a list, or a"
            " mapping of paths to texts with expressions in braces"
        )
    )
    label: str = Field(default="", description="words for tables, such as Start of the second flow")

    @model_validator(mode="after")
    def _ends_fit(self) -> Self:
        (first, unit), (last, other) = _split(self.from_), _split(self.to)
        if unit != other:
            raise QuantityError(
                f"the ends '{self.from_}' and '{self.to}' have different units",
                "write both in one unit",
            )
        if first >= last:
            raise QuantityError(
                f"'{self.from_}' is not below '{self.to}'",
                "write the least value under from: and the largest under to:",
            )
        return self

    @field_validator("set")
    @classmethod
    def _check_templates(cls, value: Any) -> Any:
        return _checked_templates(value)

    def names(self) -> frozenset[str]:
        """Return the parameters that its expressions use."""
        return _template_names(self.set)

    def between(self, share: float) -> str:
        """Return the value at ``share`` (0 to 1) of the way, with its unit, to six significant
        digits.
        """
        (first, unit), (last, _) = _split(self.from_), _split(self.to)
        return f"{format(Decimal(format(first + (last - first) * share, '.6g')), 'f')}{unit}"


class QuickForm(BaseModel):
    """The study in minutes: fewer values, fewer repetitions, shorter runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    parameters: dict[str, Annotated[Values, BeforeValidator(_as_values)]] = Field(
        default_factory=dict, description="other values, by parameter"
    )
    repeat: int | None = Field(
        default=None, ge=1, le=10_000, description="other number of repetitions"
    )
    set: dict[str, Any] = Field(
        default_factory=dict, description="other values of the spec, by path, such as duration: 20s"
    )


class SweepSpec(BaseModel):
    """What varies from run to run, and what is to be learned from all the runs together."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    parameters: dict[str, Parameter] = Field(
        min_length=1, description="what varies, by a short name; every combination of values is run"
    )
    zip: tuple[tuple[str, ...], ...] = Field(
        default=(),
        description="parameters that go together, first value with first value: [[rate, queue]]",
    )
    where: tuple[str, ...] = Field(
        default=(),
        description="conditions, all of which a combination must meet, such as rate * rtt < 10mbit",
    )
    repeat: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="runs of each combination, with the spec's seed and those after it",
    )
    vary: dict[str, Vary] = Field(
        default_factory=dict,
        description=(
            "values that each repetition draws anew, by a short name; all combinations draw the"
            " same ones"
        ),
    )
    quick: QuickForm | None = Field(default=None, description="the form of `tcpexp sweep --quick`")
    keep: Literal["metrics", "tables", "runs"] = Field(
        default="tables",
        description=(
            "what stays of each run: its metrics, its tables too, or the whole run with captures,"
            " figures and report"
        ),
    )
    series: tuple[str, ...] = Field(
        default=(),
        description="tables of the runs that become time series of the study, such as throughput",
    )
    measures: dict[str, Measure] = Field(
        default_factory=dict, description="what is measured in each run, by a short name"
    )
    figures: tuple[FigureEntry, ...] = Field(default=(), description="the study's figures")
    expect: tuple[ExpectationEntry, ...] = Field(
        default=(), description="what should be seen in all the runs together"
    )

    @field_validator("where", mode="before")
    @classmethod
    def _expand_where(cls, raw: Any) -> Any:
        return [raw] if isinstance(raw, str) else raw

    @field_validator("series")
    @classmethod
    def _check_series(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for index, name in enumerate(value):
            try:
                find_table(name, info)
            except QuantityError as error:
                raise PlacedError(error.message, error.hint, (index,)) from None
        return value

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        self._check_parameters()
        self._check_zip()
        self._check_conditions()
        self._check_quick()
        self._check_vary()
        for name in self.measures:
            _check_name(name, ("measures", name), (*self.parameters, *self.vary))
        known = [*self.parameters, *self.measures]
        for index, (name, measure) in enumerate(self.measures.items()):
            for used in sorted(measure.names()):
                if used not in [*self.parameters, *self.vary, *list(self.measures)[:index]]:
                    hint = suggest(used, known) or f"known: {', '.join(known)}"
                    raise PlacedError(
                        f"'{used}' is no parameter and no measure above", hint, ("measures", name)
                    )
        entries: list[tuple[str, int, FigureEntry | ExpectationEntry]] = [
            ("figures", *numbered) for numbered in enumerate(self.figures)
        ]
        entries += [("expect", *numbered) for numbered in enumerate(self.expect)]
        for key, index, entry in entries:
            for used in sorted(entry.chosen().names()):
                if used not in known:
                    raise PlacedError(
                        f"there is no parameter or measure '{used}'",
                        suggest(used, known) or f"known: {', '.join(known)}",
                        (key, index),
                    )
        return self

    def _check_parameters(self) -> None:
        above: list[str] = []
        for name, parameter in self.parameters.items():
            _check_name(name, ("parameters", name), ())
            for used in sorted(parameter.names()):
                if (
                    used not in above
                    and not (used == name and parameter.is_ is None)
                    and not (used == name and isinstance(parameter.set, dict))
                ):
                    hint = suggest(used, above) or (
                        f"above it stand {', '.join(above)}"
                        if above
                        else "write the parameters that it uses above it"
                    )
                    raise PlacedError(
                        f"'{used}' is no parameter above '{name}'", hint, ("parameters", name)
                    )
            above.append(name)

    def _check_zip(self) -> None:
        seen: dict[str, int] = {}
        for index, group in enumerate(self.zip):
            for name in group:
                if name not in self.parameters or self.parameters[name].is_ is not None:
                    raise PlacedError(
                        f"'{name}' is no parameter with values",
                        suggest(name, list(self.parameters)) or "zip takes parameters",
                        ("zip", index),
                    )
                if name in seen:
                    raise PlacedError(f"'{name}' is zipped twice", "keep one", ("zip", index))
                seen[name] = index
            for quick in (False, True):
                counts = {name: len(self.values_of(name, quick)) for name in group}
                if len(set(counts.values())) > 1:
                    words = ", ".join(f"{name} has {count}" for name, count in counts.items())
                    form = " in the quick form" if quick and self.quick is not None else ""
                    raise PlacedError(
                        f"zipped parameters have equally many values; here {words}{form}",
                        "add or remove values",
                        ("zip", index),
                    )

    def _check_conditions(self) -> None:
        for index, text in enumerate(self.where):
            try:
                names = parse_expression(text).names
            except QuantityError as error:
                raise PlacedError(error.message, error.hint, ("where", index)) from None
            for used in sorted(names - set(self.parameters)):
                hint = (
                    suggest(used, list(self.parameters)) or f"known: {', '.join(self.parameters)}"
                )
                raise PlacedError(f"there is no parameter '{used}'", hint, ("where", index))

    def _check_quick(self) -> None:
        for name, values in (self.quick.parameters if self.quick else {}).items():
            if name not in self.parameters or self.parameters[name].is_ is not None:
                hint = (
                    suggest(name, list(self.parameters)) or f"known: {', '.join(self.parameters)}"
                )
                raise PlacedError(
                    f"'{name}' is no parameter with values",
                    hint,
                    ("quick", "parameters", name),
                    key=True,
                )
            if not values.list():
                raise PlacedError(
                    f"'{name}' has no value",
                    "write a list or a range",
                    ("quick", "parameters", name),
                )

    def _check_vary(self) -> None:
        for name, values in self.vary.items():
            _check_name(name, ("vary", name), self.parameters)
            for used in sorted(values.names() - {name, *self.parameters}):
                hint = (
                    suggest(used, list(self.parameters))
                    or f"known: {name}, {', '.join(self.parameters)}"
                )
                raise PlacedError(f"there is no parameter '{used}'", hint, ("vary", name))

    def values_of(self, name: str, quick: bool) -> tuple[Scalar, ...]:
        """Return the values of a parameter as written, in the quick form or in the full one."""
        if quick and self.quick is not None and name in self.quick.parameters:
            return self.quick.parameters[name].list()
        return self.parameters[name].list()

    def repeats(self, quick: bool) -> int:
        """Return how often each combination is run."""
        return (self.quick.repeat if quick and self.quick is not None else None) or self.repeat


def _check_name(name: str, path: tuple[str | int, ...], others: Any) -> None:
    if not _NAME.fullmatch(name):
        raise PlacedError(
            f"'{name}' cannot name a column",
            "start with a letter; letters, digits and _ only, at most 32",
            path,
            key=True,
        )
    if (
        name in TAKEN
        or name in FUNCTIONS
        or name in ("and", "or", "not", "if", "else", "in", "is", "True", "False", "None")
    ):
        raise PlacedError(
            f"the name '{name}' is taken",
            "the study's tables or expressions use it; choose another",
            path,
            key=True,
        )
    if name in others:
        raise PlacedError(f"'{name}' is a parameter already", "choose another name", path, key=True)
