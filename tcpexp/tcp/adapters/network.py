"""What the event loop asks of a network, whichever it is, and the errors that a user can act on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.segment import Segment


class NetworkError(Exception):
    """A network that cannot be used; ``hint`` says what would help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Arrival(NamedTuple):
    """A segment whose checksum was right, and the address that sent it."""

    source: str
    segment: Segment


class NetworkTrouble(NamedTuple):
    """An ICMP error about a segment that this end sent: what (``tcpexp.tcp.core.icmp``), from which
    port, to whom, with which sequence number.
    """

    error: str
    local_port: int
    remote: Endpoint
    seq: int


class IpHeader(NamedTuple):
    """What a connection may say about the IP header of its segments.

    RFC 9293 section 3.9.1.9 (MUST-48): the differentiated services field, 0 to 63; RFC 9293 section
    3.9.2 (MUST-49): the time to live, IPv6's hop limit. The ECN field is the segment's own.
    """

    dscp: int = 0
    hop_limit: int = 64


def choose_address(remote: str) -> str:
    """Ask IP from which of this machine's addresses it would send to ``remote``.

    Nothing is sent. RFC 9293 section 3.9.1.1 (MUST-44).

    Raises: NetworkError without a route.
    """
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))
        except OSError as error:
            raise NetworkError(
                f"no way to {remote}: {error.strerror or error}", "write the server's IP address"
            ) from None
        return str(probe.getsockname()[0])


class Carrier(Protocol):
    """Carries segments. Nothing in it blocks."""

    address: str
    """The address that this end has, as text."""
    mtu: int
    """Largest IP packet, or for UDP the largest payload with room for an IP header."""
    header: IpHeader
    """The IP header of segments whose connection has none of its own."""
    headers: dict[tuple[int, Endpoint], IpHeader]
    """Connections with their own, by local port and remote end."""
    discarded: dict[str, int]
    """How many arrivals were thrown away, by reason: ``wrong checksum``, ``not TCP``..."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when something arrives."""

    def send(self, local: Endpoint, remote: Endpoint, segment: Segment, now: int) -> None:
        """Send one segment; like any network it may lose it."""

    def receive(self, now: int) -> Iterator[Arrival | NetworkTrouble]:
        """Yield what has arrived, until there is nothing left."""

    def next_timer(self) -> int | None:
        """Return when :meth:`receive` or :meth:`handle_timer` has something to do although nothing
        arrives; None for never.
        """

    def handle_timer(self, now: int) -> None:
        """Do what is due."""

    def close(self) -> None:
        """Give the descriptor back."""
