"""A network with faults in between: loss, delay, reordering, duplication, by index or at random
from a seed, in both directions.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from tcpexp.tcp.adapters.network import Arrival, Carrier, IpHeader, NetworkTrouble
from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.segment import Segment
from tcpexp.tcp.simulator.link import Link, LinkConfig


class ImpairedNetwork:
    """Wraps a network.

    ``outgoing`` and ``incoming`` are the links that stand before it (None: nothing happens in that
    direction).

    The links are those of the simulator, with the same meaning of every setting; ``drop_offsets``
    counts sequence numbers from 0 here.
    """

    def __init__(
        self,
        network: Carrier,
        outgoing: LinkConfig | None = None,
        incoming: LinkConfig | None = None,
    ) -> None:
        self.network = network
        self.address = network.address
        self.mtu = network.mtu
        self.discarded = network.discarded
        self.headers = network.headers
        self.outgoing = Link(outgoing) if outgoing else None
        self.incoming = Link(incoming) if incoming else None
        self._number = 0
        self._leaving: list[tuple[int, int, Endpoint, Endpoint, Segment]] = []
        self._arriving: list[tuple[int, int, Arrival]] = []

    @property
    def header(self) -> IpHeader:
        """The IP header that the network below writes."""
        return self.network.header

    @header.setter
    def header(self, header: IpHeader) -> None:
        self.network.header = header

    def fileno(self) -> int:
        """Return the descriptor of the network below."""
        return self.network.fileno()

    def send(self, local: Endpoint, remote: Endpoint, segment: Segment, now: int) -> None:
        """Let the outgoing link carry the segment: it leaves later, twice, or never."""
        if self.outgoing is None:
            self.network.send(local, remote, segment, now)
            return
        segment = self.outgoing.remark(segment, now)
        for at in self.outgoing.carry(segment, now, 0):
            if at <= now:
                self.network.send(local, remote, segment, now)
            else:
                self._number += 1
                heapq.heappush(self._leaving, (at, self._number, local, remote, segment))

    def receive(self, now: int) -> Iterator[Arrival | NetworkTrouble]:
        """Yield what the incoming link has delivered by ``now``."""
        for arrival in self.network.receive(now):
            if self.incoming is None or isinstance(arrival, NetworkTrouble):
                yield arrival
                continue
            segment = self.incoming.remark(arrival.segment, now)
            for at in self.incoming.carry(segment, now, 0):
                self._number += 1
                late = Arrival(arrival.source, segment)
                heapq.heappush(self._arriving, (at, self._number, late))
        while self._arriving and self._arriving[0][0] <= now:
            yield heapq.heappop(self._arriving)[2]

    def next_timer(self) -> int | None:
        """Return when the next segment leaves or arrives."""
        times = [heap[0][0] for heap in (self._leaving, self._arriving) if heap]
        return min(times, default=None)

    def handle_timer(self, now: int) -> None:
        """Hand on what leaves by ``now``."""
        while self._leaving and self._leaving[0][0] <= now:
            _, _, local, remote, segment = heapq.heappop(self._leaving)
            self.network.send(local, remote, segment, now)

    def close(self) -> None:
        """Close the network below."""
        self.network.close()
