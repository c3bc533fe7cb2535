"""Measure a bottleneck before t0 by a burst of frames that meets nothing but it: the shaper's rate,
and how much its queue holds.

The frames are put into the shaper's own interface inside the wire and seen where they leave it,
before delay, loss, jitter, duplicates and reordering, and behind no other link. The kernel says at
once whether the queue took a frame (``ENOBUFS`` when it did not), so the sender knows how many wait
and sends the next when one has left. Nothing of this is for any host: the frames' type is one for
experiments (IEEE 802, 0x88B5).
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.engine import wire
from tcpexp.engine.stamps import SO_TIMESTAMPNS, arrival_ns
from tcpexp.plan.types import DirectionPlan, LinkPlan, QueuePlan
from tcpexp.record.disciplines import HTB
from tcpexp.record.measured import Burst, Departures
from tcpexp.record.rtnetlink import LEAF_MAJOR

if TYPE_CHECKING:
    from tcpexp.engine.assembly import Network
    from tcpexp.engine.waiting import Waiter

SO_RCVBUFFORCE = 33
ETH_P_ALL = 3
PACKET_OUTGOING = 4
#: A burst has this many frames, fewer where they would take longer than the limit.
BURST_FRAMES = 60
LEAST_FRAMES = 8
BURST_LIMIT_S = 2.0
#: The first frames pass on the shaper's saved-up tokens and say nothing about its rate; so do those
#: behind a time in which it had nothing to send.
TOKEN_FRAMES = 3
#: A queue is filled until it refuses a frame when it holds at least so many fewer than the burst
#: has.
SPARE_FRAMES = 6
#: A frame that comes later than this share of its own time behind the one before has kept the link
#: waiting: the bucket holds two, so nothing is lost below.
LATE_SHARE = 0.9
#: How many frames are offered at most, in units of the burst's length: a discipline that drops
#: early refuses some.
MOST_OFFERED = 4
#: Added to the time that the awaited frames need, until the wait for them ends.
PATIENCE_NS = 100_000_000
#: No address of the experiment's own (those begin with 00): the second bit of the first byte says
#: that it is locally administered.
_HEADER = bytes.fromhex("027ce9000001 027ce9000002 88b5")
_NUMBER = struct.Struct("!I")


@dataclass(frozen=True)
class Offer:
    """A frame that the queue took: its number and when it was sent, ns."""

    number: int
    sent_ns: int


def measure_burst(
    network: Network, waiter: Waiter, link: LinkPlan, towards: str, direction: DirectionPlan
) -> Burst:
    """Send a burst through one direction's shaper; return the entry for ``raw/probes.json``.

    ``measured_bps`` is None when too few frames say anything, ``held`` when the queue was never
    full; ``why`` says why.
    """
    made, forward = network.wire_of(link.name, towards)
    devices = wire.direction_devices(link, forward)
    rate_bps = direction.rate_bps or 0
    assert devices.shaper is not None, "a direction with a rate has a shaper"
    frame_bytes = made.mtu + wire.ETHERNET_HEADER_BYTES
    frame_s = frame_bytes * 8 / rate_bps
    frames = max(LEAST_FRAMES, min(BURST_FRAMES, int(BURST_LIMIT_S / frame_s)))
    with network.inside(made.name):
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        sender.bind((devices.shaper, 0))
        if direction.queue is not None and direction.queue.discipline == HTB:
            # htb lets a packet with its own handle as priority pass by all classes
            # (htb_classify), so what is measured is the link's rate
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, LEAF_MAJOR << 16)
        receiver = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.htons(ETH_P_ALL)
        )
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
        receiver.bind((wire.far_end(devices.shaper), ETH_P_ALL))
    with sender, receiver:
        burst = _Burst(sender, receiver, bytes(frame_bytes - len(_HEADER) - _NUMBER.size), frame_s)
        burst.run(waiter, frames, fill=holds_fewer(direction.queue, frame_bytes, frames))
    limit_s = f"{LATE_SHARE * frame_s * 1e6:.0f} us"
    found = rate_of_departures(burst.offers, burst.departures, frame_bytes, frame_s)
    held = (
        burst.held
        if direction.queue is not None and direction.queue.discipline in wire.FIFOS
        else None
    )
    why = (
        ""
        if found["measured_bps"] is not None
        else f"the engine did not offer the next frame within {limit_s}, so the link waited for it"
    )
    return {"frame_bytes": frame_bytes, "sent": burst.offered, "held": held, **found, "why": why}


def holds_fewer(queue: QueuePlan | None, frame_bytes: int, frames: int) -> bool:
    """Whether a queue holds so few frames that a burst of ``frames`` fills it."""
    if queue is None or queue.discipline not in wire.FIFOS:
        return False
    return (queue.limit_packets or (queue.limit_bytes or 0) // frame_bytes) <= frames - SPARE_FRAMES


class _Burst:
    """The frames of one burst: which were taken, which have left, and how many waited when one was
    refused.
    """

    def __init__(
        self, sender: socket.socket, receiver: socket.socket, payload: bytes, frame_s: float
    ) -> None:
        self.sender = sender
        self.receiver = receiver
        self.payload = payload
        self.frame_s = frame_s
        self.offers: list[Offer] = []
        self.departures: dict[int, int] = {}
        self.offered = 0
        self.held: int | None = None

    def run(self, waiter: Waiter, frames: int, *, fill: bool) -> None:
        """Send until the queue has taken ``frames``.

        With ``fill`` one for each that leaves once it has refused one. Return when all have left.
        """
        while len(self.offers) < frames and self.offered < MOST_OFFERED * frames:
            if not self._offer() or (fill and self.held is not None):
                self._await(waiter, len(self.departures) + 1)
        self._await(waiter, len(self.offers))

    def _offer(self) -> bool:
        """Send a frame; return whether the queue took it."""
        number, self.offered = self.offered, self.offered + 1
        sent_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
        try:
            self.sender.send(_HEADER + _NUMBER.pack(number) + self.payload)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            if self.held is None:
                self._read()
                self.held = len(self.offers) - sum(
                    t_ns <= sent_ns for t_ns in self.departures.values()
                )
            return False
        self.offers.append(Offer(number, sent_ns))
        return True

    def _await(self, waiter: Waiter, count: int) -> None:
        """Wait until ``count`` frames have left, not much longer than that takes: a discipline may
        have dropped what it took before.
        """
        deadline_ns = (
            time.monotonic_ns()
            + round((count - len(self.departures)) * self.frame_s * 1e9)
            + PATIENCE_NS
        )
        while len(self.departures) < count and (left := deadline_ns - time.monotonic_ns()) > 0:
            waiter.check()
            expected_s = (count - len(self.departures) - 1) * self.frame_s
            if expected_s > 0:
                time.sleep(min(expected_s, left / 1e9))
            elif not select.select([self.receiver], [], [], left / 1e9)[0]:
                return
            self._read()

    def _read(self) -> None:
        """Note all frames that have left."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _flags, address = self.receiver.recvmsg(
                    len(_HEADER) + _NUMBER.size, 128, socket.MSG_DONTWAIT
                )
                if data.startswith(_HEADER) and address[2] != PACKET_OUTGOING:
                    self.departures[_NUMBER.unpack_from(data, len(_HEADER))[0]] = arrival_ns(
                        ancillary
                    )


