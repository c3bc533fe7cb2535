"""Initial sequence numbers.

RFC 6528 section 3: ISN = M + F(localip, localport, remoteip, remoteport, secretkey).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from tcpexp.tcp.core.seqnum import MASK

TICK_NS = 4_000


class Endpoint(NamedTuple):
    """An IP address (text) and a port: a socket in the RFC's words. RFC 9293 section 3.3.1."""

    address: str
    port: int


#: ``isn(local, remote, now) -> number``: where a connection's sequence numbers begin.
IsnSource = Callable[[Endpoint, Endpoint, int], int]


def keyed_hash(key: bytes, *parts: object) -> int:
    """Return 32 bits that nobody can compute without ``key``. RFC 6528 section 3."""
    text = "|".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2s(text, key=key[:32], digest_size=4).digest(), "big")


def hashed_isn(key: bytes) -> IsnSource:
    """Return the source that RFC 6528 describes, with the secret ``key`` (16 bytes or more from a
    good generator).

    RFC 6528 section 3, RFC 9293 section 3.4.1 (MUST-8, MUST-9).
    Raises: ValueError for a shorter key.
    """
    if len(key) < 16:
        raise ValueError(f"a key of {len(key)} bytes can be guessed; give 16 or more")

    def isn(local: Endpoint, remote: Endpoint, now: int) -> int:
        """Return M, a clock of 4 microseconds, plus F. RFC 6528 section 3."""
        return (now // TICK_NS + keyed_hash(key, *local, *remote)) & MASK

    return isn


def fixed_isn(number: int) -> IsnSource:
    """Return a source that always gives ``number``: for tests and for pages where a reader follows
    the numbers.

    DEVIATION from RFC 6528 section 3: predictable, so not for a network.
    """
    return lambda local, remote, now: number & MASK
