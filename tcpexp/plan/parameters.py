"""Parameters of topologies: how many, one value for all or one for each, times; for Topo classes,
ours and others'.

A wrong value raises :class:`~tcpexp.plan.links.ParameterError`, which names the parameter; the
error then points at the line of the spec that gave it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tcpexp.plan.queues import ParameterError
from tcpexp.units import QuantityError, format_duration, parse_duration

Value = TypeVar("Value")


def whole_number(name: str, value: Any, *, least: int = 1, most: int) -> int:
    """Return a parameter that counts something.

    Raises ``ParameterError`` when it is no whole number or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParameterError(
            name,
            f"{name}: '{str(value)[:40]}' is not a whole number",
            f"write a number from {least} to {most}",
        )
    if not least <= value <= most:
        raise ParameterError(
            name, f"{name}: {value} is out of range", f"write a number from {least} to {most}"
        )
    return value


def one_for_each(name: str, value: Any, number: int, what: str) -> list[Any]:
    """Return a list of ``number`` values, of a list or of one value that holds for all. Raises
    ``ParameterError`` for a list of another length.

    >>> one_for_each("rtt", "20ms", 3, "pair")
    ['20ms', '20ms', '20ms']
    """
    if not isinstance(value, list | tuple):
        return [value] * number
    if len(value) != number:
        more = "s" if number != 1 else ""
        hint = (
            f"write {number} values, one for each {what}, or a single one for all"
            if number != 1
            else "write one value"
        )
        raise ParameterError(name, f"{name}: {len(value)} values for {number} {what}{more}", hint)
    return list(value)


def link_parameters(name: str, value: Any) -> dict[str, Any]:
    """Return a parameter that holds link parameters, {} for None.

    Raises ``ParameterError`` when it is no mapping; its words are checked later.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ParameterError(
            name, f"{name} is a mapping of link parameters", f"write {name}: {{rate: 1mbit}}"
        )
    return value


def duration_ns(name: str, value: Any) -> int:
    """Return a parameter that is a time, in ns. Raises ``ParameterError``."""
    return _read(name, value, parse_duration)


def _read(name: str, value: Any, parse: Callable[[Any], Value]) -> Value:
    try:
        return parse(value)
    except QuantityError as error:
        raise ParameterError(name, f"{name}: {error.message}", error.hint) from None


def half_of_rest(name: str, rtt: Any, other_ns: int, what: str) -> str:
    """Return the one-way delay that makes a path's round-trip time ``rtt`` when ``other_ns`` of it
    (there and back) are spent on ``what``.

    Raises:
        ParameterError: the rest alone takes longer than ``rtt``.
    """
    rest = duration_ns(name, rtt) - other_ns
    if rest < 0:
        hint = f"{what} alone takes {format_duration(other_ns)} there and back: write that or more"
        raise ParameterError(name, f"{name}: {rtt} is too short for this path", hint)
    return format_duration(rest // 2)
