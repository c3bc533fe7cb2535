"""The eleven states. RFC 9293 section 3.3.2."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """A state of a connection. RFC 9293 section 3.3.2."""

    CLOSED = 0
    LISTEN = 1
    SYN_SENT = 2
    SYN_RECEIVED = 3
    ESTABLISHED = 4
    FIN_WAIT_1 = 5
    FIN_WAIT_2 = 6
    CLOSE_WAIT = 7
    CLOSING = 8
    LAST_ACK = 9
    TIME_WAIT = 10

    # Enum's own hashes the name, which shows at tens of thousands of segments per second
    __hash__ = int.__hash__

    @property
    def label(self) -> str:
        """The name as the RFC prints it: ``FIN-WAIT-1``. RFC 9293 section 3.3.2."""
        return self.name.replace("_", "-")


#: A peer's data can arrive and be delivered: RFC 9293 section 3.10.7.4, seventh step.
RECEIVING = frozenset((State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2))
#: This end's data or FIN can go out (or out again).
SENDING = frozenset(
    (State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK)
)
#: The application may still hand over data: RFC 9293 section 3.10.2.
OPEN_FOR_SENDING = frozenset(
    (State.SYN_SENT, State.SYN_RECEIVED, State.ESTABLISHED, State.CLOSE_WAIT)
)
