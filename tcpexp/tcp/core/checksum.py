"""The Internet checksum over TCP segments with the pseudo headers of IPv4 and IPv6.

RFC 1071 section 1, RFC 9293 section 3.1, RFC 8200 section 8.1.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

PROTOCOL = 6


#: Where a long number is cut into words' multiples, so that a division of 90 words, not 730,
#: remains.
_CUTS = tuple((16 * words, (1 << 16 * words) - 1) for words in (370, 185, 92))


def ones_complement_sum(data: bytes) -> int:
    """Return the 16-bit one's complement sum of ``data``, zero-padded to whole words.

    RFC 1071 section 1.

    A number in base 2**16 is congruent to the sum of its digits modulo 2**16 - 1, so one division
    replaces the loop over the words. Adding is cheaper than dividing: a long number is first cut
    between two words, and its parts added.
    """
    number = int.from_bytes(data, "big")
    if len(data) % 2:
        number <<= 8
    if len(data) > 200:
        for shift, mask in _CUTS:
            number = (number >> shift) + (number & mask)
    return number % 0xFFFF


@lru_cache(maxsize=1024)
def pseudo_header_sum(source: str, destination: str) -> int:
    """Return the sum of the pseudo header without its length field.

    RFC 9293 section 3.1, RFC 8200 section 8.1.

    Raises: ValueError when the addresses are not two IPv4 or two IPv6 addresses.
    """
    left, right = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if left.version != right.version:
        raise ValueError(f"{source} and {destination} are of different IP versions")
    return ones_complement_sum(left.packed + right.packed) + PROTOCOL


def tcp_checksum(source: str, destination: str, segment: bytes, payload: bytes = b"") -> int:
    """Return the checksum field for ``segment``, whose own field holds zero.

    Over a received segment the result is 0 when it is intact.

    The payload may be given apart from the header. RFC 9293 section 3.1 (MUST-2).
    """
    length = len(segment) + len(payload)
    total = (
        pseudo_header_sum(source, destination)
        + (length >> 16)
        + (length & 0xFFFF)
        + ones_complement_sum(segment)
    )
    if payload:
        total += ones_complement_sum(payload)
    folded = total % 0xFFFF
    return 0xFFFF ^ (folded or 0xFFFF)  # the sum is never +0, since the protocol number is in it
