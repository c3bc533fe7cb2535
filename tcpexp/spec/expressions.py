"""Small arithmetic in sweeps: ``rtt / 2``, ``loss < 1% and cc == 'bbr'``; a few operators and
functions, nothing else.

Quantities count in base units: rates in bit/s, durations in seconds, sizes in bytes, percentages as
fractions, queues in bandwidth-delay products or packets. So ``1 * rate * rtt / 8`` is a
bandwidth-delay product in bytes.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tcpexp.registry import suggest
from tcpexp.units import (
    QuantityError,
    parse_duration,
    parse_fraction,
    parse_queue_limit,
    parse_rate,
    parse_size,
)

MAX_CHARACTERS = 400
#: An exponent beyond this is refused, so that no expression can take long.
MAX_EXPONENT = 64

_QUANTITY = re.compile(
    r"(?<![\w.'\"])(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s?(%|[kmgt]?bit(?:/s)?\b|[kMG]?i?B\b|ns\b|us\b|ms\b|s\b|min\b|h\b|bdp\b|p\b)"
)
_PARSERS: tuple[Callable[[Any], float], ...] = (
    lambda text: float(parse_rate(text)),
    lambda text: parse_duration(text) / 1e9,
    lambda text: float(parse_size(text)),
    lambda text: float(parse_queue_limit(text).amount),
    parse_fraction,
)
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
}
_HINT = (
    "numbers, quantities such as 20ms, parameters' names, + - * / // **, comparisons, and, or, not,"
    " (a if b else c), " + ", ".join(FUNCTIONS)
)


def number_of(value: Any) -> float | None:
    """Return a value of a spec as a number in base units, None when it is a word: 10,000,000 of
    ``10mbit``, 0.02 of ``20ms``.
    """
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    if re.fullmatch(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", value.strip()):
        return float(value)
    for parse in _PARSERS:
        try:
            return parse(value)
        except QuantityError:
            continue
    return None


def plain_number(value: float) -> str:
    """Return a number without exponent, with at most 12 digits: ``0.01``, ``25000``."""
    text = format(Decimal(format(value, ".12g")), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its text, the names that it uses, and the tree."""

    text: str
    names: frozenset[str]
    tree: ast.expr

    def value(self, values: Mapping[str, Any]) -> Any:
        """Return its value where the names have ``values``.

        Raises ``QuantityError`` for what cannot be computed.
        """
        try:
            result = _evaluate(self.tree, values)
        except QuantityError:
            raise
        except (ArithmeticError, ValueError, TypeError) as error:
            given = ", ".join(f"{name} = {values.get(name)}" for name in sorted(self.names))
            raise QuantityError(
                f"'{self.text}' cannot be computed: {error}", f"with {given}" if given else _HINT
            ) from None
        if isinstance(result, float) and not math.isfinite(result):
            raise QuantityError(f"'{self.text}' is not a finite number", _HINT)
        return result


