"""One descriptor of the script's program: a socket on ``tcpexp.tcp``, and what POSIX calls do to
it.

A call returns a :class:`Result`, or None while it would block. The player asks again whenever
something has happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tcpexp.tcp.core import events
from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.connection import CallError, Connection
from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.listener import Listener
from tcpexp.tcp.core.stack import Stack
from tcpexp.tcp.core.states import State

#: What a connection's end says to the application. RFC 9293 section 3.9.1, POSIX.
ERRORS = {"refused": "ECONNREFUSED", "reset": "ECONNRESET", "timed out": "ETIMEDOUT"}
#: The same for the ICMP error that ended it: icmp_err_convert of Linux, inetctlerrmap of FreeBSD.
ICMP_ERRORS = {
    "ICMP network unreachable": "ENETUNREACH",
    "ICMP host unreachable": "EHOSTUNREACH",
    "ICMP time exceeded": "EHOSTUNREACH",
    "ICMP parameter problem": "EPROTO",
}


class Result(NamedTuple):
    """What a call returns: a number, and errno's symbol for -1."""

    value: int
    errno: str | None = None


def failed(errno: str) -> Result:
    """Return what a call that fails returns."""
    return Result(-1, errno)


@dataclass
class Heard:
    """What the events of a connection have said so far."""

    established: bool = False
    ended: bool = False
    closed: str | None = None
    icmp: str | None = None  # errno for the ICMP error that ended it
    largest: int = 0  # octets of the longest segment that arrived
    data_ns: int | None = None  # when data arrived last in order, or the handshake was over


