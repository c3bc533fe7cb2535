"""Play one script: do its steps at their times, and write down what the kernel did and when.

Nothing is judged here, and a step that goes wrong does not end the script unless what follows needs
it. Times are nanoseconds after the script's begin, on the clock that jumps.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tcpexp.packetdrill.guest import calls, commands, wire
from tcpexp.packetdrill.guest.device import Addresses, Device
from tcpexp.packetdrill.guest.mapping import Peer, State, Unmapped

Entry = dict[str, Any]

PR_SET_TIMERSLACK = 29
#: Begins are this far apart, in nanoseconds: 4096 ticks of 4 ms. The timer wheel rounds a timer up
#: to 1, 8, 64 or 512 ticks by how far away it is, counted from the boot (kernel/time/timer.c). So
#: each script finds the wheel in the same position, whatever ran before.
GRID_NS = 4096 * 4_000_000
#: A begin lies this far behind a tick: nothing of a script falls onto the edge of a tick.
BEHIND_TICK_NS = 3_750_000
#: So long behind the time in the script a packet is waited for.
PATIENCE_NS = 2_000_000_000
#: A packet that may come at any time is waited for so long: longer than any timer of TCP's.
ANY_PATIENCE_NS = 1_000_000_000_000
#: The remote ends' ports count from here.
FIRST_PORT = 45_000
#: A call that ought not to block is interrupted after this time, in seconds.
BLOCKED_S = 5.0
#: So long the script waits for a call that blocks still, before it makes the next, in seconds.
IDLE_S = 1.0
TCP_INFO, TCP_CC_INFO, SO_MEMINFO = 11, 26, 55
INFO_BYTES, CC_INFO_BYTES, MEMINFO_BYTES = 512, 64, 64


class Ended(Exception):
    """The script cannot go on; the text says why."""


@dataclass
class Player:
    """One script's state."""

    job: dict[str, Any]
    device: Device
    addresses: Addresses
    log: list[Entry] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    current: Peer | None = None
    files: dict[int, int] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    blocked: threading.Thread | None = None
    begin_ns: int = 0
    last: tuple[str, int] = ("", 0)
    ports: int = 0

    # The clock.

    def align(self) -> None:
        """Wait for the begin."""
        uptime = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        target = (uptime // GRID_NS + 1) * GRID_NS + BEHIND_TICK_NS
        time.sleep((target - uptime) / 1e9)
        self.begin_ns = time.time_ns()

    def now(self) -> int:
        """Return the time since the begin."""
        return time.time_ns() - self.begin_ns

    def wait(self, at_ns: int) -> None:
        """Sleep until ``at_ns``."""
        left = at_ns - self.now()
        if left > 0:
            time.sleep(left / 1e9)

    def base(self, step: dict[str, Any]) -> int:
        """Return the time from which a step's time counts.

        Packets that arrive one after another count from each other, so that no time that their
        making takes adds up.
        """
        if step["time"] in ("absolute", "range"):
            return 0
        if step["do"] == "in" and self.last[0] == "in":
            return self.last[1]
        return self.now()

    # The script.

    def play(self) -> Entry:
        """Play the script; return its log."""
        ended: str | None = None
        failed = commands.run_all(self.job["initial"], self.job["folder"])
        if failed is not None:
            nothing: Entry = {"events": [], "left": [], "ended": None, "final": None}
            return {"begin_ns": 0, "initial": failed, **nothing}
        self.align()
        for number, step in enumerate(self.job["steps"]):
            entry: Entry = {"step": number}
            self.log.append(entry)
            try:
                self._do(step, entry)
            except (Ended, Unmapped, calls.NoSuchDescriptor) as error:
                ended = str(error)
                entry["error"] = ended
                break
        if ended is None and not self._idle():
            ended = "a call blocks still at the end"
        left = self._left()
        final = commands.run_all(self.job["final"], self.job["folder"])
        return {
            "begin_ns": self.begin_ns,
            "events": self.log,
            "left": left,
            "ended": ended,
            "initial": None,
            "final": final,
        }

    def _do(self, step: dict[str, Any], entry: Entry) -> None:
        base = self.base(step)
        entry["base"] = base
        at_ns, until_ns = base + step["at"], base + (step["until"] or step["at"])
        kind = step["do"]
        if kind == "out":
            patience = ANY_PATIENCE_NS if step["time"] == "any" else PATIENCE_NS
            self._expect(step, entry, max(until_ns, self.now()) + patience)
        elif kind == "in":
            self.wait(at_ns)
            self._inject(step, entry)
        elif kind == "call":
            if step["blocks"]:
                self._start(step, entry, at_ns)
            else:
                self._idle()
                self.wait(at_ns)
                self._call(step, entry)
        elif kind == "command":
            self.wait(at_ns)
            entry["t"] = self.now()
            entry["failed"] = commands.run_all(step["commands"], self.job["folder"])
        else:
            self.wait(at_ns)
            self._collect(entry)
        self.last = (kind, at_ns)

    # Packets.

    def _peer_for(self, step: dict[str, Any], outgoing: bool) -> Peer:
        """Return the socket that a packet of the script belongs to.

        Raises:
            Ended: there is none.
        """
        peer, protocol = self.current, step["protocol"]
        tcp = protocol == wire.TCP
        if tcp and not outgoing and (peer is None or peer.state is State.LISTENING):
            new = Peer(wire.TCP, State.PACKET_RECEIVED)
            new.remote = (self.addresses.packed(self.addresses.remote), self._port())
            new.local = (self.addresses.packed(self.addresses.local), self.job["bind_port"])
            new.remote_isn = step["seq"]
            self.peers.append(new)
            self.current = new
            return new
        opens = tcp and outgoing and step["syn"] and not step["ack"]
        if opens and peer is not None and peer.state is State.CONNECTING:
            peer.state = State.SYN_SENT
            peer.script_isn = step["seq"]
            return peer
        if peer is None:
            raise Ended("no socket for this packet")
        return peer

    def _port(self) -> int:
        """Return a new port for the remote end: no two connections of a script share one."""
        self.ports += 1
        return FIRST_PORT + self.ports

    def _inject(self, step: dict[str, Any], entry: Entry) -> None:
        peer = self._peer_for(step, outgoing=False)
        if step["protocol"] == wire.TCP:
            if peer.state is State.SYNACK_SENT and step["ack"]:
                peer.state = State.SYNACK_ACKED
            elif peer.state is State.SYN_SENT and step["syn"] and step["ack"]:
                peer.state = State.SYN_ACKED
                peer.remote_isn = step["seq"]
        if not peer.remote[0]:  # a socket without connection: whatever arrives is not for it
            peer.remote = (self.addresses.packed(self.addresses.remote), self.job["connect_port"])
            peer.local = (self.addresses.packed(self.addresses.local), self.job["bind_port"])
        echo = bool(self.job["scaled_echo"])
        packet = peer.to_live(bytes.fromhex(step["bytes"]), scaled_echo=echo)
        self.device.inject(packet, self.job["segment"] if step["protocol"] == wire.TCP else 0)
        entry.update(t=self.now(), bytes=packet.hex(), **peer.numbers())

    def _expect(self, step: dict[str, Any], entry: Entry, until_ns: int) -> None:
        """Take what goes out: one packet, or several that carry what the script has as one.

        A script writes down what the kernel hands to a card that segments; with pacing that may be
        more pieces than the script has.
        """
        peer = self._peer_for(step, outgoing=True)
        answer = step["protocol"] == wire.TCP and step["syn"] and step["ack"]
        accepting = answer and peer.state is State.PACKET_RECEIVED
        if accepting:
            peer.script_isn = step["seq"]
        at_ns, data, headers = self._sniff(peer, until_ns)
        if headers.protocol == wire.TCP and accepting:
            peer.state = State.SYNACK_SENT
            peer.isn = int.from_bytes(data[headers.start + 4 : headers.start + 8], "big")
        parts = [data.hex()]
        have = wire.payload_length(data, headers)
        while have < step["length"] and headers.protocol == wire.TCP and not self.job["strict"]:
            at_ns, data, headers = self._sniff(peer, until_ns)
            parts.append(data.hex())
            have += wire.payload_length(data, headers)
        if headers.protocol == wire.TCP and step["ts"] is not None:
            peer.learn_timestamps(step["ts"], data, headers.start)
        entry.update(t=at_ns, parts=parts, first_ts=peer.first_timestamps, **peer.numbers())

    def _sniff(self, peer: Peer, until_ns: int) -> tuple[int, bytes, wire.Headers]:
        """Return the next packet that ``peer`` sends, and when.

        Raises:
            Ended: none comes until ``until_ns``.
        """
        while True:
            found = self.device.sniff((until_ns - self.now()) / 1e9)
            if found is None:
                raise Ended("no packet")
            headers = wire.read_headers(found[1])
            if headers is None:
                continue
            if not peer.sends(headers):
                if any(other.sends(headers) for other in self.peers):
                    continue  # an earlier connection's: a SYN that goes again
                if not peer.begins_with(headers, found[1]):
                    continue
                peer.local = headers.source
                if headers.protocol == wire.TCP:
                    place = headers.start + 4
                    peer.isn = int.from_bytes(found[1][place : place + 4], "big")
            return found[0] - self.begin_ns, found[1], headers

    def _left(self) -> list[Entry]:
        """Return the packets of the connection that went out by now and that no step took."""
        found: list[Entry] = []
        peer = self.current
        with contextlib.suppress(Ended):
            while peer is not None:
                at_ns, data, _ = self._sniff(peer, self.now())
                about = {"first_ts": peer.first_timestamps, **peer.numbers()}
                found.append({"t": at_ns, "bytes": data.hex(), **about})
        return found

    # System calls.

    def descriptor(self, script_fd: int) -> int:
        """Return the kernel's descriptor for the script's.

        Raises:
            NoSuchDescriptor: no call gave it.
        """
        if script_fd not in self.files:
            raise calls.NoSuchDescriptor(f"the script has no descriptor {script_fd}")
        return self.files[script_fd]

    def _address(self, what: Any) -> bytes:
        family = int(self.job["family"])
        if what == "bind":
            local = self.addresses.packed(self.addresses.local)
            return calls.pack_address(family, local, self.job["bind_port"])
        if what == "connect":
            remote = self.addresses.packed(self.addresses.remote)
            return calls.pack_address(family, remote, self.job["connect_port"])
        return struct.pack("=H14x", int(what))

    def _prepare(self, step: dict[str, Any]) -> list[Any]:
        arguments = calls.Arguments(step["args"], self.descriptor, self._address)
        self.kept.append(arguments)
        peer = self._socket(step["args"])
        if step["connects"] == "unspec" and peer is not None:
            peer.state = State.NEW
        elif step["connects"] and peer is not None and peer.state is State.NEW:
            peer.state = State.CONNECTING
            peer.remote = (self.addresses.packed(self.addresses.remote), self.job["connect_port"])
        return [arguments, peer]

    def _socket(self, arguments: list[list[Any]]) -> Peer | None:
        """Return the socket that a call is about: its first argument."""
        if not arguments or arguments[0][0] != "fd":
            return None
        script_fd = arguments[0][1]
        return next((peer for peer in self.peers if peer.script_fd == script_fd), None)

    def _call(self, step: dict[str, Any], entry: Entry) -> None:
        arguments, peer = self._prepare(step)
        entry["t"] = self.now()
        signal.setitimer(signal.ITIMER_REAL, BLOCKED_S)
        try:
            result, errno = calls.call(step["name"], arguments.values)
        finally:
            left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        if left == 0.0 and errno == 4:
            entry["blocked"] = True
        self._finish(step, entry, arguments, peer, result, errno)

    def _finish(
        self,
        step: dict[str, Any],
        entry: Entry,
        arguments: calls.Arguments,
        peer: Peer | None,
        result: int,
        errno: int,
    ) -> None:
        entry.update(end=self.now(), result=result, errno=errno, outputs=arguments.outputs())
        if result < 0:
            return
        name = step["name"]
        if name in ("socket", "accept", "open", "epoll_create") and step["gives"] is not None:
            self.files[step["gives"]] = result
        if name == "socket" and step["gives"] is not None:
            new = Peer(step["protocol"], State.NEW, step["gives"], result)
            self.peers.append(new)
            self.current = new
        elif name == "accept" and step["gives"] is not None:
            waiting = (State.SYNACK_SENT, State.SYNACK_ACKED)
            for accepted in reversed(self.peers):
                if accepted.state in waiting and accepted.script_fd < 0:
                    accepted.script_fd, accepted.fd = step["gives"], result
                    break
        elif name == "listen" and peer is not None:
            peer.state = State.LISTENING
        elif name == "pipe":
            for script_fd, fd in zip(step["pipe"], entry["outputs"]["0"], strict=True):
                self.files[script_fd] = fd
        elif name == "close":
            self.files.pop(step["args"][0][1], None)
            if peer is not None:
                peer.script_fd, peer.fd = -1, -1

    def _start(self, step: dict[str, Any], entry: Entry, at_ns: int) -> None:
        """Make a call that blocks, in a thread, and go on when it sleeps or has returned.

        Raises:
            Ended: another one blocks still.
        """
        if not self._idle():
            raise Ended("the call before blocks still")
        self.wait(at_ns)
        arguments, peer = self._prepare(step)

        def work() -> None:
            result, errno = calls.call(step["name"], arguments.values)
            self._finish(step, entry, arguments, peer, result, errno)

        entry["t"] = self.now()
        self.blocked = threading.Thread(target=work, daemon=True)
        self.blocked.start()
        # On the clock that jumps a sleep ends when nothing else can run: the thread waits by then.
        time.sleep(1e-6)

    def _idle(self) -> bool:
        """Return whether no call blocks, after a while at most."""
        if self.blocked is not None:
            self.blocked.join(IDLE_S)
            if self.blocked.is_alive():
                return False
            self.blocked = None
        return True

    def _collect(self, entry: Entry) -> None:
        """Write down what the kernel says of the socket: what assertions are about."""
        entry["t"] = self.now()
        if self.current is None or self.current.fd < 0:
            raise Ended("no socket to ask for its TCP_INFO")
        fd, tcp = self.current.fd, socket.IPPROTO_TCP
        entry["tcp_info"] = calls.read_option(fd, tcp, TCP_INFO, INFO_BYTES)
        entry["cc_info"] = calls.read_option(fd, tcp, TCP_CC_INFO, CC_INFO_BYTES)
        entry["meminfo"] = calls.read_option(fd, socket.SOL_SOCKET, SO_MEMINFO, MEMINFO_BYTES)


def play_job(job: dict[str, Any]) -> Entry:
    """Play a job in a network of its own; the namespace of this process is another afterwards.

    Raises:
        OSError: the network could not be made.
    """
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda number, frame: None)
    addresses = Addresses(**job["addresses"])
    log = Player(job, Device(addresses), addresses).play()
    log["pid"] = os.getpid()
    return log
