"""What the two ends do in a simulation: applications over one connection, told of its events."""

from __future__ import annotations

import hashlib
from typing import Protocol

from tcpexp.tcp.core import events
from tcpexp.tcp.core.connection import Connection


class App(Protocol):
    """An application: told of each event of its connection, and free to call it."""

    def on_event(self, connection: Connection, event: events.Event, now: int) -> None:
        """Take one event."""


class Idle:
    """Does nothing."""

    def on_event(self, connection: Connection, event: events.Event, now: int) -> None:
        """Take one event."""


def pattern(octets: int) -> bytes:
    """Return ``octets`` bytes that do not repeat with any power of two, so that misplaced data
    show.
    """
    return bytes(range(251)) * (octets // 251) + bytes(range(octets % 251))


class Sender:
    """Writes ``data`` as room allows, then closes its stream.

    Closes all when the peer has closed too.
    """

    def __init__(self, data: bytes, close: bool = True) -> None:
        """Send ``data``; with ``close`` False leave the stream open."""
        self.left = memoryview(data)
        self.close = close

    def on_event(self, connection: Connection, event: events.Event, now: int) -> None:
        """Fill the send buffer whenever there is room."""
        kind = type(event)
        if kind is events.Established or kind is events.SpaceFreed:
            if self.left:
                # one more than fits: so the connection knows that it is to say when there is room
                chunk = self.left[: connection.writable + 1]
                self.left = self.left[connection.send(bytes(chunk), now) :]
            if not self.left and self.close:
                self.close = False
                connection.shutdown(now)


class Sink:
    """Reads everything at once, keeps what it read and its hash; closes when the peer has."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.received = bytearray()

    @property
    def sha256(self) -> str:
        """The hash of all that was read."""
        return hashlib.sha256(self.received).hexdigest()

    def on_event(self, connection: Connection, event: events.Event, now: int) -> None:
        """Read, and close with the peer."""
        kind = type(event)
        if kind is events.DataArrived:
            self.received += connection.read(1 << 30, now)
        elif kind is events.EndOfStream:
            self.received += connection.read(1 << 30, now)
            connection.shutdown(now)
