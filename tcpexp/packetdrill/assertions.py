"""Python between ``%{`` and ``}%``: a subset that computes with numbers, interpreted here and never
given to Python itself.

What scripts use is there: ``assert a == b, message``, variables that live on from one snippet to
the next, arithmetic, comparisons, ``print``, messages with ``%``. There are no attributes, imports,
loops or definitions, so a script from anywhere is safe to play.
"""

from __future__ import annotations

import ast
import operator
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from tcpexp.packetdrill.outcome import Unplayable

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "int": int,
    "len": len,
    "str": str,
    "round": round,
}
#: Numbers stay below this, texts shorter: nothing in a script costs time or memory.
LARGEST = 1 << 128
_WIDTH = re.compile(r"%[^a-zA-Z%]*\d{4}")


class _Failed(Exception):
    """An assertion that does not hold: the words for it."""


class Assertions:
    """The Python of one script; remembers its variables, and what it printed."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self.printed: list[str] = []

    def check(self, text: str, names: Mapping[str, int]) -> str | None:
        """Run a snippet where ``names`` have these values; return why it fails, None if it holds.

        Raises: Unplayable for Python that this subset does not have, or a name without a value.
        """
        try:
            tree = ast.parse(_source(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return f"no Python: {getattr(error, 'msg', error)}"
        try:
            for statement in tree.body:
                self._do(statement, names)
        except _Failed as failed:
            return str(failed)
        except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
            return f"{type(error).__name__}: {error}"
        return None

    def _do(self, statement: ast.stmt, names: Mapping[str, int]) -> None:
        if isinstance(statement, ast.Assert):
            if not self._value(statement.test, names):
                raise _Failed(self._complaint(statement, names))
        elif isinstance(statement, ast.Expr):
            self._value(statement.value, names)
        elif isinstance(statement, ast.Assign):
            value = self._value(statement.value, names)
            for target in statement.targets:
                self._assign(target, value)
        elif isinstance(statement, ast.AugAssign):
            left = self._value(ast.Name(_name(statement.target), ast.Load()), names)
            value = self._operate(statement.op, left, self._value(statement.value, names))
            self._assign(statement.target, value)
        elif isinstance(statement, ast.If):
            for each in statement.body if self._value(statement.test, names) else statement.orelse:
                self._do(each, names)
        elif not isinstance(statement, ast.Pass):
            raise _unknown(statement)

    def _assign(self, target: ast.expr, value: Any) -> None:
        self.variables[_name(target)] = value

    def _complaint(self, statement: ast.Assert, names: Mapping[str, int]) -> str:
        """Return the assertion, and the values that it has."""
        words = f"assert {ast.unparse(statement.test)}"
        used = {
            node.id
            for node in ast.walk(statement.test)
            if isinstance(node, ast.Name) and not node.id.isupper()
        }
        known = {**names, **self.variables}
        values = ", ".join(f"{name} is {known[name]}" for name in sorted(used) if name in known)
        if statement.msg is not None and not isinstance(statement.msg, ast.Name):
            said = str(self._value(statement.msg, names))
            values = f"{values}; {said}" if values else said
        return f"{words}: {values}" if values else words

    def _value(self, node: ast.expr, names: Mapping[str, int]) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | None):
            return node.value
        if isinstance(node, ast.Name):
            return self._named(node.id, names)
        if isinstance(node, ast.Tuple | ast.List):
            return tuple(self._value(item, names) for item in node.elts)
        if isinstance(node, ast.UnaryOp):
            return _UNARY[type(node.op)](self._value(node.operand, names))
        if isinstance(node, ast.BinOp):
            return self._operate(
                node.op, self._value(node.left, names), self._value(node.right, names)
            )
        if isinstance(node, ast.BoolOp):
            return self._junction(node, names)
        if isinstance(node, ast.Compare):
            return self._comparison(node, names)
        if isinstance(node, ast.IfExp):
            chosen = node.body if self._value(node.test, names) else node.orelse
            return self._value(chosen, names)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, [self._value(each, names) for each in node.args])
        raise _unknown(node)

    def _named(self, name: str, names: Mapping[str, int]) -> Any:
        if name in self.variables:
            return self.variables[name]
        if name not in names:
            raise Unplayable(f"the name {name} in Python")
        return names[name]

    def _operate(self, kind: ast.operator, left: Any, right: Any) -> Any:
        if type(kind) not in _BINARY:
            raise _unknown(kind)
        if isinstance(left, str):
            if not isinstance(kind, ast.Mod | ast.Add) or _WIDTH.search(left):
                raise Unplayable("a computation with a text in Python")
        elif isinstance(kind, ast.LShift) and not 0 <= right < 128:
            raise ValueError("a shift by that much")
        value = _BINARY[type(kind)](left, right)
        if isinstance(value, int) and abs(value) >= LARGEST:
            raise ValueError("a number as large as that")
        return value

    def _junction(self, node: ast.BoolOp, names: Mapping[str, int]) -> Any:
        value: Any = None
        for each in node.values:
            value = self._value(each, names)
            if bool(value) == isinstance(node.op, ast.Or):
                return value
        return value

    def _comparison(self, node: ast.Compare, names: Mapping[str, int]) -> bool:
        left = self._value(node.left, names)
        for kind, item in zip(node.ops, node.comparators, strict=True):
            right = self._value(item, names)
            if not _COMPARE[type(kind)](left, right):
                return False
            left = right
        return True

    def _call(self, name: str, values: list[Any]) -> Any:
        if name == "print":
            self.printed.append(" ".join(map(str, values)))
            return None
        if name not in _CALLS:
            raise Unplayable(f"the function {name}() in Python")
        return _CALLS[name](*values)


def _source(text: str) -> str:
    """Return a snippet as a program: not indented, and without a backslash before its end."""
    text = text.rstrip()
    while text.endswith("\\"):
        text = text[:-1].rstrip()
    text = re.sub(r";[ \t]*\\\n[ \t]*", "; ", text)
    first, newline, rest = text.lstrip().partition("\n")
    return first + newline + textwrap.dedent(rest)


def _name(target: ast.expr) -> str:
    if not isinstance(target, ast.Name):
        raise _unknown(target)
    return target.id


def _unknown(node: ast.AST) -> Unplayable:
    return Unplayable(f"{type(node).__name__} in Python")