@dataclass
class Socket:
    """A descriptor; ``config`` is what its connection gets, or those that it accepts."""

    stack: Stack
    config: Config
    blocking: bool = True
    port: int | None = None
    connection: Connection | None = None
    listener: Listener | None = None
    heard: Heard = field(default_factory=Heard)
    error: str | None = None
    connecting: bool = False
    deferred: bool = False
    read_shut: bool = False
    linger: int | None = None
    options: dict[str, int] = field(default_factory=dict)

    def connect(self, remote: Endpoint, now: int) -> Result | None:
        """Begin, or go on with, an active open."""
        if not self.connecting:
            if self.connection is not None:
                return failed("EISCONN")
            self.connecting = True
            self.connection = self.stack.connect(remote, now, port=self.port, config=self.config)
            self.apply()
            return failed("EINPROGRESS") if not self.blocking else None
        if (error := self.take_error()) is not None:
            return failed(error)
        if self.connection is not None and self.connection.state in (
            State.SYN_SENT,
            State.SYN_RECEIVED,
        ):
            return failed("EALREADY") if not self.blocking else None
        self.connecting = False
        return Result(0) if self.blocking else failed("EISCONN")

    def disconnect(self, now: int) -> Result:
        """Give up the connection, with a reset; the socket can connect again."""
        if self.connection is not None and self.connection.state is not State.CLOSED:
            self.connection.abort(now)
        self.connection, self.connecting, self.error, self.heard = None, False, None, Heard()
        return Result(0)

    def open(self, remote: Endpoint, now: int, data: bytes) -> int:
        """Begin an active open with ``data``; return how many octets found room."""
        self.connecting = True
        taken = min(len(data), self.config.send_buffer)
        self.connection = self.stack.connect(
            remote, now, port=self.port, config=self.config, data=data[:taken]
        )
        self.apply()
        return taken

    def apply(self) -> None:
        """Bring options of the socket to its connection."""
        if self.connection is not None and "TCP_NODELAY" in self.options:
            self.connection.set_nodelay(bool(self.options["TCP_NODELAY"]))

    def accept(self) -> Connection | Result | None:
        """Return the connection that waits longest."""
        if self.listener is None:
            return failed("EINVAL")
        while (connection := self.listener.accept()) is not None:
            return connection
        return None if self.blocking else failed("EAGAIN")

    def read(self, most: int, now: int, *, peek: bool = False, all_: bool = False) -> Result | None:
        """Take up to ``most`` octets."""
        connection = self.connection
        if connection is None:
            return failed("ENOTCONN")
        if connection.state is State.SYN_SENT:
            return failed("EAGAIN") if not self.blocking else None
        readable = connection.readable
        if readable and not (all_ and readable < most and not self._over):
            return Result(min(readable, most) if peek else len(connection.read(most, now)))
        if (error := self.take_error()) is not None:
            return failed(error)
        if self._over or most == 0:
            return Result(0)
        return None if self.blocking else failed("EAGAIN")

    @property
    def _over(self) -> bool:
        """Whether nothing more can be read."""
        return self.heard.ended or self.heard.closed is not None or self.read_shut

    def write(self, count: int, done: int, now: int, blocking: bool) -> Result | int | None:
        """Queue ``count`` octets, of which ``done`` are queued already.

        Return the result, or how many are queued now when the call has to go on.
        """
        connection = self.connection
        if (error := self.take_error()) is not None:
            return Result(done) if done else failed(error)
        if connection is None:
            return failed("ENOTCONN" if self.listener is None else "EPIPE")
        if connection.state is State.SYN_SENT:
            return None if blocking else failed("EAGAIN")
        try:
            taken = connection.send(bytes(count - done), now) if count > done else 0
        except CallError:
            return Result(done) if done else failed("EPIPE")
        done += taken
        if done == count or (not blocking and done):
            return Result(done)
        return done if blocking else failed("EAGAIN")

    def shutdown(self, how: str, now: int) -> Result:
        """Close one direction or both."""
        connection = self.connection
        if connection is None or connection.state in (State.CLOSED, State.SYN_SENT):
            return failed("ENOTCONN")
        if how in ("SHUT_RD", "SHUT_RDWR"):
            self.read_shut = True
        if how in ("SHUT_WR", "SHUT_RDWR") and not connection.tcb.fin_wanted:
            connection.shutdown(now)
        return Result(0)

    def close(self, now: int) -> Result:
        """Close the socket: with a reset if octets wait that nobody will read, or by SO_LINGER."""
        if self.listener is not None:
            self._stop_listening(now)
        connection = self.connection
        if connection is not None and connection.state is not State.CLOSED:
            if self.linger == 0:
                connection.abort(now)
            else:
                connection.close(now)
        return Result(0)

    def _stop_listening(self, now: int) -> None:
        """Forget half-open connections, and reset those that nobody accepted."""
        assert self.listener is not None
        port = self.listener.local.port
        self.stack.listeners.pop(port, None)
        while (waiting := self.listener.accept()) is not None:
            if waiting.state is not State.CLOSED:
                waiting.abort(now)
        for remote in self.listener.half_open:
            self.stack.connections.pop((port, remote), None)

    def listen(self, port: int, backlog: int) -> Result:
        """Open passively."""
        if self.listener is None:
            try:
                self.listener = self.stack.listen(
                    self.port or port, config=replace(self.config, accept_queue=max(backlog, 1) + 1)
                )
            except CallError:
                return failed("EADDRINUSE")
        return Result(0)

    def take_error(self) -> str | None:
        """Return what SO_ERROR holds, and clear it."""
        error, self.error = self.error, None
        return error

    def note(self, event: events.Event) -> None:
        """Take what the connection says."""
        heard = self.heard
        if isinstance(event, events.Established):
            heard.established = True
            heard.data_ns = event.at_ns if heard.data_ns is None else heard.data_ns
        elif isinstance(event, events.EndOfStream):
            heard.ended = True
        elif isinstance(event, events.StateChanged):
            if event.new is State.CLOSED and event.cause == "RST":
                # also where the RFC tells the user nothing: CLOSING and LAST-ACK
                self.error = ERRORS["reset"]
            if event.new is State.CLOSED:
                heard.icmp = ICMP_ERRORS.get(event.cause)
        elif isinstance(event, events.Closed):
            heard.closed = event.reason
            passive = self.connection is not None and self.connection.tcb.passive
            reason = "reset" if passive and event.reason == "refused" else event.reason
            self.error = heard.icmp or ERRORS.get(reason, self.error)

    def ready(self) -> frozenset[str]:
        """Return what poll() would say: in, out, err, hup, rdhup."""
        found = set()
        connection = self.connection
        if self.listener is not None and self.listener.ready:
            found.add("in")
        if connection is None:
            return frozenset(found | ({"out", "hup"} if self.listener is None else set()))
        open_ = connection.state not in (State.SYN_SENT, State.SYN_RECEIVED)
        if connection.readable or (open_ and self._over):
            found.add("in")
        if open_ and (connection.writable > 0 or connection.tcb.fin_wanted or heard_closed(self)):
            found.add("out")
        if self.error is not None:
            found.add("err")
        if open_ and self.heard.ended:
            found.add("rdhup")
        if heard_closed(self) or (self.heard.ended and connection.tcb.fin_wanted):
            found |= {"hup", "rdhup"}
        return frozenset(found)


def heard_closed(socket: Socket) -> bool:
    """Return whether the socket's connection is gone."""
    return socket.heard.closed is not None
