"""One TCP connection without input or output: the caller brings segments and the time, and takes
segments, deadlines and events.

    client = Connection(local, remote, hashed_isn(key), Config())
    client.connect(now)
    for segment in client.segments_to_send(now): ...      # give them to the network
    client.receive(segment, now)                          # what the network brought
    client.handle_timer(now)                              # when next_timer() is over
    while (event := client.next_event()) is not None: ...

All times are integer nanoseconds of any clock that does not go back. There is no clock, socket,
thread or random number inside: the same calls give the same segments. Misbehaviour of the peer is
an event, never an exception; an exception (:class:`CallError`) means that the caller may not do
that now.
"""

from __future__ import annotations

from tcpexp.tcp.core import events, fastopen
from tcpexp.tcp.core.arrives import other_states
from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.icmp import take_icmp
from tcpexp.tcp.core.isn import Endpoint, IsnSource
from tcpexp.tcp.core.opening import learn_from_syn, listen_state, syn_sent_state
from tcpexp.tcp.core.output import reset_for, send_reset, send_syn, send_what_may_go
from tcpexp.tcp.core.segment import RST, Segment
from tcpexp.tcp.core.states import OPEN_FOR_SENDING, RECEIVING, State
from tcpexp.tcp.core.tcb import Tcb, delete_tcb, drop, go_to, set_timer
from tcpexp.tcp.core.timeouts import expire
from tcpexp.tcp.core.timers import Timer
from tcpexp.tcp.core.window import update_is_due


class CallError(Exception):
    """A user call that the state does not allow: the RFC's "error: ..." answers.

    RFC 9293 section 3.10.
    """


