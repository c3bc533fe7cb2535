"""Comparators: ``equals`` (with ``tolerance``), ``at_least``, ``at_most``, ``above`` and ``below``,
for any quantity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from tcpexp.checks.base import Check
from tcpexp.units import Duration, QuantityError, parse_size
from tcpexp.views.timerwheel import JIFFY_NS, wheel_step_ns
from tcpexp.words.measured import fraction_words, number_words, time_words

Value = TypeVar("Value")


@dataclass(frozen=True)
class Percent:
    """A part of another quantity: ``fraction`` 0.03 is three percent of it."""

    fraction: float

    def __str__(self) -> str:
        return fraction_words(self.fraction)


def parse_percent(text: Any) -> Percent:
    """Return what ``3%`` means; more than 100 % is allowed. Raises ``QuantityError``."""
    if isinstance(text, Percent):
        return text
    try:
        if isinstance(text, str) and text.strip().endswith("%"):
            value = float(text.strip()[:-1])
            if 0 <= value <= 1e6:
                return Percent(value / 100)
    except ValueError:
        pass
    raise QuantityError(f"'{text}' is not a percentage", "write 3%, or a quantity with its unit")


def parse_bytes(value: Any) -> int:
    """Return bytes of a whole number or of a size with its unit. Raises ``QuantityError``."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return parse_size(value)


def parse_number(value: Any) -> float:
    """Return a bare number as a float, which tells it from durations (int).

    Raises ``QuantityError``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise QuantityError(f"'{value}' is not a number", "write it without a unit")
    return float(value)


Percentage = Annotated[
    Percent,
    BeforeValidator(parse_percent),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9.]+\s*%$", "examples": ["3%"]}),
]
#: bytes
Bytes = Annotated[
    int,
    BeforeValidator(parse_bytes),
    WithJsonSchema(
        {"type": ["string", "integer"], "description": "bytes", "examples": [0, "64kB"]}
    ),
]
#: a whole number from 0 on
Count = Annotated[int, Field(ge=0, strict=True)]
#: float
Number = Annotated[float, BeforeValidator(parse_number), WithJsonSchema({"type": "number"})]
#: a percentage of the expected duration, or a duration
Margin = Annotated[Percentage | Duration, Field(union_mode="left_to_right")]


def margin_ns(margin: Percent | int, of_ns: int) -> int:
    """Return how many ns ``margin`` allows on a duration of ``of_ns``."""
    return round(margin.fraction * of_ns) if isinstance(margin, Percent) else margin


def late_ns(margin: Percent | int | None, of_ns: int) -> int:
    """Return how many ns a timer of ``of_ns`` may be late.

    Without a margin 3 %, or a step of the timer wheel if that is more.
    """
    return (
        max(round(0.03 * of_ns), wheel_step_ns(of_ns) + JIFFY_NS)
        if margin is None
        else margin_ns(margin, of_ns)
    )


def late_words(margin: Percent | int | None) -> str:
    """Return the margin in words."""
    if margin is None:
        return "3 % or a step of Linux's timer wheel"
    return str(margin) if isinstance(margin, Percent) else time_words(margin)


class Compared(Check, Generic[Value]):
    """A check that compares one measured value; every comparator that is given must hold."""

    equals: Value | None = Field(
        default=None, description="the value, exactly or within `tolerance`"
    )
    tolerance: Annotated[Percentage | Value | None, Field(union_mode="left_to_right")] = Field(
        default=None,
        description="how far `equals` may be missed: a percentage of it, or a quantity",
    )
    at_least: Value | None = Field(default=None, description="the smallest value that passes")
    at_most: Value | None = Field(default=None, description="the largest value that passes")
    above: Value | None = Field(default=None, description="the value must be larger")
    below: Value | None = Field(default=None, description="the value must be smaller")

    @model_validator(mode="after")
    def _comparators_make_sense(self) -> Self:
        if self.tolerance is not None and self.equals is None:
            raise QuantityError("tolerance: belongs to equals:", "write equals: as well")
        low, high = self.at_least, self.at_most
        if low is not None and high is not None and _number(low) > _number(high):
            raise QuantityError(
                "at_least: is larger than at_most:, so nothing can pass", "exchange them"
            )
        if self.needs_comparator() and not self.has_comparator():
            raise QuantityError(
                "this check asks nothing", "add equals:, at_least:, at_most:, above: or below:"
            )
        return self

    def needs_comparator(self) -> bool:
        """Whether this check asks nothing without a comparator.

        A subclass with other questions says when not.
        """
        return True

    def has_comparator(self) -> bool:
        """Whether any comparator is given."""
        return any(
            limit is not None
            for limit in (self.equals, self.at_least, self.at_most, self.above, self.below)
        )

    def words(self, value: float) -> str:
        """Return a value of this check in words, with its unit."""
        return number_words(value)

    def comparison(self) -> str:
        """Return all comparators in words: ``at least 0.5 and below 0.9``."""
        parts = []
        if self.equals is not None:
            parts.append(self.words(_number(self.equals)) + self._tolerance_words())
        for word, limit in (
            ("at least", self.at_least),
            ("at most", self.at_most),
            ("above", self.above),
            ("below", self.below),
        ):
            if limit is not None:
                parts.append(f"{word} {self.words(_number(limit))}")
        return " and ".join(parts)

    def asked(self) -> str:
        """Return what is asked in words."""
        return self.comparison()

    def holds(self, value: float) -> bool:
        """Whether every comparator holds for ``value``, in the unit of the fields."""
        slack = self._tolerance()
        return (
            (self.equals is None or abs(value - _number(self.equals)) <= slack)
            and (self.at_least is None or value >= _number(self.at_least))
            and (self.at_most is None or value <= _number(self.at_most))
            and (self.above is None or value > _number(self.above))
            and (self.below is None or value < _number(self.below))
        )

    def _tolerance(self) -> float:
        if self.tolerance is None:
            return 0.0
        if isinstance(self.tolerance, Percent):
            return self.tolerance.fraction * abs(_number(self.equals))
        return _number(self.tolerance)

    def _tolerance_words(self) -> str:
        if self.tolerance is None:
            return ""
        if isinstance(self.tolerance, Percent):
            return f" ± {self.tolerance}"
        return f" ± {self.words(_number(self.tolerance))}"


def _number(value: Any) -> float:
    """Return a comparator's value as the number that it is.

    Every unit here is an int or a float.
    """
    return value  # type: ignore[no-any-return]


def require_kind(check: Compared[float], kind: type, what: str) -> None:
    """Raise unless every comparator is of ``kind``: int for durations, float for plain numbers and
    fractions.
    """
    for name in ("equals", "tolerance", "at_least", "at_most", "above", "below"):
        value = getattr(check, name)
        if value is not None and not isinstance(value, (kind, Percent)):
            right = (
                "a duration, such as 20ms"
                if kind is int
                else "a number or a percentage without a unit of time"
            )
            raise QuantityError(f"{name}: of '{what}' has the wrong unit", f"write {right}")
