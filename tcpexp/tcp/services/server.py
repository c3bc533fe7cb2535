"""One server for several services and many clients at once: whoever has something to read or room
to send gets a turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tcpexp.tcp.adapters.host import Host
from tcpexp.tcp.adapters.sockets import TcpListener, TcpSocket
from tcpexp.tcp.services.protocols import Service

#: Octets that one client is given at a turn before the next one has its turn.
TURN_BYTES = 16_384
Log = Callable[..., None]


@dataclass
class Session:
    """One client: its socket, its conversation, and what is still to be sent to it."""

    sock: TcpSocket
    service: Service
    name: str
    pending: bytearray
    sent: int = 0
    ended: bool = False

    @property
    def has_work(self) -> bool:
        """Whether a turn would do something."""
        if self.sock.heard.closed is not None:
            return True
        if self.pending:
            return self.sock.connection.writable > 0
        return not self.ended and self.sock.ready


class Server:
    """Listens on a port for each service."""

    def __init__(self, host: Host, log: Log) -> None:
        self.host = host
        self.log = log
        self.listeners: list[tuple[TcpListener, str, Callable[[], Service]]] = []
        self.sessions: list[Session] = []
        self.served = 0

    def offer(self, port: int, name: str, make: Callable[[], Service]) -> None:
        """Listen on ``port``; each connection gets a conversation of its own."""
        self.listeners.append((self.host.listen(port), name, make))

    def run(self, clients: int | None = None, timeout: float | None = None) -> bool:
        """Serve until ``clients`` conversations have ended (None: for ever).

        Return False when ``timeout`` seconds were not enough.
        """
        deadline = None if timeout is None else self.host.clock() + round(timeout * 1e9)
        while clients is None or self.served < clients:
            left = None if deadline is None else max(0.0, (deadline - self.host.clock()) / 1e9)
            if not self.host.run_until(self.has_work, left):
                return False
            self.take_turns()
        return True

    def has_work(self) -> bool:
        """Whether somebody waits for this server."""
        return any(listener.ready for listener, _, _ in self.listeners) or any(
            session.has_work for session in self.sessions
        )

    def take_turns(self) -> None:
        """Accept, and let each client have one turn."""
        for listener, name, make in self.listeners:
            while listener.ready:
                sock = listener.accept()
                self.sessions.append(Session(sock, make(), name, bytearray()))
                self.log(
                    "accept", service=name, peer=sock.remote.address, peer_port=sock.remote.port
                )
        for session in list(self.sessions):
            if session.has_work and not self._turn(session):
                self.sessions.remove(session)
                self.served += 1

    def _turn(self, session: Session) -> bool:
        """Read a request when nothing is left to send; else send.

        Return whether the conversation goes on.
        """
        sock = session.sock
        facts = {
            "service": session.name,
            "peer": sock.remote.address,
            "peer_port": sock.remote.port,
        }
        try:
            if not session.pending and not session.ended:
                data = sock.recv(TURN_BYTES)
                if data:
                    session.pending += session.service.feed(data)
                else:
                    session.ended = True
            if session.pending and sock.connection.writable:
                taken = sock.send(bytes(session.pending[:TURN_BYTES]))
                session.sent += taken
                del session.pending[:taken]
                if not session.pending:
                    self.log("answered", bytes=session.sent, **facts)
        except OSError as error:
            self.log("broken", error=str(error), **facts)
            return False
        if session.ended and not session.pending:
            sock.close()
            self.log("close", bytes=session.sent, **facts)
            return False
        return True