def parse_expression(text: Any) -> Expression:
    """Return the expression that ``text`` writes; raises ``QuantityError``."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or not text.strip():
        raise QuantityError(f"'{text}' is not an expression", _HINT)
    if len(text) > MAX_CHARACTERS:
        raise QuantityError(
            f"the expression has {len(text)} characters", f"at most {MAX_CHARACTERS}"
        )
    plain = _QUANTITY.sub(
        lambda match: repr(number_of(f"{format(Decimal(match[1]), 'f')}{match[2]}")), text.strip()
    )
    try:
        tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise QuantityError(f"'{text}' is not an expression", _HINT) from None
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    _check(tree, text)
    return Expression(text.strip(), frozenset(names - set(FUNCTIONS)), tree)


def _check(node: ast.AST, text: str) -> None:
    """Refuse every kind of node that is not listed here, before anything is evaluated."""
    allowed = (
        ast.BinOp,
        ast.UnaryOp,
        ast.BoolOp,
        ast.Compare,
        ast.IfExp,
        ast.Name,
        ast.Constant,
        ast.Call,
    )
    helpers = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)
    for part in ast.walk(node):
        if isinstance(part, helpers):
            continue
        fine = isinstance(part, allowed)
        if isinstance(part, ast.Constant):
            fine = isinstance(part.value, (int, float, str, bool))
        elif isinstance(part, ast.BinOp):
            fine = type(part.op) in _BINARY or isinstance(part.op, ast.Pow)
        elif isinstance(part, ast.Compare):
            fine = all(type(one) in _COMPARE for one in part.ops)
        elif isinstance(part, ast.UnaryOp):
            fine = isinstance(part.op, (ast.USub, ast.UAdd, ast.Not))
        elif isinstance(part, ast.Call):
            fine = (
                isinstance(part.func, ast.Name) and part.func.id in FUNCTIONS and not part.keywords
            )
            if isinstance(part.func, ast.Name) and part.func.id not in FUNCTIONS:
                raise QuantityError(
                    f"there is no function '{part.func.id}' in '{text}'",
                    suggest(part.func.id, list(FUNCTIONS)) or _HINT,
                )
        if not fine:
            raise QuantityError(f"'{text}' holds something that has no meaning here", _HINT)


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise QuantityError(
                f"'{node.id}' has no value here",
                suggest(node.id, [str(name) for name in values]) or _HINT,
            )
        return values[node.id]
    if isinstance(node, ast.BinOp):
        return _binary(node, values)
    if isinstance(node, ast.UnaryOp):
        inner = _evaluate(node.operand, values)
        return (
            (not inner)
            if isinstance(node.op, ast.Not)
            else (-inner if isinstance(node.op, ast.USub) else inner)
        )
    if isinstance(node, ast.BoolOp):
        parts = (_evaluate(operand, values) for operand in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare):
        chain = [_evaluate(operand, values) for operand in (node.left, *node.comparators)]
        return all(
            _COMPARE[type(op)](a, b) for op, a, b in zip(node.ops, chain, chain[1:], strict=False)
        )
    if isinstance(node, ast.IfExp):
        return _evaluate(node.body if _evaluate(node.test, values) else node.orelse, values)
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return FUNCTIONS[node.func.id](*(_evaluate(argument, values) for argument in node.args))


def _binary(node: ast.BinOp, values: Mapping[str, Any]) -> Any:
    left, right = _evaluate(node.left, values), _evaluate(node.right, values)
    if isinstance(left, str) or isinstance(right, str):
        raise QuantityError(
            f"'{left if isinstance(left, str) else right}' is a word; there is nothing to compute"
            " with it",
            "compare words with == or !=",
        )
    if isinstance(node.op, ast.Pow):
        if abs(right) > MAX_EXPONENT:
            raise QuantityError(f"the exponent {right} is too large", f"at most {MAX_EXPONENT}")
        return float(left) ** right
    return _BINARY[type(node.op)](left, right)


_BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Template:
    """A value with expressions in braces: ``{rtt / 2}s``.

    A lone ``{1 / p}`` is a number, anything else a text.
    """

    text: str
    parts: tuple[str | Expression, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that its expressions use."""
        return frozenset().union(
            *(part.names for part in self.parts if isinstance(part, Expression))
        )

    def value(self, values: Mapping[str, Any]) -> Any:
        """Return the text, or the number of a lone expression; raises ``QuantityError``."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            result = self.parts[0].value(values)
            return int(result) if isinstance(result, float) and result.is_integer() else result
        return "".join(
            part if isinstance(part, str) else _text(part.value(values)) for part in self.parts
        )


def parse_template(text: str) -> Template:
    """Return the template that ``text`` writes; raises ``QuantityError``."""
    parts: list[str | Expression] = []
    position = 0
    for match in _BRACES.finditer(text):
        parts += [text[position : match.start()]] if match.start() > position else []
        parts.append(parse_expression(match[1]))
        position = match.end()
    rest = text[position:]
    if "{" in rest or "}" in rest:
        raise QuantityError(
            f"'{text}' has a brace without its partner", "write an expression as {rtt / 2}"
        )
    return Template(text, (*parts, rest) if rest or not parts else tuple(parts))


def _text(value: Any) -> str:
    if isinstance(value, (bool, str)):
        return str(value)
    return plain_number(float(value))
