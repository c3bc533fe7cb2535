"""Addresses replaced by others so that two which began alike still do, to the same bit.

The scheme is Crypto-PAn's (Xu, Fan, Ammar, Moon: "Prefix-Preserving IP Address Anonymization",
ICNP 2002): each bit is flipped or not by a keyed function of the bits before it. Nobody who lacks
the key can go back, but the structure that stays is structure: of a network whose addresses are
known otherwise, some may be guessed.
"""

from __future__ import annotations

import hashlib

#: So many bits at the front stay: they say what kind of address it is (multicast, link-local...).
KEPT_BITS = {4: 4, 16: 10}
#: What stays altogether: it names no host.
_PLAIN = (
    bytes(4),
    b"\xff" * 4,
    bytes(16),
    bytes(15) + b"\x01",
)


class Prefixes:
    """Replaces addresses by those of one ``key``."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._flips: dict[tuple[int, int, int], int] = {}
        self._known: dict[bytes, bytes] = {}

    def replace(self, address: bytes) -> bytes:
        """Return the address that stands for an IPv4 address (4 bytes) or an IPv6 one (16)."""
        if address not in self._known:
            self._known[address] = self._replaced(address)
        return self._known[address]

    def hashed(self, value: bytes) -> int:
        """Return 16 bits that stand for a value of which nothing else is to be told."""
        return int.from_bytes(self._digest(b"value" + value)[:2], "big")

    def _replaced(self, address: bytes) -> bytes:
        if address in _PLAIN or (len(address) == 4 and address[0] == 127):
            return address
        size = 8 * len(address)
        number = int.from_bytes(address, "big")
        flips = 0
        for at in range(KEPT_BITS[len(address)], size):
            prefix = number >> (size - at)
            flips |= self._flip(size, at, prefix) << (size - 1 - at)
        return (number ^ flips).to_bytes(len(address), "big")

    def _flip(self, size: int, at: int, prefix: int) -> int:
        key = (size, at, prefix)
        if key not in self._flips:
            text = size.to_bytes(2, "big") + at.to_bytes(2, "big") + prefix.to_bytes(16, "big")
            self._flips[key] = self._digest(b"flip" + text)[0] & 1
        return self._flips[key]

    def _digest(self, text: bytes) -> bytes:
        return hashlib.blake2b(text, key=self._key, digest_size=8).digest()
