"""The loop: segments in flight, timers and scripted calls, in the order of a virtual clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from tcpexp.tcp.core import events
from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.isn import Endpoint, IsnSource, fixed_isn
from tcpexp.tcp.core.segment import SYN, Segment, decode_segment, encode_segment
from tcpexp.tcp.core.states import State
from tcpexp.tcp.simulator.apps import App, Sender, Sink, pattern
from tcpexp.tcp.simulator.link import Link, LinkConfig

CLIENT, SERVER = 0, 1


@dataclass(slots=True)
class End:
    """One end: its connection, its application, the link that leaves it, and everything that it
    said.
    """

    connection: Connection
    app: App
    link: Link
    log: list[events.Event]
    listening: bool


class Simulation:
    """Two ends and two links.

    ``keep_log`` keeps every event; ``wire`` sends real bytes, checksums included, instead of the
    objects.
    """

    def __init__(
        self,
        client: App,
        server: App,
        *,
        config: Config | None = None,
        server_config: Config | None = None,
        forth: LinkConfig | None = None,
        back: LinkConfig | None = None,
        client_isn: IsnSource | None = None,
        server_isn: IsnSource | None = None,
        keep_log: bool = True,
        wire: bool = False,
    ) -> None:
        """Build both ends, closed.

        ``back`` defaults to a fault-free link of ``forth``'s delay, the server's settings to the
        client's.
        """
        config = config or Config()
        forth = forth or LinkConfig()
        here, there = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 5201)
        self.hosts = (
            End(
                Connection(here, there, client_isn or fixed_isn(1000), config),
                client,
                Link(forth),
                [],
                listening=False,
            ),
            End(
                Connection(there, here, server_isn or fixed_isn(5000), server_config or config),
                server,
                Link(back or LinkConfig(delay_ns=forth.delay_ns)),
                [],
                listening=True,
            ),
        )
        self.now = 0
        self.keep_log = keep_log
        self.wire = wire
        self.calls = 0
        self._order = 0
        self._heap: list[tuple[int, int, int, Segment | Callable[[], None]]] = []

    def at(self, at_ns: int, call: Callable[[], None]) -> None:
        """Call ``call`` at ``at_ns``; afterwards both ends are asked for segments."""
        self._order += 1
        heapq.heappush(self._heap, (at_ns, self._order, -1, call))

    def start(self, at_ns: int = 0) -> None:
        """Let the client connect at ``at_ns``."""

        def connect() -> None:
            self.hosts[CLIENT].connection.connect(self.now)

        self.at(at_ns, connect)

    def run(self, until_ns: int = 1 << 62) -> int:
        """Go on until nothing can happen any more or ``until_ns`` is over; return the time."""
        heap, client, server = (
            self._heap,
            self.hosts[CLIENT].connection.tcb.timers,
            self.hosts[SERVER].connection.tcb.timers,
        )
        while True:
            timer, other = client.next(), server.next()
            if timer is None or (other is not None and other < timer):
                timer = other
            at = heap[0][0] if heap and (timer is None or heap[0][0] <= timer) else timer
            if at is None or at > until_ns:
                break
            self.now = at
            if heap and heap[0][0] == at:
                _, _, target, what = heapq.heappop(heap)
                if isinstance(what, Segment):
                    self._arrive(target, what)
                    self._settle(target)
                    continue
                what()
            else:
                for host in self.hosts:
                    host.connection.handle_timer(self.now)
            self._settle(CLIENT)
            self._settle(SERVER)
        return self.now

    def _arrive(self, target: int, segment: Segment) -> None:
        """Give a segment to an end; a SYN to a listening one opens its connection."""
        host = self.hosts[target]
        if host.listening and host.connection.state is State.CLOSED and segment.flags & SYN:
            host.listening = False
            host.connection.accept_syn(segment, self.now)
        else:
            host.connection.receive(segment, self.now)

    def _settle(self, side: int) -> None:
        """Pass on an end's events and segments until it has no more."""
        host = self.hosts[side]
        connection, queue = host.connection, host.connection.tcb.events
        while True:
            while queue:
                event = queue.popleft()
                if self.keep_log:
                    host.log.append(event)
                host.app.on_event(connection, event, self.now)
            for segment in connection.segments_to_send(self.now):
                self._carry(side, segment)
            if not queue:
                return

    def _carry(self, side: int, segment: Segment) -> None:
        """Put a segment on the link that leaves ``side``."""
        host = self.hosts[side]
        self.calls += 1
        if self.wire:
            tcb = host.connection.tcb
            data = encode_segment(segment, tcb.local.address, tcb.remote.address)
            segment = decode_segment(data, tcb.local.address, tcb.remote.address, segment.ecn)
        if host.link.remarks:
            segment = host.link.remark(segment, self.now)
        for at in host.link.carry(segment, self.now, host.connection.tcb.iss + 1):
            self._order += 1
            heapq.heappush(self._heap, (at, self._order, 1 - side, segment))


def transfer(
    octets: int,
    config: Config | None = None,
    forth: LinkConfig | None = None,
    back: LinkConfig | None = None,
    data: bytes | None = None,
    keep_log: bool = True,
    wire: bool = False,
    until_ns: int = 1 << 62,
) -> tuple[Simulation, Sink]:
    """Send ``octets`` bytes from client to server, close from both ends, run to the end.

    Return the simulation and what the server read.
    """
    sink = Sink()
    simulation = Simulation(
        Sender(pattern(octets) if data is None else data),
        sink,
        config=config,
        forth=forth,
        back=back,
        keep_log=keep_log,
        wire=wire,
    )
    simulation.start()
    simulation.run(until_ns)
    return simulation, sink
