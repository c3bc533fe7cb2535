"""A listening port: a bounded queue of half-open connections, SYN cookies beyond it, and a queue of
those to accept.
"""

from __future__ import annotations

from collections import deque

from tcpexp.tcp.core import fastopen
from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.cookies import check_cookie, make_cookie
from tcpexp.tcp.core.isn import Endpoint, IsnSource
from tcpexp.tcp.core.options import Options
from tcpexp.tcp.core.output import reset_for
from tcpexp.tcp.core.segment import ACK, RST, SYN, Segment
from tcpexp.tcp.core.seqnum import MASK
from tcpexp.tcp.core.states import State


class Listener:
    """A passive OPEN on one port, for any number of peers.

    RFC 9293 section 3.9.1.1 (MUST-41, MUST-42).
    """

    def __init__(self, local: Endpoint, isn: IsnSource, config: Config, cookie_key: bytes) -> None:
        """Begin to listen; ``cookie_key`` is the secret of the SYN cookies.

        RFC 9293 section 3.10.1, RFC 4987 section 3.6.
        """
        self.local = local
        self.isn = isn
        self.config = config
        self.cookie_key = cookie_key
        self.half_open: set[Endpoint] = set()
        self.ready: deque[Connection] = deque()
        self.by_cookie: set[Endpoint] = set()  # taken before their handshake: RFC 7413 section 5.1
        self.answers: list[tuple[Endpoint, Segment]] = []
        self.dropped_syns = 0
        self.cookies_sent = 0
        self.cookies_accepted = 0

    def accept(self) -> Connection | None:
        """Return the connection that was established first and not yet accepted, None when there is
        none. RFC 9293 section 3.9.1.1.
        """
        return self.ready.popleft() if self.ready else None

    def take(self, segment: Segment, remote: Endpoint, now: int) -> Connection | None:
        """Take a segment of a peer without a connection.

        Return the connection that it begins, if it does. RFC 9293 section 3.10.7.2.
        """
        if segment.flags & RST:  # first
            return None
        if segment.flags & ACK:  # second
            connection = self._take_cookie(segment, remote, now)
            if connection is None and (reset := reset_for(segment)) is not None:
                self.answers.append((remote, reset))
            return connection
        if not segment.flags & SYN:  # fourth
            return None
        return self._take_syn(segment, remote, now)

    def _take_syn(self, segment: Segment, remote: Endpoint, now: int) -> Connection | None:
        """Open a connection half, or answer with a cookie, or drop.

        RFC 9293 section 3.10.7.2, RFC 4987 sections 3.2 and 3.6. One that brings the right Fast
        Open cookie is ready at once, with its data; others are given a cookie if they ask. RFC 7413
        sections 4.1.2, 4.2.2 and 5.1.
        """
        policy = self.config.syn_cookies
        if len(self.ready) >= self.config.accept_queue:
            self.dropped_syns += 1
            return None
        if policy == "always" or len(self.half_open) >= self.config.syn_queue:
            if policy == "never" or not self.cookie_key:
                self.dropped_syns += 1
            else:
                self._answer_with_cookie(segment, remote, now)
            return None
        connection = Connection(self.local, remote, self.isn, self.config)
        brought, cookie = segment.options.fast_open, None
        if brought is not None and self.config.fast_open and self.cookie_key:
            cookie = fastopen.make_cookie(self.cookie_key, remote.address)
        free = self.config.fast_open_without_cookie and segment.payload
        if (cookie is not None and brought == cookie) or free:
            if len(self.by_cookie) < self.config.fast_open_queue:
                connection.accept_syn(segment, now, text=True)
                self.by_cookie.add(remote)
                self.ready.append(connection)
                return connection
            cookie = None
        connection.accept_syn(segment, now, cookie)
        self.half_open.add(remote)
        return connection

    def _answer_with_cookie(self, segment: Segment, remote: Endpoint, now: int) -> None:
        """Answer a SYN and forget it. RFC 4987 section 3.6."""
        mss = segment.options.mss or self.config.default_send_mss
        cookie = make_cookie(self.cookie_key, self.local, remote, segment.seq, mss, now)
        window = min(self.config.receive_buffer, 0xFFFF)
        options = Options(mss=self.config.mss)
        answer = Segment(
            self.local.port,
            remote.port,
            cookie,
            (segment.seq + 1) & MASK,
            SYN | ACK,
            window,
            b"",
            options,
        )
        self.answers.append((remote, answer))
        self.cookies_sent += 1

    def _take_cookie(self, segment: Segment, remote: Endpoint, now: int) -> Connection | None:
        """Open the connection of an ACK that brings a cookie back.

        RFC 4987 section 3.6, RFC 4987 appendix A.
        """
        if not self.cookies_sent or segment.flags & SYN:
            return None
        cookie, client_isn = (segment.ack - 1) & MASK, (segment.seq - 1) & MASK
        mss = check_cookie(self.cookie_key, self.local, remote, client_isn, cookie, now)
        if mss is None or len(self.ready) >= self.config.accept_queue:
            return None
        connection = Connection(self.local, remote, self.isn, self.config)
        syn = Segment(
            remote.port, self.local.port, client_isn, 0, SYN, segment.window, b"", Options(mss=mss)
        )
        connection.accept_cookie(syn, cookie, now)
        connection.receive(segment, now)
        self.cookies_accepted += 1
        self.note(connection)
        return connection

    def note(self, connection: Connection) -> None:
        """Move a connection from the SYN queue once its handshake is complete or has failed.

        RFC 9293 section 3.10.7.4.
        """
        state, remote = connection.state, connection.tcb.remote
        if state is State.SYN_RECEIVED:
            return
        if remote in self.by_cookie:  # it was accepted, or waits for that, already
            self.by_cookie.discard(remote)
            return
        was_half_open = remote in self.half_open
        self.half_open.discard(remote)
        if state is not State.CLOSED and (was_half_open or connection not in self.ready):
            self.ready.append(connection)
