"""The event loop: one stack, one network, one clock.

Blocking calls run it until what they wait for has happened.
"""

from __future__ import annotations

import dataclasses
import os
import selectors
import time
from collections.abc import Callable, Iterable
from typing import Protocol
from weakref import WeakKeyDictionary

from tcpexp.tcp.adapters.network import Carrier, IpHeader, NetworkTrouble
from tcpexp.tcp.adapters.sockets import Heard, Ready, TcpListener, TcpSocket
from tcpexp.tcp.core import events
from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.isn import Endpoint, hashed_isn
from tcpexp.tcp.core.segment import Segment
from tcpexp.tcp.core.stack import EPHEMERAL, Stack
from tcpexp.tcp.core.states import State

SECOND = 1_000_000_000
#: IP and TCP header without options.
HEADERS_V4, HEADERS_V6 = 40, 60


class Recorder(Protocol):
    """Who wants to know what happens: see ``tcpexp.tcp.adapters.record``."""

    def arriving(self, connection: Connection, segment: Segment, now: int) -> None:
        """Take note of a segment before the connection sees it."""

    def happened(self, connection: Connection, event: events.Event) -> None:
        """Take note of an event."""


class Host:
    """A TCP host on a network.

    Not for several threads: whoever blocks runs everybody's timers and segments.
    """

    def __init__(
        self,
        network: Carrier,
        config: Config | None = None,
        *,
        recorder: Recorder | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Own ``network``; the MSS is cut to its MTU.

        ``entropy`` gives secrets for ISNs (RFC 6528), SYN cookies and the first ephemeral port.
        """
        config = config or Config()
        headers = HEADERS_V6 if ":" in network.address else HEADERS_V4
        config = dataclasses.replace(config, mss=min(config.mss, network.mtu - headers))
        first_port = EPHEMERAL.start + int.from_bytes(entropy(4), "big") % len(EPHEMERAL)
        self.network = network
        network.header = IpHeader(config.dscp, config.hop_limit)
        self.clock = clock
        self.recorder = recorder
        self.stack = Stack(
            network.address,
            hashed_isn(entropy(32)),
            config,
            cookie_key=entropy(32),
            first_port=first_port,
        )
        self.heard: WeakKeyDictionary[Connection, Heard] = WeakKeyDictionary()
        self._selector = selectors.SelectSelector()  # microseconds; epoll counts in milliseconds
        self._selector.register(network.fileno(), selectors.EVENT_READ)

    # What programs call

    def connect(
        self,
        address: str,
        port: int,
        *,
        timeout: float | None = None,
        local_port: int | None = None,
        config: Config | None = None,
        data: bytes = b"",
    ) -> TcpSocket:
        """Open a connection and wait until it is established.

        ``data`` are the first to be sent: with ``Config.fast_open``, and a cookie of that address,
        they begin with the SYN. RFC 7413 section 4.1.3.

        Raises: ConnectionRefusedError, TimeoutError, ConnectionResetError; CallError for an address
            or port that cannot be.
        """
        first = data[: (config or self.stack.config).send_buffer]
        sock = self.begin_connect(address, port, local_port=local_port, config=config, data=first)
        if not self.run_until(
            lambda: sock.heard.established or sock.heard.closed is not None, timeout
        ):
            sock.abort()
            raise TimeoutError(f"no answer from {address} port {port} within {timeout:g} s")
        if sock.heard.closed is not None and not sock.heard.established:
            raise sock.error()
        sock.sendall(data[len(first) :])
        return sock

    def begin_connect(
        self,
        address: str,
        port: int,
        *,
        local_port: int | None = None,
        config: Config | None = None,
        data: bytes = b"",
    ) -> TcpSocket:
        """Send the SYN and return at once; :meth:`wait` says when it is established. ``data`` must
        fit the send buffer.
        """
        config = (
            dataclasses.replace(config, mss=min(config.mss, self.stack.config.mss))
            if config
            else None
        )
        connection = self.stack.connect(
            Endpoint(address, port), self.clock(), port=local_port, config=config, data=data
        )
        sock = TcpSocket(self, connection)
        self.flush()
        return sock

    def listen(self, port: int, *, config: Config | None = None) -> TcpListener:
        """Listen on a port. Raises: CallError when it is listening already."""
        config = (
            dataclasses.replace(config, mss=min(config.mss, self.stack.config.mss))
            if config
            else None
        )
        return TcpListener(self, self.stack.listen(port, config=config))

    def wait(self, things: Iterable[Ready], timeout: float | None = None) -> list[Ready]:
        """Wait until one of the sockets and listeners can be read, accepted from, or has ended.

        Return all for which that holds now.
        """
        waiting = list(things)
        self.run_until(lambda: any(thing.ready for thing in waiting), timeout)
        return [thing for thing in waiting if thing.ready]

    def drain(self, timeout: float | None = None, *, time_wait: bool = False) -> bool:
        """Run until no connection is left that still has something to do.

        With ``time_wait`` until TIME-WAIT is over too. Return whether it came to that.
        """
        done = (State.CLOSED,) if time_wait else (State.CLOSED, State.TIME_WAIT)
        return self.run_until(
            lambda: all(connection.state in done for connection in self.stack.connections.values()),
            timeout,
        )

    def close(self) -> None:
        """Give the network back; connections that are open hear nothing more."""
        self._selector.close()
        self.network.close()

    # The loop

    def run_until(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        """Run until ``condition()`` holds.

        Return False when ``timeout`` seconds have passed without.
        """
        deadline = None if timeout is None else self.clock() + round(timeout * SECOND)
        self.flush()
        while not condition():
            if deadline is not None and self.clock() >= deadline:
                return False
            self.turn(deadline)
        return True

    def turn(self, deadline: int | None) -> None:
        """Wait for an arrival, a timer or the deadline, whichever is first; handle what is due."""
        timers = (deadline, self.stack.next_timer(), self.network.next_timer())
        first = min((timer for timer in timers if timer is not None), default=None)
        wait = None if first is None else max(0, first - self.clock()) / SECOND
        readable = self._selector.select(wait)
        now = self.clock()
        self.network.handle_timer(now)
        due = self.network.next_timer()
        if readable or (due is not None and due <= now):
            self._receive(now)
        now = self.clock()
        timer = self.stack.next_timer()
        if timer is not None and timer <= now:
            self.stack.handle_timer(now)
            self.flush()

    def _receive(self, now: int) -> None:
        """Give all that has arrived to the stack.

        After each segment its answers go out, as they would between two interrupts.
        """
        for arrival in self.network.receive(now):
            now = self.clock()
            if isinstance(arrival, NetworkTrouble):
                self.stack.icmp_error(
                    arrival.error, arrival.local_port, arrival.remote, now, arrival.seq
                )
            else:
                source, segment = arrival
                if self.recorder is not None:
                    connection = self.stack.connections.get(
                        (segment.dst_port, Endpoint(source, segment.src_port))
                    )
                    if connection is not None:
                        self.recorder.arriving(connection, segment, now)
                self.stack.receive(segment, source, now)
            self.flush()

    def flush(self) -> None:
        """Hand segments to the network and events to whom they concern."""
        now = self.clock()
        for local, remote, segment in self.stack.segments_to_send(now):
            self.network.send(local, remote, segment, now)
        while (happened := self.stack.next_event()) is not None:
            self._tell(*happened)

    def _tell(self, connection: Connection, event: events.Event) -> None:
        if self.recorder is not None:
            self.recorder.happened(connection, event)
        kind = type(event)
        if kind is events.Established:
            self.heard_of(connection).established = True
        elif kind is events.EndOfStream:
            self.heard_of(connection).ended = True
        elif isinstance(event, events.Closed):
            self.heard_of(connection).closed = event.reason
            self.network.headers.pop((connection.tcb.local.port, connection.tcb.remote), None)

    def heard_of(self, connection: Connection) -> Heard:
        """Return what is known of a connection; a socket keeps it when the connection is gone."""
        known = self.heard.get(connection)
        if known is None:
            known = self.heard[connection] = Heard()
        return known