def rate_of_departures(
    offers: list[Offer], departures: dict[int, int], frame_bytes: int, frame_s: float
) -> Departures:
    """Return ``spacing_ns`` between departures, ``measured_bps``, and how often the link waited for
    the sender (``starved``).

    Counted are times between two frames of which the second was there when its turn came; behind
    each time that it was not, and at the beginning, :data:`TOKEN_FRAMES` are left out, because the
    bucket has saved up. A frame that the queue dropped has not used the link and counts for
    nothing.
    """
    sent = {offer.number: offer.sent_ns for offer in offers}
    left = sorted((t_ns, number) for number, t_ns in departures.items())
    spacing = [later[0] - earlier[0] for earlier, later in itertools.pairwise(left)]
    starved, skip, counted, span = 0, TOKEN_FRAMES, 0, 0
    for (before_ns, _), (t_ns, number) in itertools.pairwise(left):
        if sent.get(number, before_ns) > before_ns + LATE_SHARE * frame_s * 1e9:
            starved, skip = starved + 1, TOKEN_FRAMES
        elif skip:
            skip -= 1
        else:
            counted, span = counted + 1, span + t_ns - before_ns
    rate = counted * frame_bytes * 8 * 1e9 / span if span > 0 else None
    return {"measured_bps": rate, "spacing_ns": spacing, "counted": counted, "starved": starved}
