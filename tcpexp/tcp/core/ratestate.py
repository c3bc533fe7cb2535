"""What measuring the rate of delivery remembers: for each segment, and for the connection.

draft-ietf-ccwg-bbr section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Stamp(NamedTuple):
    """What was known when a segment left. draft-ietf-ccwg-bbr section 4.1.2.2."""

    delivered: int
    delivered_ns: int
    first_sent_ns: int
    app_limited: bool
    in_flight: int
    lost: int


@dataclass(slots=True)
class Delivery:
    """A connection's counters: octets, nanoseconds. draft-ietf-ccwg-bbr section 4.1.2.1."""

    delivered: int = 0
    delivered_ns: int = 0
    first_sent_ns: int = 0
    app_limited: int = 0  # the samples up to this count are limited by the application; 0: none
    lost: int = 0
    next_send_ns: int = 0  # pacing: no segment before
