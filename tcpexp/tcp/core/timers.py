"""The timers of a connection: deadlines that the caller asks for, nothing that runs by itself.

RFC 9293 section 3.10.8.
"""

from __future__ import annotations

from enum import IntEnum


class Timer(IntEnum):
    """The timers, in the order in which those that expire together are handled.

    RFC 9293 section 3.10.8.
    """

    TIME_WAIT = 0  # RFC 9293 section 3.6.1
    RETRANSMIT = 1  # RFC 6298 section 5
    PERSIST = 2  # RFC 9293 section 3.8.6.1
    SWS_OVERRIDE = 3  # RFC 9293 section 3.8.6.2.1
    DELAYED_ACK = 4  # RFC 9293 section 3.8.6.3
    KEEPALIVE = 5  # RFC 9293 section 3.8.4
    REORDER = 6  # RFC 8985 section 6.2
    PROBE = 7  # RFC 8985 section 7.2
    PACE = 8  # draft-ietf-ccwg-bbr section 5.6.2


#: The names in events: ``delayed ack``.
LABELS = tuple(timer.name.lower().replace("_", " ") for timer in Timer)


class Timers:
    """Deadlines in nanoseconds by timer; None while a timer is off. RFC 9293 section 3.10.8."""

    __slots__ = ("deadlines",)

    def __init__(self) -> None:
        """All off. RFC 9293 section 3.10.8."""
        self.deadlines: list[int | None] = [None] * len(Timer)

    def next(self) -> int | None:
        """Return the earliest deadline. RFC 9293 section 3.10.8."""
        earliest = None
        for deadline in self.deadlines:
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        return earliest

    def due(self, now: int) -> list[Timer]:
        """Return the timers that have expired by ``now``. RFC 9293 section 3.10.8."""
        return [
            timer
            for timer in Timer
            if (deadline := self.deadlines[timer]) is not None and deadline <= now
        ]
