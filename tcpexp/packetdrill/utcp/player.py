"""Plays a script against ``tcpexp.tcp``: its calls, the packets that arrive, and virtual time.

Time jumps from event to event and from timer to timer. What goes out is kept with its time until a
line of the script asks for it, and compared as packetdrill compares it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from tcpexp.packetdrill.assertions import Assertions
from tcpexp.packetdrill.fields import (
    TOLERANCE_NS,
    seconds,
    tolerance_ns,
    wrong_ip,
    wrong_options,
    wrong_segment,
    wrong_time,
)
from tcpexp.packetdrill.outcome import Happened, Judged, Unplayable
from tcpexp.packetdrill.script import (
    Call,
    Code,
    Command,
    Event,
    Icmp,
    Option,
    Packet,
    Script,
    Tcp,
)
from tcpexp.packetdrill.utcp import info, shell
from tcpexp.packetdrill.utcp.icmp import meaning
from tcpexp.packetdrill.utcp.program import Program, Running
from tcpexp.packetdrill.utcp.sockets import Heard, Result, Socket
from tcpexp.packetdrill.utcp.systems import System, system_for
from tcpexp.packetdrill.utcp.wire import Numbers, Unmapped
from tcpexp.packetdrill.variants import DEFINES, IpVersion, system_of
from tcpexp.tcp.core import accecn, events
from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.fastopen import make_cookie
from tcpexp.tcp.core.isn import Endpoint, fixed_isn
from tcpexp.tcp.core.segment import ACK, FIN, RST, SYN, Segment
from tcpexp.tcp.core.seqnum import MASK
from tcpexp.tcp.core.stack import Outgoing, Stack
from tcpexp.tcp.core.states import State

#: packetdrill's addresses and ports (config.c).
ADDRESSES = {
    "ipv4": ("192.168.0.1", "192.0.2.1"),
    "ipv6": ("fd3d:0a0b:17d6::1", "fd3d:fa7b:d17d::1"),
    "ipv4-mapped-ipv6": ("192.168.0.1", "192.0.2.1"),
}
PORT = 8080
FIRST_REMOTE_PORT = 40_000
BEGIN_NS = 3_600 * 10**9  # the clock at a script's begin: timestamps are not 0
ISN = 1_000_000_000
#: packetdrill waits so much longer for a packet than the script says.
PATIENCE_NS = 2 * 10**9
LONGEST_NS = 3_600 * 10**9
AFTERWARDS_NS = 10**9


def play(
    script: Script,
    ip_version: IpVersion = "ipv4",
    system: str | None = None,
    without: frozenset[str] = frozenset(),
) -> Judged:
    """Play a script; ``system`` is whose constants it supposes, by default what it looks like.
    Those of ``without`` are left to what ``tcpexp.tcp`` itself has.

    Raises: Unplayable for a script that asks for what this TCP, or this player, does not have.
    """
    return Player(script, ip_version, system, without).play()


@dataclass
class Wrong(Exception):
    """An event is not as the script says."""

    words: str
    happened: Happened


class Player:
    """One script under way."""

    def __init__(
        self,
        script: Script,
        ip_version: IpVersion,
        system: str | None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.script = script
        header = 40 if ip_version == "ipv6" else 20
        name = system or system_of(script.text)
        # the runners of scripts for Linux let a segment be as large over IPv6
        usual = 1520 if name == "Linux" and ip_version == "ipv6" else 1500
        mtu = int(script.option("mtu") or usual)
        self.system: System = system_for(name, mtu, header, without)
        local, remote = ADDRESSES[ip_version]
        local = (script.option("local_ip") or local).split("/")[0]
        remote = (script.option("remote_ip") or remote).split("/")[0]
        self.stack = Stack(local, fixed_isn(ISN), self.system.config, cookie_key=bytes(16))
        self.program = Program(self.stack, self.system, Endpoint(remote, PORT), PORT)
        self.remote = remote
        self.ip_version = ip_version
        self.cookies: dict[bytes, bytes] = {}
        self.next_remote_port = FIRST_REMOTE_PORT
        self.now = BEGIN_NS
        self.wire: deque[tuple[int, Outgoing]] = deque()
        self.numbers: Numbers | None = None
        self.under_test: Connection | None = None
        self.heard: dict[int, tuple[Connection, Heard]] = {}
        self.assertions = Assertions()
        self.pending: tuple[Event, Running, int] | None = None
        tolerance = script.option("tolerance_usecs")
        self.least_ns = int(tolerance) * 1000 if tolerance else TOLERANCE_NS
        self.tick_us = int(script.option("tcp_ts_tick_usecs") or 0)
        self.last: Event | None = None
        self.last_ns = 0
        self.happened: list[Happened] = []

    # The script

    def play(self) -> Judged:
        """Play the whole script."""
        self._refuse_what_is_missing()
        if self.script.initial is not None:
            self._command(self.script.initial.text)
        self._exchange_cookies()
        try:
            for event in self.script.events:
                self.happened.append(self._event(event))
            self._finish_pending()
        except Wrong as wrong:
            self.happened.append(wrong.happened)
            line = wrong.happened.event.line
            self._advance(self.now + AFTERWARDS_NS)
            return Judged("disagrees", tuple(self.happened), wrong.words, line, self._besides())
        self._advance(self.now + AFTERWARDS_NS)
        return Judged("agrees", tuple(self.happened), besides=self._besides())

    def _refuse_what_is_missing(self) -> None:
        """Raise Unplayable for what the script's options ask and this player does not have."""
        for name in ("udp_encapsulation", "psp_udp_port", "tcp_md5_secret", "so_filename"):
            if self.script.option(name) is not None:
                raise Unplayable(f"--{name}")
        for event in self.script.events:
            packet = event.action
            if not isinstance(packet, Packet):
                continue
            if packet.outer or packet.udp_ports is not None:
                raise Unplayable(
                    f"packets in {packet.outer[0].split()[0] if packet.outer else 'UDP'}"
                )
            if packet.ports is not None:
                raise Unplayable("packets with ports of their own")
            if not isinstance(packet.content, Tcp | Icmp):
                raise Unplayable("UDP datagrams")

    def _exchange_cookies(self) -> None:
        """Let the script's cookie of Fast Open stand for the one that this server gives: each
        system makes its own from its key.
        """
        script = DEFINES[self.ip_version].get("TFO_COOKIE", "")
        ours = make_cookie(self.stack.cookie_key, self.remote)
        self.cookies = {bytes.fromhex(script): ours}

    def _event(self, event: Event) -> Happened:
        """Wait for an event's time, and let it happen."""
        base = self._base(event)
        expected = base + event.when.at_ns
        allowed = tolerance_ns(self.least_ns, expected - self.last_ns if self.last else None)
        action = event.action
        if isinstance(action, Packet) and action.direction == "out":
            happened = self._expect(event, action, base, allowed)
        else:
            if event.when.kind == "absolute" and self.now - BEGIN_NS > expected + allowed:
                words = wrong_time(event, base, self.now - BEGIN_NS, allowed, "event")
                raise Wrong(words or "too late", Happened(event, expected))
            self._advance(max(BEGIN_NS + expected, self.now))
            happened = self._act(event, action, base)
        self.last, self.last_ns = event, expected
        return happened

    def _base(self, event: Event) -> int:
        """Return what a relative time counts from: run.c, adjust_relative_event_times()."""
        if not event.when.kind.startswith("relative"):
            return 0
        if self.last is not None and _arrives(self.last) and _arrives(event):
            return self.last_ns
        return self.now - BEGIN_NS

    def _act(self, event: Event, action: Packet | Call | Command | Code, base: int) -> Happened:
        """Let a packet arrive, make a call, do a command or check an assertion."""
        at = self.now - BEGIN_NS
        happened = Happened(event, base + event.when.at_ns, at)
        if isinstance(action, Packet):
            self._arrive(event, action, happened)
            return happened
        if isinstance(action, Call):
            return self._call(event, action, happened, base)
        if isinstance(action, Command):
            words = self._command(action.text)
        else:
            words = self.assertions.check(action.text, self._info())
        if words is not None:
            raise Wrong(words, replace(happened, wrong=words))
        self._collect()
        return happened

    def _command(self, text: str) -> str | None:
        """Do a command; return why it fails, None when it does not."""
        words = shell.run(text, self)
        for connection in self.stack.connections.values():  # Linux reads it at each segment
            accecn.switch_option(connection.tcb, self.system.config.accecn_option)
        if self.system.forgets_cookies:
            self.system.forgets_cookies = False
            self.stack.cookies.clear()
            self.stack.refused.clear()
            self.stack.old_option.clear()
        return words

    # Time

    def _advance(self, to: int) -> None:
        """Let timers expire up to ``to``, each at its own time."""
        while (at := self.stack.next_timer()) is not None and at <= to:
            self._tick(at)
        self.now = max(to, self.now)

    def _tick(self, at: int) -> None:
        """Let the timers expire that are due at ``at``."""
        self.now = max(at, self.now)
        self.stack.handle_timer(self.now)
        self._collect()

    def _collect(self) -> None:
        """Keep what goes out, hear what the connections say, and let a blocked call go on."""
        while True:
            sent = self._hand_down(self.stack.segments_to_send(self.now))
            self.wire.extend((self.now, outgoing) for outgoing in sent)
            heard = self._hear()
            if not (sent or heard or self._go_on()):
                return

    def _hand_down(self, sent: list[Outgoing]) -> list[Outgoing]:
        """Return what goes out as the system's large packets would have it."""
        offload = self.system.offload
        if offload is None or len(sent) < 2:
            return sent
        done: list[Outgoing] = []
        for ends, some in groupby(sent, key=lambda each: (each.local, each.remote)):
            burst = [each.segment for each in some]
            connection = self.stack.connections.get((ends[0].port, ends[1]))
            if connection is not None:
                burst = offload.push(connection, burst)
            done += [Outgoing(*ends, segment) for segment in burst]
        return done

    def _hear(self) -> bool:
        """Take the events of all connections; return whether there were any."""
        any_ = False
        while (found := self.stack.next_event()) is not None:
            any_ = True
            connection, event = found
            _, heard = self.heard.setdefault(id(connection), (connection, Heard()))
            owner = self.program.owner(connection)
            if owner is not None:
                owner.heard = heard
                owner.note(event)
            else:
                Socket(self.stack, self.system.config, heard=heard).note(event)
        return any_

    # System calls

    def _call(self, event: Event, call: Call, happened: Happened, base: int) -> Happened:
        """Make a call; one that blocks goes on beside the script if the script says so."""
        self._finish_pending()
        running = Running(call)
        result = self._run(running)
        if result is None and call.end_ns is not None:
            relative = event.when.kind == "relative"
            self.pending = (event, running, call.end_ns + (base if relative else 0))
            self._collect()
            return happened
        self._judge(event, call, result, happened)
        if call.end_ns is not None:
            self._judge_end(event, call.end_ns + (base if event.when.kind == "relative" else 0))
        self._collect()
        return replace(happened, result=None if result is None else result.value)

    def _run(self, running: Running) -> Result | None:
        result = self.program.run(running, self.now)
        if running.call.name in ("socket", "connect") or self._opened(running.call):
            self._take_up()
        if running.call.name in ("accept", "accept4") and result is not None and result.value >= 0:
            self._bring_up(running.call)
        return result

    def _opened(self, call: Call) -> bool:
        """Whether a call that sends has begun a connection: Fast Open."""
        socket = self.program.created
        return (
            call.name in ("sendto", "sendmsg", "send", "write", "writev")
            and self.numbers is None
            and socket is not None
            and socket.connection is not None
            and socket.connecting
        )

    def _take_up(self) -> None:
        """Make the socket that was created or connected last the one under test."""
        socket = self.program.created
        self.under_test = None if socket is None else socket.connection
        self.numbers = None
        if self.under_test is not None:
            tcb = self.under_test.tcb
            self.numbers = Numbers(tcb.local.port, tcb.remote, tcb.iss & 0xFFFFFFFF)

    def _bring_up(self, call: Call) -> None:
        """Tell a socket that was accepted what its connection has said so far."""
        socket = self.program.sockets[max(self.program.sockets)]
        for each in self.program.sockets.values():
            if each.connection is not None and id(each.connection) in self.heard:
                each.heard = self.heard[id(each.connection)][1]
        if socket.heard.closed is not None and socket.error is None:
            socket.note(events.Closed(self.now, socket.heard.closed))

    def _judge(self, event: Event, call: Call, result: Result | None, happened: Happened) -> None:
        """Compare a call's result with the script's."""
        words = None
        if result is None:
            words = "the call blocks"
        elif result.errno is not None and result.errno.startswith("is "):
            words = f"Bad {call.name}: expected as the script says, actual value {result.errno[3:]}"
        elif call.result.kind != "ellipsis":
            words = _wrong_result(call, result)
        if words is not None:
            number = None if result is None else result.value
            raise Wrong(words, replace(happened, result=number, wrong=words))

    def _go_on(self) -> bool:
        """Go on with a call that blocks; return whether it has returned."""
        if self.pending is None:
            return False
        event, running, end_ns = self.pending
        result = self._run(running)
        if result is None:
            return False
        self.pending = None
        happened = Happened(event, at_ns=self.now - BEGIN_NS)
        self._judge(event, running.call, result, happened)
        self._judge_end(event, end_ns)
        return True

    def _judge_end(self, event: Event, end_ns: int) -> None:
        """Compare when a blocking call returned."""
        at = self.now - BEGIN_NS
        allowed = tolerance_ns(self.least_ns, end_ns - self.last_ns)
        if abs(at - end_ns) > allowed:
            words = (
                f"timing error: expected system call return at {seconds(end_ns)} sec but happened"
                f" at {seconds(at)} sec; tolerance {seconds(allowed)} sec"
            )
            raise Wrong(words, Happened(event, at_ns=at, wrong=words))

    def _finish_pending(self) -> None:
        """Wait for a call that blocks, as long as packetdrill would."""
        if self.pending is None:
            return
        event, _, end_ns = self.pending
        deadline = max(BEGIN_NS + end_ns, self.now) + PATIENCE_NS
        while self.pending is not None and (at := self.stack.next_timer()) is not None:
            if at > deadline:
                break
            self._tick(at)
        if self.pending is not None:
            words = "the call has not returned"
            raise Wrong(words, Happened(event, end_ns=end_ns, wrong=words))

    def _info(self) -> dict[str, int]:
        """Return TCP_INFO of the socket under test."""
        if self.under_test is not None:
            syn_data = self.numbers is not None and self.numbers.syn_data
            _, heard = self.heard.get(id(self.under_test), (None, Heard()))
            return info.tcp_info(self.under_test, self.now, syn_data, heard)
        socket = self.program.created
        if socket is not None and socket.listener is not None:
            return info.listening()
        return info.unconnected()

    # Packets

    def _arrive(self, event: Event, packet: Packet, happened: Happened) -> None:
        """Give a packet to the stack."""
        numbers = self._numbers_for(packet)
        if isinstance(packet.content, Icmp):
            self._icmp(packet.content, numbers)
            self._collect()
            return
        try:
            segment = numbers.to_wire(packet)
            if segment.options.fast_open is not None:
                cookie = segment.options.fast_open
                segment.options.fast_open = self.cookies.get(cookie, cookie)
        except Unmapped as error:
            raise Wrong(str(error), replace(happened, wrong=str(error))) from None
        if segment.flags & SYN and numbers.remote_isn is None:
            numbers.remote_isn = segment.seq
        if segment.flags & (SYN | ACK) == SYN | ACK and self._all_taken(segment):
            numbers.syn_data = True
        if segment.flags & (SYN | ACK) == SYN and segment.payload:
            numbers.syn_data = True
        if self.system.drop_synfin and segment.flags & (SYN | FIN) == SYN | FIN:
            return
        in_wait = self.under_test is not None and self.under_test.state is State.TIME_WAIT
        if in_wait and self.system.time_wait_needs_ack and not segment.flags & (ACK | SYN | RST):
            return
        before = None if self.under_test is None else self.under_test.tcb.rcv_nxt
        self.stack.receive(segment, numbers.remote.address, self.now, self.stack.address)
        self._adopt(numbers)
        self._collect()
        if self.under_test is not None and segment.payload:
            _, heard = self.heard.get(id(self.under_test), (None, Heard()))
            size = int(self.script.option("mss") or len(segment.payload))  # a card joined some
            heard.largest = max(heard.largest, min(size, len(segment.payload)))
            if self.under_test.tcb.rcv_nxt != before:
                heard.data_ns = self.now

    def _all_taken(self, segment: Segment) -> bool:
        """Whether a SYN,ACK acknowledges data that went with the SYN, and all of them: what Linux
        tells in TCP_INFO (tcp_rcv_fastopen_synack()).
        """
        if self.under_test is None:
            return False
        tcb = self.under_test.tcb
        return tcb.snd_nxt > tcb.iss + 1 and segment.ack == tcb.snd_nxt & MASK

    def _numbers_for(self, packet: Packet) -> Numbers:
        """Return the connection that a packet belongs to; a listening socket begins a new one."""
        socket = self.program.created
        listening = socket is not None and socket.listener is not None
        if self.numbers is None or (listening and self.under_test is None and self._is_syn(packet)):
            self.numbers = Numbers(PORT, Endpoint(self.remote, self.next_remote_port))
            self.next_remote_port += 1
        return self.numbers

    @staticmethod
    def _is_syn(packet: Packet) -> bool:
        return isinstance(packet.content, Tcp) and "S" in packet.content.flags

    def _adopt(self, numbers: Numbers) -> None:
        """Make the connection that a SYN began the one under test."""
        connection = self.stack.connections.get((numbers.local, numbers.remote))
        if connection is not None and connection is not self.under_test:
            self.under_test = connection
            numbers.isn = connection.tcb.iss & 0xFFFFFFFF

    def _icmp(self, message: Icmp, numbers: Numbers) -> None:
        """Give an ICMP error to the stack."""
        error = meaning(message, self.stack.address)
        if error is not None:
            seq = (message.seq + numbers.isn) & 0xFFFFFFFF
            self.stack.icmp_error(error, numbers.local, numbers.remote, self.now, seq)

    def _expect(self, event: Event, packet: Packet, base: int, allowed: int) -> Happened:
        """Take what goes out next, and compare it with a line of the script."""
        last = base + (event.when.until_ns or event.when.at_ns)
        deadline = LONGEST_NS + self.now
        if event.when.kind != "any":
            deadline = max(BEGIN_NS + last + allowed, self.now) + PATIENCE_NS
        expected = base + event.when.at_ns
        found = self._next_out(deadline)
        if found is None:
            words = "Timed out waiting for packet"
            raise Wrong(words, Happened(event, expected, wrong=words))
        at, outgoing = found
        assert isinstance(packet.content, Tcp | Icmp)
        if isinstance(packet.content, Icmp):
            raise Unplayable("ICMP messages that go out")
        numbers = self.numbers
        assert numbers is not None
        if outgoing.segment.flags & SYN:
            numbers.isn = outgoing.segment.seq
            numbers.script_isn = packet.content.seq or 0
        whole = self._aggregate(outgoing, packet.content)
        cookie = whole.options.fast_open
        self._learn_cookie(packet.content, cookie)
        for script, ours in self.cookies.items():
            if cookie == ours:
                whole = replace(whole, options=replace(whole.options, fast_open=script))
        config = self._config()
        seen = numbers.to_script(whole, config.hop_limit, config.dscp)
        stamps = numbers.stamp(packet.content, _content(seen))
        seen = _with_stamp(seen, stamps)
        happened = Happened(event, expected, at - BEGIN_NS, seen=seen)
        wrong = self._wrong(packet, seen, stamps, whole)
        wrong = wrong or wrong_time(event, base, at - BEGIN_NS, allowed, "outbound packet")
        if wrong is not None:
            raise Wrong(wrong, replace(happened, wrong=wrong))
        return happened

    def _learn_cookie(self, content: Tcp, cookie: bytes | None) -> None:
        """Let a cookie that the script expects stand for the one that this server gives."""
        if cookie and cookie == make_cookie(self.stack.cookie_key, self.remote):
            wanted = next((o.data for o in content.options or () if o.kind in ("FO", "FOEXP")), "")
            if len(wanted) == 2 * len(cookie):
                self.cookies[bytes.fromhex(wanted)] = cookie

    def _config(self) -> Config:
        """Return the settings of whatever sends: of the connection, else of the socket."""
        if self.under_test is not None:
            return self.under_test.config
        socket = self.program.created
        return self.system.config if socket is None else socket.config

    def _next_out(self, deadline: int) -> tuple[int, Outgoing] | None:
        """Return what goes out next on the connection under test, at the latest at ``deadline``."""
        while True:
            while self.wire:
                at, outgoing = self.wire.popleft()
                if self._is_under_test(outgoing):
                    return at, outgoing
            timer = self.stack.next_timer()
            if timer is None or timer > deadline:
                self._advance(deadline)
                return None
            self._tick(timer)

    def _is_under_test(self, outgoing: Outgoing) -> bool:
        numbers = self.numbers
        return (
            numbers is not None
            and outgoing.local.port == numbers.local
            and outgoing.remote == numbers.remote
        )

    def _aggregate(self, first: Outgoing, wanted: Tcp) -> Segment:
        """Join segments of one size up to the length of the script's: what TSO would have sent.

        The flags are those of the last. Not with ``--strict_segments``.
        """
        segment = first.segment
        if self.script.option("strict_segments") is not None:
            return segment
        parts = [segment]
        length = len(segment.payload)
        while length < wanted.length and self.wire and self._is_under_test(self.wire[0][1]):
            following = self.wire[0][1].segment
            if not following.payload or following.ack != segment.ack:
                break
            self.wire.popleft()
            parts.append(following)
            length += len(following.payload)
        if len(parts) == 1:
            return segment
        final = parts[-1]
        payload = b"".join(part.payload for part in parts)
        return replace(final, seq=segment.seq, payload=payload, options=segment.options)

    def _wrong(
        self, packet: Packet, seen: Packet, stamps: tuple[int, int] | None, segment: Segment
    ) -> str | None:
        """Return what is wrong with a packet that went out."""
        script, found = packet.content, _content(seen)
        assert isinstance(script, Tcp)
        if script.absolute:
            found = replace(found, seq=segment.seq)
        words = wrong_ip(packet.ip, seen.ip.tos or 0, seen.ip.ttl or 0) or wrong_segment(
            script, found
        )
        if words is None and script.options is not None:
            words = wrong_options(script.options, found.options or ())
        if words is None and stamps is not None and self.tick_us:
            wanted, actual = stamps
            off = (actual - wanted + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            allowed = tolerance_ns(self.least_ns, self.now - BEGIN_NS)
            if abs(off) * self.tick_us * 1000 > allowed:
                words = f"bad outbound TCP timestamp value: expected {wanted}, actual {actual}"
        return words

    def _besides(self) -> tuple[tuple[int, Packet], ...]:
        """Return what went out on the connection under test and no line has named."""
        numbers = self.numbers
        config = self._config()
        return tuple(
            (at - BEGIN_NS, numbers.to_script(each.segment, config.hop_limit, config.dscp))
            for at, each in self.wire
            if numbers is not None and self._is_under_test(each)
        )

    # What commands ask: shell.Host

    def count(self, state: State | None) -> int:
        """Return how many connections are in a state; None is CLOSED, with a descriptor."""
        if state is None:
            sockets = self.program.sockets.values()
            return sum(
                each.listener is None
                and (each.connection is None or each.connection.state is State.CLOSED)
                for each in sockets
            )
        return sum(each.state is state for each in self.stack.connections.values())

    def read(self, name: str) -> str | None:
        """Return the text of a file beside the script, None without one."""
        try:
            path = Path(self.script.name).parent / name
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def forget(self, state: State) -> None:
        """Drop connections in a state without a word to the peer."""
        for key, connection in list(self.stack.connections.items()):
            if connection.state is state:
                del self.stack.connections[key]


def _arrives(event: Event) -> bool:
    return isinstance(event.action, Packet) and event.action.direction == "in"


def _content(packet: Packet) -> Tcp:
    assert isinstance(packet.content, Tcp)
    return packet.content


def _with_stamp(seen: Packet, stamps: tuple[int, int] | None) -> Packet:
    """Return a packet whose timestamp stands in the script's numbers."""
    content = _content(seen)
    if stamps is None or content.options is None:
        return seen
    options = tuple(
        Option("TS", stamps[1], echo=each.echo) if each.kind == "TS" else each
        for each in content.options
    )
    return replace(seen, content=replace(content, options=options))


def _wrong_result(call: Call, result: Result) -> str | None:
    """Return in which way a result is not the script's."""
    said = f" with errno {result.errno}" if result.errno else ""
    expected = call.result
    if expected.kind != "integer":
        return None
    value = int(expected.value or 0)
    if call.name in ("socket", "accept", "accept4", "epoll_create") and value >= 0:
        return None if result.value >= 0 else f"Expected non-negative result but got -1{said}"
    if result.value != value:
        return f"Expected result {value} but got {result.value}{said}"
    if call.errno is not None and result.errno not in (call.errno, None):
        same = {call.errno, result.errno} <= {"EAGAIN", "EWOULDBLOCK"}
        return None if same else f"Expected errno {call.errno} but got {result.errno}"
    return None
