"""Quantities with units: text such as ``10mbit``, ``20ms``, ``64kB`` or ``1%`` to exact numbers and
back.

A number without its unit is refused, because nobody can know what was meant. The annotated types at
the end are what pydantic models use for their fields; each takes the text form only and yields the
number named in its comment.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_NUMBER = re.compile(r"([+-]?(?:\d{1,18}(?:\.\d{0,40})?|\.\d{1,40}))\s?(.*)", re.DOTALL)

_RATE_BPS = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9, "tbit": 10**12}
_DURATION_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
}
_SIZE_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_LARGEST = 2**62  # every quantity fits a signed 64-bit integer with room to add two of them


class QuantityError(ValueError):
    """A text that is not the quantity it should be; ``hint`` says what would be right."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} ({hint})")
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class QueueLimit:
    """How much a queue holds: ``amount`` packets, bytes, bandwidth-delay products or nanoseconds of
    the link's rate.
    """

    kind: Literal["packets", "bytes", "bdp", "time"]
    amount: Decimal

    def __str__(self) -> str:
        if self.kind == "packets":
            return f"{self.amount}p"
        if self.kind == "bytes":
            return format_size(int(self.amount))
        if self.kind == "time":
            return format_duration(int(self.amount))
        return f"{_plain(self.amount)}bdp"


# ------------------------------------------------------------------------------------------------
# parsing


def parse_rate(text: Any) -> int:
    """Return bit/s of a text such as ``10mbit``, ``1gbit`` or ``10Mbit/s``.

    Raises ``QuantityError``.
    """
    number, unit = _split(
        text, "rate", "write a rate with its unit, such as 10mbit or 1gbit", example="mbit"
    )
    word = unit.lower().removesuffix("/s")
    if word not in _RATE_BPS:
        raise QuantityError(f"'{_short(text)}' is not a rate", _rate_hint(number, unit))
    value = _whole(number * _RATE_BPS[word], text, "rate")
    if value < 1:
        raise QuantityError(
            f"the rate '{_short(text)}' is below 1 bit/s",
            "write rate: none for an unlimited link; link_down lets nothing pass",
        )
    return value


def parse_duration(text: Any) -> int:
    """Return nanoseconds of a text such as ``20ms``, ``1.5s``, ``2min`` or ``100us``.

    Raises ``QuantityError``.
    """
    number, unit = _split(
        text,
        "duration",
        "write a duration with its unit, such as 20ms or 1.5s",
        example="ms",
        other="s",
    )
    if unit not in _DURATION_NS:
        raise QuantityError(
            f"'{_short(text)}' is not a duration",
            f"units are {', '.join(_DURATION_NS)}; write {_plain(number)}ms or {_plain(number)}s",
        )
    value = _whole(number * _DURATION_NS[unit], text, "duration")
    if value < 0:
        raise QuantityError(
            f"the duration '{_short(text)}' is negative",
            "times count from the start of the experiment, 0s",
        )
    return value


def parse_size(text: Any) -> int:
    """Return bytes of a text such as ``1500B``, ``64kB``, ``64KiB`` or ``10MB``.

    Raises ``QuantityError``.
    """
    number, unit = _split(
        text, "size", "write a size with its unit, such as 1500B or 64kB", example="B", other="kB"
    )
    if unit not in _SIZE_BYTES:
        hint = (
            f"units are {', '.join(_SIZE_BYTES)} (a small b would be bits); write"
            f" {_plain(number)}{_near_size(unit)}"
        )
        raise QuantityError(f"'{_short(text)}' is not a size", hint)
    value = _whole(number * _SIZE_BYTES[unit], text, "size")
    if value < 0:
        raise QuantityError(f"the size '{_short(text)}' is negative", "a size is 0B or more")
    return value


def parse_fraction(text: Any) -> float:
    """Return a fraction from 0 to 1 of ``1%`` or ``0.01`` (a number is fine here).

    Raises ``QuantityError``.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise QuantityError(f"'{_short(text)}' is not a fraction", "write 1% or 0.01")
    match = _NUMBER.fullmatch(
        format(Decimal(repr(text)), "f")
        if isinstance(text, float) and _is_finite(text)
        else str(text).strip()
    )
    if match is None or match[2] not in ("", "%"):
        raise QuantityError(f"'{_short(text)}' is not a fraction", "write 1% or 0.01")
    value = Decimal(match[1]) / 100 if match[2] else Decimal(match[1])
    if not 0 <= value <= 1:
        asked = Decimal(match[1])
        right = (
            f"write {_plain(asked)}%"
            if not match[2] and 1 < asked <= 100
            else "it lies between 0% and 100%"
        )
        raise QuantityError(f"the fraction '{_short(text)}' is not between 0 and 1", right)
    return float(value)


def parse_queue_limit(text: Any) -> QueueLimit:
    """Return the limit of ``50p``, ``64kB``, ``1bdp`` or ``20ms``; raises ``QuantityError``."""
    hint = "write 50p (packets), 64kB, 1bdp or 20ms"
    number, unit = _split(text, "queue limit", hint, example="p", other="kB")
    if unit in ("p", "packets", "packet"):
        limit = QueueLimit("packets", number)
        if number != number.to_integral_value():
            raise QuantityError(f"'{_short(text)}' is not a whole number of packets", hint)
    elif unit.lower() == "bdp":
        limit = QueueLimit("bdp", number)
    elif unit in _SIZE_BYTES:
        limit = QueueLimit("bytes", Decimal(parse_size(text)))
    elif unit in _DURATION_NS:
        limit = QueueLimit("time", Decimal(parse_duration(text)))
    else:
        raise QuantityError(f"'{_short(text)}' is not a queue limit", hint)
    if limit.amount <= 0:
        raise QuantityError(f"the queue limit '{_short(text)}' is not above zero", hint)
    return limit


def _split(
    text: Any, what: str, hint: str, *, example: str, other: str | None = None
) -> tuple[Decimal, str]:
    """Return number and unit; refuses what is not text, has no number or lacks the unit."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        raise QuantityError(f"'{_short(text)}' is not a {what}", hint)
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise QuantityError(f"'{_short(text)}' is not a {what}", hint)
    if not match[2]:
        choices = (
            f"{match[1]}{example}" if other is None else f"{match[1]}{example} or {match[1]}{other}"
        )
        raise QuantityError(f"the {what} '{_short(text)}' has no unit", f"write {choices}")
    return Decimal(match[1]), match[2]


