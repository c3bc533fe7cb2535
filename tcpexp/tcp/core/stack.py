"""All connections and listening ports of one address: which segment belongs to which, and resets
for those that belong to none.

The same five calls as a connection has (:mod:`tcpexp.tcp.core.connection`), for many of them; what
goes out says to whom.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Literal, NamedTuple

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.connection import CallError, Connection
from tcpexp.tcp.core.events import Event
from tcpexp.tcp.core.isn import Endpoint, IsnSource
from tcpexp.tcp.core.listener import Listener
from tcpexp.tcp.core.output import reset_for
from tcpexp.tcp.core.segment import ACK, RST, SYN, Segment
from tcpexp.tcp.core.seqnum import HALF, MASK
from tcpexp.tcp.core.states import State
from tcpexp.tcp.core.tcb import delete_tcb

EPHEMERAL = range(49152, 65536)


class Outgoing(NamedTuple):
    """A segment and its two ends. RFC 9293 section 3.9.2."""

    local: Endpoint
    remote: Endpoint
    segment: Segment


class Stack:
    """The TCP of one host. RFC 9293 section 3.9, RFC 9293 section 3.10.7."""

    def __init__(
        self,
        address: str,
        isn: IsnSource,
        config: Config | None = None,
        *,
        cookie_key: bytes = b"",
        first_port: int = EPHEMERAL.start,
    ) -> None:
        """Own ``address``.

        ``cookie_key`` is the secret of SYN cookies (without one, listeners make none). RFC 9293
        section 3.9.
        """
        self.address = address
        self.isn = isn
        self.config = config or Config()
        self.cookie_key = cookie_key
        self.connections: dict[tuple[int, Endpoint], Connection] = {}
        self.listeners: dict[int, Listener] = {}
        self.retired: list[Connection] = []
        self.answers: list[Outgoing] = []
        #: Fast Open cookies by server, with its MSS: RFC 7413 section 4.1.3.
        self.cookies: dict[str, tuple[bytes, int | None]] = {}
        #: Servers without Fast Open, and until when that is believed: RFC 7413 section 4.1.3.1.
        self.refused: dict[str, int] = {}
        #: Servers for which the experimental option is to be tried next, was tried in vain, or is
        #: what their cookie came in: RFC 7413 section 7.
        self.old_option: dict[str, Literal["next", "tried", "in use"]] = {}
        self.discarded = 0
        self._next_port = first_port

    def connect(
        self,
        remote: Endpoint,
        now: int,
        *,
        port: int | None = None,
        config: Config | None = None,
        data: bytes = b"",
    ) -> Connection:
        """Open a connection to ``remote``. RFC 9293 section 3.9.1.1 (MUST-43, MUST-46).

        With ``Config.fast_open``, and a cookie of that server, ``data`` begin with the SYN: RFC
        7413 section 4.1.3. They must fit the send buffer.

        Raises: CallError for a broadcast or multicast address, a port in use, or when no port is
            free.
        """
        if not is_unicast(remote.address):
            raise CallError(f"{remote.address} is not a unicast address")
        local = Endpoint(self.address, self._free_port(remote) if port is None else port)
        old = self.connections.get((local.port, remote))
        if old is not None and old.state is State.CLOSED:
            self._retire((local.port, remote), now)
        elif old is not None:
            raise CallError(
                f"connection already exists: port {local.port} to {remote.address}:{remote.port}"
            )
        config = config or self.config
        connection = Connection(local, remote, self.isn, config)
        cookie, mss = self.cookies.get(remote.address, (b"", None))
        wanted = config.fast_open and now >= self.refused.get(remote.address, now)
        older = self.old_option.get(remote.address) in ("next", "in use")
        connection.connect(now, data, cookie if wanted else None, mss, old_option=older)
        self.connections[local.port, remote] = connection
        return connection

    def _free_port(self, remote: Endpoint) -> int:
        """Return the next ephemeral port without a connection to ``remote``.

        RFC 9293 section 3.10.1.
        """
        for _ in EPHEMERAL:
            port = self._next_port
            self._next_port = EPHEMERAL.start + (port + 1 - EPHEMERAL.start) % len(EPHEMERAL)
            if (port, remote) not in self.connections and port not in self.listeners:
                return port
        raise CallError(f"no free port towards {remote.address}:{remote.port}")

    def listen(self, port: int, *, config: Config | None = None) -> Listener:
        """Listen on ``port``. RFC 9293 section 3.9.1.1 (MUST-42), RFC 9293 section 3.10.1.

        Raises: CallError when the port is listening already, or SYN cookies are wanted without a
            key.
        """
        if port in self.listeners:
            raise CallError(f"port {port} is listening already")
        config = config or self.config
        if not self.cookie_key and config.syn_cookies == "always":
            raise CallError("SYN cookies need a cookie_key")
        listener = Listener(Endpoint(self.address, port), self.isn, config, self.cookie_key)
        self.listeners[port] = listener
        return listener

    def receive(
        self, segment: Segment, source: str, now: int, destination: str | None = None
    ) -> None:
        """Give a segment from ``source`` to its connection or listener.

        Answer one for neither with a reset.

        RFC 9293 section 3.10.7.1, RFC 9293 section 3.9.2.3 (MUST-57, MUST-63).
        """
        if not is_unicast(source) or (destination is not None and not is_unicast(destination)):
            self.discarded += 1
            return
        remote = Endpoint(source, segment.src_port)
        key = (segment.dst_port, remote)
        connection = self.connections.get(key)
        listener = self.listeners.get(segment.dst_port)
        if connection is not None and (
            connection.state is State.CLOSED
            or (listener is not None and may_reuse(connection, segment))
        ):
            self._retire(key, now)
            connection = None
        if connection is not None:
            half_open = connection.state is State.SYN_RECEIVED
            connection.receive(segment, now)
            self._learn_of_fast_open(connection, source, now)
            if half_open and listener is not None and connection.tcb.passive:
                listener.note(connection)
        elif listener is not None:
            connection = listener.take(segment, remote, now)
            if connection is not None:
                self.connections[key] = connection
        elif (reset := reset_for(segment)) is not None:
            self.answers.append(Outgoing(Endpoint(self.address, segment.dst_port), remote, reset))

    def _learn_of_fast_open(self, connection: Connection, server: str, now: int) -> None:
        """Keep a cookie that a server has just given, or that it does not take data with the SYN.

        RFC 7413 sections 4.1.3 and 4.1.3.1.
        """
        tcb = connection.tcb
        known = self.cookies.get(server, (b"", None))[0]
        if tcb.learned_cookie is not None and (tcb.learned_cookie or known):
            self.cookies[server] = (tcb.learned_cookie or known, tcb.send_mss)
        if tcb.learned_cookie is not None:
            self._learn_of_option(connection, server)
        tcb.learned_cookie = None
        if tcb.fast_open_refused:
            self.cookies.pop(server, None)
            self.refused[server] = now + connection.config.fast_open_pause_ns
            tcb.fast_open_refused = False

    def _learn_of_option(self, connection: Connection, server: str) -> None:
        """Keep in which option a server gave its cookie, or that it gave none in one.

        Linux 7.3, net/ipv4/tcp_input.c: tcp_rcv_fastopen_synack(); tcp_metrics.c. RFC 7413 section
        7.
        """
        tcb = connection.tcb
        if tcb.learned_cookie and tcb.learned_old:
            self.old_option[server] = "in use"
        elif tcb.learned_cookie:
            self.old_option.pop(server, None)
        elif connection.config.fast_open_tries_old and tcb.fast_open == b"":
            tried = tcb.fast_open_old or self.old_option.get(server) == "tried"
            self.old_option[server] = "tried" if tried else "next"

    def _retire(self, key: tuple[int, Endpoint], now: int) -> None:
        """Make room for a new connection with the ports of one that is closed or in TIME-WAIT.

        Its events and last segments are not lost.

        RFC 9293 section 3.6.1.
        """
        connection = self.connections.pop(key)
        if connection.state is State.TIME_WAIT:
            connection.tcb.now = now
            delete_tcb(connection.tcb, "closed", "newer SYN")
        self.retired.append(connection)

    def icmp_error(
        self, error: str, local_port: int, remote: Endpoint, now: int, seq: int | None = None
    ) -> None:
        """Pass on an ICMP error about a segment that this end sent, found by its ports and
        addresses. RFC 9293 section 3.9.2.2 (MUST-54).

        ``error`` is one of :data:`tcpexp.tcp.core.icmp.HARD`, :data:`~tcpexp.tcp.core.icmp.SOFT`,
        or ``source quench``; ``seq`` is the segment's sequence number.
        """
        connection = self.connections.get((local_port, remote))
        if connection is not None:
            connection.icmp_error(error, now, seq)

    def segments_to_send(self, now: int) -> list[Outgoing]:
        """Return what is to go out now. RFC 9293 section 3.9.2."""
        out, self.answers = self.answers, []
        for listener in self.listeners.values():
            out += [
                Outgoing(listener.local, remote, segment) for remote, segment in listener.answers
            ]
            listener.answers.clear()
        for connections in (self.retired, self.connections.values()):
            for connection in connections:
                segments = connection.segments_to_send(now)
                if segments:
                    tcb = connection.tcb
                    out += [Outgoing(tcb.local, tcb.remote, segment) for segment in segments]
        return out

    def next_timer(self) -> int | None:
        """Return when :meth:`handle_timer` is to be called, None for never.

        RFC 9293 section 3.10.8.
        """
        return min(
            (
                at
                for connection in self.connections.values()
                if (at := connection.next_timer()) is not None
            ),
            default=None,
        )

    def handle_timer(self, now: int) -> None:
        """Do what the timers that expired by ``now`` ask for. RFC 9293 section 3.10.8."""
        for connection in self.connections.values():
            half_open = connection.state is State.SYN_RECEIVED
            connection.handle_timer(now)
            if (
                half_open
                and connection.tcb.passive
                and (listener := self.listeners.get(connection.tcb.local.port)) is not None
            ):
                listener.note(connection)

    def next_event(self) -> tuple[Connection, Event] | None:
        """Return the oldest event of some connection, None when there is none.

        Forget connections that are closed. RFC 9293 section 3.9.1.8 (MUST-47).
        """
        while self.retired:
            event = self.retired[0].next_event()
            if event is not None:
                return self.retired[0], event
            if self.retired[0].tcb.outbox:
                break
            self.retired.pop(0)
        closed = []
        for key, connection in self.connections.items():
            event = connection.next_event()
            if event is not None:
                return connection, event
            if connection.state is State.CLOSED and not connection.tcb.outbox:
                closed.append(key)
        for key in closed:
            del self.connections[key]
        return None


@lru_cache(maxsize=1024)  # a busy peer's address is asked about with every segment
def is_unicast(address: str) -> bool:
    """Return whether TCP may talk to this address.

    RFC 9293 section 3.9.2.3 (MUST-57, MUST-63), RFC 9293 section 3.9.1.1 (MUST-46).
    """
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_multicast or parsed == ipaddress.ip_address("255.255.255.255"))


def may_reuse(connection: Connection, segment: Segment) -> bool:
    """Return whether a SYN may take the place of a connection in TIME-WAIT: newer by timestamp or
    by sequence number.

    RFC 9293 section 3.6.1 (MAY-2, SHLD-4), RFC 9293 section 3.10.7.4.
    """
    tcb = connection.tcb
    if not tcb.config.reuse_time_wait:
        return False
    if tcb.state is not State.TIME_WAIT or segment.flags & (SYN | ACK | RST) != SYN:
        return False
    stamps = segment.options.timestamps
    if stamps is not None and tcb.timestamps_ok and stamps[0] != tcb.ts_recent & MASK:
        return 0 < ((stamps[0] - tcb.ts_recent) & MASK) < HALF
    return 0 < ((segment.seq - tcb.rcv_nxt) & MASK) < HALF
