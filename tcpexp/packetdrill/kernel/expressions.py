"""What the expressions of a system call mean to Linux: numbers, octets, members."""

from __future__ import annotations

import ipaddress
import socket

from tcpexp.packetdrill.kernel.constants import number_of
from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Expression


def is_open(expression: Expression) -> bool:
    """Return whether it is ``...``."""
    return expression.kind == "ellipsis"


def number(expression: Expression) -> int:
    """Return the number that an expression means.

    Raises:
        Unplayable: it is none, or has a symbol that Linux does not know.
    """
    if expression.kind == "integer":
        return int(expression.value or 0)
    if expression.kind == "word":
        try:
            return number_of(str(expression.value))
        except KeyError:
            raise Unplayable(f"the symbol {expression.value}, which Linux does not have") from None
    if expression.kind == "or":
        result = 0
        for item in expression.items:
            result |= number(item)
        return result
    if expression.kind == "call" and len(expression.items) == 1:
        return _called(str(expression.value), expression.items[0])
    raise Unplayable(f"an argument of the kind {expression.kind} where a number is expected")


def errno_number(word: str) -> int:
    """Return the number of an errno's symbol.

    Raises:
        Unplayable: Linux does not have it.
    """
    try:
        return number_of(word)
    except KeyError:
        raise Unplayable(f"the errno {word}, which Linux does not have") from None


def _called(name: str, argument: Expression) -> int:
    if name in ("htons", "ntohs"):
        return socket.htons(number(argument) & 0xFFFF)
    if name in ("htonl", "ntohl"):
        return socket.htonl(number(argument) & 0xFFFFFFFF)
    if name == "inet_addr" and argument.kind == "string":
        return int.from_bytes(ipaddress.IPv4Address(str(argument.value)).packed, "little")
    raise Unplayable(f"{name}() as an argument")


def octets(expression: Expression) -> bytes:
    """Return the octets of a string, escapes resolved."""
    text = str(expression.value or "")
    return text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace")


def single(expression: Expression) -> Expression:
    """Return the one element of ``[x]``.

    Raises:
        Unplayable: it is another list, or none.
    """
    if expression.kind != "list" or len(expression.items) != 1:
        raise Unplayable("a list of one number is expected")
    return expression.items[0]


def required(expression: Expression, name: str) -> Expression:
    """Return a member of a struct.

    Raises:
        Unplayable: it has none of this name.
    """
    found = expression.member(name) if expression.kind == "struct" else None
    if found is None:
        raise Unplayable(f"a structure without {name}")
    return found