def _whole(value: Decimal, text: Any, what: str) -> int:
    if abs(value) > _LARGEST:
        raise QuantityError(f"the {what} '{_short(text)}' is too large", "write a smaller one")
    return int(value.to_integral_value(rounding=ROUND_HALF_EVEN))


def _rate_hint(number: Decimal, unit: str) -> str:
    plain = _plain(number)
    if unit.lower() in (
        "mbps",
        "kbps",
        "gbps",
        "mb/s",
        "kb/s",
        "gb/s",
        "m",
        "k",
        "g",
        "mb",
        "kb",
        "gb",
    ):
        return f"rates count bits: write {plain}{unit[0].lower()}bit"
    return f"units are {', '.join(_RATE_BPS)}; write {plain}mbit"


def _near_size(unit: str) -> str:
    return {"k": "kB", "m": "MB", "g": "GB"}.get(unit[:1].lower(), "B")


def _is_finite(value: float) -> bool:
    return math.isfinite(value)


def _short(text: Any) -> str:
    plain = str(text)
    return plain if len(plain) <= 40 else plain[:37] + "..."


# ------------------------------------------------------------------------------------------------
# formatting


def format_rate(rate_bps: int) -> str:
    """Return ``10mbit`` of 10,000,000 bit/s: exact, in the largest unit that leaves a number of at
    least 1.
    """
    return _format(rate_bps, _RATE_BPS)


def format_duration(duration_ns: int) -> str:
    """Return ``20ms`` of 20,000,000 ns: exact, in ns, us, ms or s."""
    return _format(
        duration_ns, {unit: _DURATION_NS[unit] for unit in ("ns", "us", "ms", "s")}, zero="0s"
    )


def format_size(size_bytes: int) -> str:
    """Return ``64kB`` of 64,000 bytes, ``64KiB`` of 65,536: exact."""
    binary = [
        unit for unit in ("GiB", "MiB", "KiB") if size_bytes and size_bytes % _SIZE_BYTES[unit] == 0
    ]
    decimal = [
        unit for unit in ("GB", "MB", "kB") if size_bytes and size_bytes % _SIZE_BYTES[unit] == 0
    ]
    if binary and not decimal:
        return f"{size_bytes // _SIZE_BYTES[binary[0]]}{binary[0]}"
    return _format(size_bytes, {unit: _SIZE_BYTES[unit] for unit in ("B", "kB", "MB", "GB")})


def format_fraction(value: float) -> str:
    """Return ``1%`` of 0.01: exact to the shortest text that names the same float."""
    return f"{_plain(Decimal(repr(value)) * 100)}%"


def _format(value: int, units: dict[str, int], zero: str | None = None) -> str:
    """Return ``value`` in the largest unit that leaves a number of at least 1.

    ``units`` from small to large.
    """
    if value == 0 and zero is not None:
        return zero
    name, factor = next(iter(units.items()))
    for unit, each in units.items():
        if value >= each:
            name, factor = unit, each
    return f"{_plain(Decimal(value) / Decimal(factor))}{name}"


def _plain(number: Decimal) -> str:
    """Return a decimal without exponent and without zeros at the end."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


# ------------------------------------------------------------------------------------------------
# pydantic types


def _schema(description: str, *examples: str, number: bool = False) -> WithJsonSchema:
    kinds: Any = ["string", "number"] if number else "string"
    return WithJsonSchema({"type": kinds, "description": description, "examples": list(examples)})


#: bit/s
Rate = Annotated[
    int,
    BeforeValidator(parse_rate),
    PlainSerializer(format_rate),
    _schema("a rate with its unit", "10mbit", "1gbit"),
]
#: ns
Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    _schema("a duration with its unit", "20ms", "1.5s", "2min"),
]
#: bytes
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size),
    _schema("a size with its unit", "1500B", "64kB", "10MB"),
]
#: 0 to 1
Fraction = Annotated[
    float,
    BeforeValidator(parse_fraction),
    PlainSerializer(format_fraction),
    _schema("a fraction from 0 to 1, or percent", "1%", "0.5", number=True),
]
#: QueueLimit
Queue = Annotated[
    QueueLimit,
    BeforeValidator(parse_queue_limit),
    PlainSerializer(str),
    _schema("how much the queue holds", "50p", "64kB", "1bdp", "20ms"),
]