class Connection:
    """The user/TCP interface and the lower-level interface of one connection.

    RFC 9293 sections 3.9.1 and 3.9.2.
    """

    def __init__(
        self, local: Endpoint, remote: Endpoint, isn: IsnSource, config: Config | None = None
    ) -> None:
        """Begin in CLOSED. RFC 9293 section 3.10.1."""
        self.config = config or Config()
        self.isn = isn
        self.tcb = Tcb(self.config, local, remote)

    # The application's calls

    def connect(
        self,
        now: int,
        data: bytes = b"",
        cookie: bytes | None = None,
        mss: int | None = None,
        *,
        old_option: bool = False,
    ) -> int:
        """Open actively: choose the ISN and send a SYN. RFC 9293 section 3.10.1.

        ``data`` are the first to be sent; return how many octets found room. With the server's
        ``cookie``, and its ``mss`` of last time, some go with the SYN; an empty cookie asks for
        one. RFC 7413 section 4.2. ``old_option`` has it in the experimental option: section 7.

        Raises: CallError when the connection exists already: RFC 9293 section 3.9.1.1 (MUST-41).
        """
        tcb = self.tcb
        if tcb.state is not State.CLOSED:
            raise CallError(f"connection already exists: {tcb.state.label}")
        tcb.now = now
        tcb.iss = tcb.snd_una = tcb.snd_nxt = self.isn(tcb.local, tcb.remote, now)
        tcb.fast_retransmit_from = tcb.recover = tcb.iss + 1
        go_to(tcb, State.SYN_SENT, "OPEN")
        taken = self.send(data, now) if data else 0
        tcb.fast_open_old = old_option
        if cookie is not None and fastopen.fits(tcb, cookie):
            tcb.fast_open = cookie
        send_syn(tcb, fastopen.data_for_syn(tcb, mss))
        self._start_keepalive()
        return taken

    def accept_syn(
        self, segment: Segment, now: int, cookie: bytes | None = None, text: bool = False
    ) -> None:
        """Open passively with the SYN that a listener took. RFC 9293 section 3.10.7.2.

        The SYN,ACK hands out ``cookie``; with ``text`` that of the SYN is taken. RFC 7413 section
        4.2.2.
        """
        tcb = self.tcb
        tcb.now = now
        tcb.state = State.LISTEN
        tcb.fast_open = cookie
        tcb.fast_open_old = segment.options.fast_open_old
        listen_state(tcb, segment, self.isn(tcb.local, tcb.remote, now), text)
        self._start_keepalive()

    def accept_cookie(self, syn: Segment, cookie: int, now: int) -> None:
        """Open passively as if ``syn`` had been kept and answered with ISN ``cookie``.

        RFC 4987 section 3.6.
        """
        tcb = self.tcb
        tcb.now = now
        tcb.timestamps_ok = tcb.sack_ok = tcb.scaling = False
        tcb.rcv_adv = tcb.rcv_nxt + min(self.config.receive_buffer, 0xFFFF)
        tcb.passive = True
        learn_from_syn(tcb, syn)
        tcb.iss = tcb.snd_una = tcb.snd_wl2 = cookie
        tcb.snd_nxt = tcb.fast_retransmit_from = tcb.recover = cookie + 1
        tcb.state = State.LISTEN
        go_to(tcb, State.SYN_RECEIVED, "SYN cookie")
        self._start_keepalive()

    def send(self, data: bytes, now: int) -> int:
        """Queue ``data`` and return how many octets found room.

        An event ``SpaceFreed`` follows if that was not all.

        RFC 9293 section 3.10.2, RFC 9293 section 3.9.1.2.
        Raises: CallError when the connection does not exist or is closing.
        """
        tcb = self.tcb
        if tcb.state not in OPEN_FOR_SENDING or tcb.fin_wanted:
            raise CallError(
                "connection does not exist"
                if tcb.state in (State.CLOSED, State.LISTEN)
                else "connection closing"
            )
        tcb.now = now
        taken = tcb.out.write(data)
        if taken < len(data):
            tcb.write_refused = True
        return taken

    def send_urgent(self, data: bytes, now: int) -> int:
        """Queue ``data`` and let the urgent pointer show to the octet after it.

        RFC 9293 section 3.8.5 (MUST-30, MUST-31, MUST-62).
        """
        taken = self.send(data, now)
        self.tcb.snd_up = self.tcb.snd_nxt + len(self.tcb.out.unsent)
        return taken

    def read(self, most: int, now: int) -> bytes:
        """Take up to ``most`` octets that arrived in order; empty when there are none now.

        RFC 9293 section 3.10.3.
        """
        tcb = self.tcb
        tcb.now = now
        data = tcb.received.read(most)
        if data and tcb.state in RECEIVING and update_is_due(tcb):
            tcb.ack_now = True
        return data

    def shutdown(self, now: int) -> None:
        """Close this end's stream, after what is queued.

        The other goes on: the RFC's CLOSE. RFC 9293 section 3.10.4.

        Raises: CallError when the connection does not exist or is closing.
        """
        tcb = self.tcb
        if tcb.state is State.CLOSED:
            raise CallError("connection does not exist")
        if tcb.fin_wanted:
            raise CallError("connection closing")
        tcb.now = now
        if tcb.state is State.SYN_SENT:
            delete_tcb(tcb, "closed", "CLOSE")
            return
        tcb.fin_wanted = True
        if tcb.state is State.ESTABLISHED:
            go_to(tcb, State.FIN_WAIT_1, "CLOSE")

    def close(self, now: int) -> None:
        """Close both streams: as :meth:`shutdown`, but octets that nobody will read are answered
        with a reset. RFC 9293 section 3.6.1 (SHLD-3).

        Raises: CallError when the connection does not exist.
        """
        tcb = self.tcb
        tcb.reading_closed = True
        if (
            tcb.received.readable
            and self.config.reset_on_unread_data
            and tcb.state is not State.CLOSED
        ):
            self.abort(now)
        elif not tcb.fin_wanted:
            self.shutdown(now)

    def abort(self, now: int) -> None:
        """Drop the connection with a reset, and what is queued with it. RFC 9293 section 3.10.5.

        Raises: CallError when the connection does not exist.
        """
        tcb = self.tcb
        if tcb.state is State.CLOSED:
            raise CallError("connection does not exist")
        tcb.now = now
        if tcb.state in (
            State.SYN_RECEIVED,
            State.ESTABLISHED,
            State.FIN_WAIT_1,
            State.FIN_WAIT_2,
            State.CLOSE_WAIT,
        ):
            send_reset(tcb, tcb.snd_nxt)
        delete_tcb(tcb, "aborted", "ABORT")

    # The network's calls

    def receive(self, segment: Segment, now: int) -> None:
        """Take a segment that arrived. RFC 9293 section 3.10.7."""
        tcb = self.tcb
        tcb.now = now
        if tcb.trace:
            tcb.events.append(events.SegmentReceived(now, segment))
        state = tcb.state
        if state is State.CLOSED:
            drop(tcb, segment, "no connection")
            reset = reset_for(segment)
            if reset is not None:
                tcb.outbox.append(reset)
            return
        if not segment.flags & RST:
            tcb.last_arrival_ns = now
        if state is State.SYN_SENT:
            syn_sent_state(tcb, segment)
        else:
            other_states(tcb, segment)

    def icmp_error(self, error: str, now: int, seq: int | None = None) -> None:
        """Take an ICMP error about a segment of this connection, with that segment's sequence
        number if known. RFC 9293 section 3.9.2.2 (MUST-54).
        """
        self.tcb.now = now
        take_icmp(self.tcb, error, seq)

    def segments_to_send(self, now: int) -> list[Segment]:
        """Return the segments that are to go out now, in order; call it after every other call.

        RFC 9293 section 3.10.2.
        """
        tcb = self.tcb
        tcb.now = now
        if tcb.state is not State.CLOSED:
            send_what_may_go(tcb)
        ready = tcb.outbox
        if ready:
            tcb.outbox = []
        return ready

    def next_timer(self) -> int | None:
        """Return when :meth:`handle_timer` is to be called, None for never.

        RFC 9293 section 3.10.8.
        """
        return self.tcb.timers.next()

    def handle_timer(self, now: int) -> None:
        """Do what the timers that expired by ``now`` ask for. RFC 9293 section 3.10.8."""
        tcb = self.tcb
        tcb.now = now
        for timer in tcb.timers.due(now):
            if tcb.timers.deadlines[timer] is not None:
                expire(tcb, timer)

    def next_event(self) -> events.Event | None:
        """Return the oldest event not yet returned, None when there is none.

        RFC 9293 section 3.9.1.8 (MUST-47).
        """
        queue = self.tcb.events
        return queue.popleft() if queue else None

    # What one may want to know

    @property
    def state(self) -> State:
        """The state. RFC 9293 section 3.3.2."""
        return self.tcb.state

    @property
    def readable(self) -> int:
        """Octets that :meth:`read` would return now. RFC 9293 section 3.10.6."""
        return len(self.tcb.received.readable)

    @property
    def writable(self) -> int:
        """Octets that :meth:`send` would take now. RFC 9293 section 3.10.6."""
        return self.tcb.out.space

    @property
    def urgent(self) -> int:
        """Octets of urgent data that remain to be read. RFC 9293 section 3.8.5 (MUST-33)."""
        tcb = self.tcb
        consumed = tcb.rcv_nxt - len(tcb.received.readable)
        return max(0, tcb.rcv_up - consumed) if tcb.rcv_up is not None else 0

    def set_nodelay(self, on: bool) -> None:
        """Switch Nagle's algorithm off or on for this connection.

        RFC 9293 section 3.7.4 (MUST-17).
        """
        self.tcb.nodelay = on

    def _start_keepalive(self) -> None:
        """Start the keep-alive timer if asked for. RFC 9293 section 3.8.4 (MUST-24, MUST-25)."""
        self.tcb.last_arrival_ns = self.tcb.now
        if self.config.keepalive:
            set_timer(self.tcb, Timer.KEEPALIVE, self.config.keepalive_idle_ns)
