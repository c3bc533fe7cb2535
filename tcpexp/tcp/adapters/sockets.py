"""Sockets in the manner of the standard library: connect, listen, accept, send, recv, shutdown,
close, with timeouts.

A call without a timeout blocks until it is done; ``timeout=0`` never blocks. The host's
:meth:`~tcpexp.tcp.adapters.host.Host.wait` waits for several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tcpexp.tcp.adapters.network import Carrier, IpHeader
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.listener import Listener
from tcpexp.tcp.core.stack import Stack
from tcpexp.tcp.core.states import State

#: Reasons of the event ``Closed`` and the errors that the standard library's sockets raise for
#: them.
ERRORS: dict[str, type[OSError]] = {
    "refused": ConnectionRefusedError,
    "reset": ConnectionResetError,
    "timed out": TimeoutError,
    "aborted": ConnectionAbortedError,
}


class Ready(Protocol):
    """What one can wait for."""

    @property
    def ready(self) -> bool:
        """Whether there is something to do now."""


@dataclass
class Heard:
    """What the events of a connection have said."""

    established: bool = False
    ended: bool = False
    closed: str | None = None


class Loop(Protocol):
    """What a socket asks of the host that it belongs to: :class:`tcpexp.tcp.adapters.host.Host`."""

    network: Carrier
    stack: Stack
    clock: Callable[[], int]

    def run_until(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        """Run until ``condition()`` holds; return False when the time is over before."""
        ...

    def flush(self) -> None:
        """Hand on what the stack has to send and to say."""

    def heard_of(self, connection: Connection) -> Heard:
        """Return what is known of a connection."""
        ...


class TcpSocket:
    """One connection."""

    def __init__(self, host: Loop, connection: Connection) -> None:
        self.host = host
        self.connection = connection
        self.heard = host.heard_of(connection)
        self.set_ip(connection.config.dscp, connection.config.hop_limit)
        self.timeout: float | None = None
        """Seconds that a call may block; None is for ever."""

    @property
    def local(self) -> Endpoint:
        """This end."""
        return self.connection.tcb.local

    @property
    def remote(self) -> Endpoint:
        """The other end."""
        return self.connection.tcb.remote

    @property
    def ready(self) -> bool:
        """Whether :meth:`recv` would not block: octets, the end of the stream, or an error."""
        return self.connection.readable > 0 or self.heard.ended or self.heard.closed is not None

    def set_ip(self, dscp: int, hop_limit: int) -> None:
        """Say what the IP header of this connection's segments holds from now on: the
        differentiated services code point and the time to live.

        RFC 9293 section 3.9.1.9 (MUST-48), RFC 9293 section 3.9.2 (MUST-49). A connection that was
        accepted had its listener's host's until now.
        Raises: ValueError for a number outside the field.
        """
        if not 0 <= dscp <= 63 or not 1 <= hop_limit <= 255:
            raise ValueError(
                f"dscp can be 0 to 63 and hop_limit 1 to 255, not {dscp} and {hop_limit}"
            )
        header, network = IpHeader(dscp, hop_limit), self.host.network
        if header != network.header:
            network.headers[self.local.port, self.remote] = header
        else:
            network.headers.pop((self.local.port, self.remote), None)

    def error(self) -> OSError:
        """Return the error that ended the connection."""
        reason = self.heard.closed or "closed"
        return ERRORS.get(reason, ConnectionError)(
            f"connection to {self.remote.address} port {self.remote.port} {reason}"
        )

    def send(self, data: bytes) -> int:
        """Queue as much of ``data`` as there is room for, at least one octet; return how many.

        Raises: TimeoutError when no room comes in time; the error of a connection that is gone;
            CallError after :meth:`shutdown`.
        """
        if not self._wait(lambda: self.connection.writable > 0 or self.heard.closed is not None):
            raise TimeoutError(f"no room to send within {self.timeout:g} s")
        if self.heard.closed is not None:
            raise self.error()
        taken = self.connection.send(data, self.host.clock())
        self.host.flush()
        return taken

    def sendall(self, data: bytes) -> None:
        """Queue all of ``data``, however long that takes; each wait may last ``timeout``."""
        view = memoryview(data)
        while view:
            view = view[self.send(bytes(view[:65_536])) :]

    def recv(self, most: int) -> bytes:
        """Return up to ``most`` octets, or ``b""`` at the end of the peer's stream.

        Raises: TimeoutError when nothing comes in time; ConnectionResetError and others when the
            connection broke.
        """
        if not self._wait(lambda: self.ready):
            raise TimeoutError(f"nothing received within {self.timeout:g} s")
        data = self.connection.read(most, self.host.clock())
        if data:
            self.host.flush()
        elif self.heard.closed not in (None, "closed") and not self.heard.ended:
            raise self.error()
        return data

    def shutdown(self) -> None:
        """Close this end's stream once what is queued has gone out; the peer's goes on."""
        self.connection.shutdown(self.host.clock())
        self.host.flush()

    def close(self) -> None:
        """Close both directions; :meth:`Host.drain` lets the last segments go.

        Nothing happens when the connection is gone.
        """
        if self.connection.state is not State.CLOSED:
            self.connection.close(self.host.clock())
            self.host.flush()

    def abort(self) -> None:
        """Drop the connection with a reset. Nothing happens when it is gone."""
        if self.connection.state is not State.CLOSED:
            self.connection.abort(self.host.clock())
            self.host.flush()

    def _wait(self, condition: Callable[[], bool]) -> bool:
        return self.host.run_until(condition, self.timeout)

    def __enter__(self) -> TcpSocket:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()


class TcpListener:
    """A listening port."""

    def __init__(self, host: Loop, listener: Listener) -> None:
        self.host = host
        self.listener = listener
        self.timeout: float | None = None

    @property
    def ready(self) -> bool:
        """Whether :meth:`accept` would not block."""
        return bool(self.listener.ready)

    def accept(self) -> TcpSocket:
        """Return the next connection. Raises: TimeoutError when none comes in time."""
        if not self.host.run_until(lambda: self.ready, self.timeout):
            raise TimeoutError(f"nobody connected within {self.timeout:g} s")
        connection = self.listener.accept()
        assert connection is not None
        return TcpSocket(self.host, connection)

    def close(self) -> None:
        """Listen no longer; connections that were not accepted are reset."""
        self.host.stack.listeners.pop(self.listener.local.port, None)
        while (connection := self.listener.accept()) is not None:
            if connection.state is not State.CLOSED:
                connection.abort(self.host.clock())
        self.host.flush()
