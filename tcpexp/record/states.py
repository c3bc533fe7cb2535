"""The states of a socket, as the kernel's tools and the RFC spell them."""

from __future__ import annotations

from typing import Literal

#: As ``ss`` spells the states of TCP sockets.
SocketState = Literal[
    "listen",
    "syn-sent",
    "syn-recv",
    "estab",
    "fin-wait-1",
    "fin-wait-2",
    "close-wait",
    "closing",
    "last-ack",
    "time-wait",
]
#: The eleven states of a connection: RFC 9293 section 3.3.2, CLOSED first.
TcpState = Literal[
    "CLOSED",
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
]
