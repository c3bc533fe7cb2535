"""Sequence arithmetic: the wire's 32 bits, and the unbounded numbers that the rest of the package
computes with.

Inside the TCB a sequence number never wraps: a number that arrives is extended once, to the one
nearest to what is expected. So every comparison in this package reads as the RFC prints it
(``snd_una < seg_ack <= snd_nxt``), and the wrap lives here alone.
"""

from __future__ import annotations

MODULUS = 1 << 32
MASK = MODULUS - 1
HALF = 1 << 31


def to_wire(number: int) -> int:
    """Return the 32 bits that go on the wire. RFC 9293 section 3.4."""
    return number & MASK


def extend(wire: int, near: int) -> int:
    """Return the number nearest to ``near`` whose 32 low bits are ``wire``.

    Exactly half the space away counts as before it.

    RFC 9293 section 3.4.
    """
    return near + ((wire - near + HALF) & MASK) - HALF


def precedes(left: int, right: int) -> bool:
    """Return whether the wire number ``left`` is "less than" ``right`` modulo 2**32.

    RFC 9293 section 3.4.
    """
    return 0 < ((right - left) & MASK) < HALF


def distance(left: int, right: int) -> int:
    """Return how many octets ``right`` is after ``left``, from -2**31 to 2**31 - 1.

    RFC 9293 section 3.4.
    """
    return ((right - left + HALF) & MASK) - HALF
