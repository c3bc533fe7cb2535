"""What arguments of system calls mean to the sockets of this player.

Symbols stay words: of a system's numbers only those count that a script writes out.
"""

from __future__ import annotations

from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Call, Expression

#: Numbers behind symbols where a script may write either.
NUMBERS = {
    "IPPROTO_IP": 0,
    "IPPROTO_TCP": 6,
    "IPPROTO_UDP": 17,
    "O_RDWR": 2,
    "SHUT_RD": 0,
    "SHUT_WR": 1,
    "SHUT_RDWR": 2,
    "IPTOS_DSCP_CS1": 0x20,
    "IPTOS_DSCP_CS2": 0x40,
    "IPTOS_DSCP_CS3": 0x60,
    "IPTOS_DSCP_CS4": 0x80,
    "IPTOS_DSCP_CS5": 0xA0,
    "IPTOS_DSCP_CS6": 0xC0,
    "IPTOS_DSCP_CS7": 0xE0,
    "IPTOS_LOWDELAY": 0x10,
    "IPTOS_THROUGHPUT": 0x08,
}

#: Linux's numbers of flags that a script may write out (include/linux/socket.h).
FLAGS = {0x40: "MSG_DONTWAIT", 0x4000: "MSG_NOSIGNAL", 0x2000_0000: "MSG_FASTOPEN"}


def number(expression: Expression) -> int:
    """Return the number that an argument is. Raises: Unplayable for another kind."""
    if expression.kind == "list" and len(expression.items) == 1:
        return number(expression.items[0])
    if expression.kind == "integer":
        return int(expression.value or 0)
    if expression.kind == "word" and expression.value in NUMBERS:
        return NUMBERS[str(expression.value)]
    raise Unplayable(f"an argument of the kind {expression.kind} where a number is expected")


def words(expression: Expression) -> frozenset[str]:
    """Return the symbols that ``|`` joins; 0 is none of them."""
    if expression.kind == "or":
        return frozenset().union(*(words(item) for item in expression.items))
    if expression.kind == "word":
        return frozenset({str(expression.value)})
    if expression.kind == "integer" and not expression.value:
        return frozenset()
    if expression.kind == "integer" and int(expression.value or 0) in FLAGS:
        return frozenset({FLAGS[int(expression.value or 0)]})
    raise Unplayable(f"flags of the kind {expression.kind}")


def argument(call: Call, at: int) -> Expression:
    """Return an argument. Raises: Unplayable when the call has fewer."""
    if at >= len(call.arguments):
        raise Unplayable(f"{call.name}() with {len(call.arguments)} arguments")
    return call.arguments[at]


def octets_of(message: Expression) -> int:
    """Return how many octets a ``struct msghdr``, or a list of ``struct iovec``, describes."""
    vector = message.member("msg_iov") if message.kind == "struct" else message
    if vector is None or vector.kind != "list":
        raise Unplayable("a message without msg_iov")
    return sum(number(item.items[1]) for item in vector.items if len(item.items) == 2)
