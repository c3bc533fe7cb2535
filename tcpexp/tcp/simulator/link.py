"""One direction of a link: rate, delay, a bounded queue, and faults by index, by stream offset or
from a seed.

What a link means is what it means for tcpexp's real links: base delay is ``delay_ns``, the queue's
limit counts only what waits for the rate.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from tcpexp.tcp.core.segment import CE, NOT_ECT, Segment

#: IPv4 header and TCP header without options; options are counted as they are.
HEADERS = 40


@dataclass(frozen=True)
class LinkConfig:
    """One direction. Indexes count from 1; probabilities are 0 to 1.

    ``rate_bps`` None is infinitely fast.
    """

    delay_ns: int = 10_000_000
    rate_bps: int | None = None
    queue_segments: int | None = None
    """Segments that may wait for the rate; None is no limit."""
    drop: Collection[int] = ()
    """Segments lost, by their index among all that enter."""
    drop_data: Collection[int] = ()
    """Segments lost, by their index among those with payload (retransmissions count)."""
    drop_offsets: Collection[int] = ()
    """Stream offsets, from 0: the first segment that carries that octet is lost.

    Its retransmission is not. The same for every congestion control.
    """
    loss: float = 0.0
    reorder: float = 0.0
    reorder_delay_ns: int = 5_000_000
    duplicate: float = 0.0
    reorder_at: Collection[int] = ()
    """Segments held back by ``reorder_delay_ns``, by their index among all that enter."""
    duplicate_at: Collection[int] = ()
    """Segments delivered twice, by their index among all that enter."""
    mark_at: Collection[int] = ()
    """ECN-capable segments marked CE, by their index among all that enter."""
    mark_data: Collection[int] = ()
    """The same, by their index among those with payload."""
    mark_queue: int | None = None
    """ECN-capable segments are marked CE when at least so many wait for the rate."""
    bleach: bool = False
    """Clear the ECN field of all, as some middleboxes do."""
    seed: int = 0


@dataclass(slots=True)
class Link:
    """The state of one direction."""

    config: LinkConfig
    random: random.Random = field(init=False)
    busy_until_ns: int = 0
    departures: deque[int] = field(default_factory=deque)
    entered: int = 0
    entered_data: int = 0
    lost: int = 0
    overflowed: int = 0
    delivered: int = 0
    marked: int = 0
    largest_queue: int = 0  # the one being sent included
    offsets_left: set[int] = field(default_factory=set)
    faulty: bool = False
    remarks: bool = False
    """Whether :meth:`remark` can change a segment at all."""
    dropped: list[tuple[int, Segment, str]] = field(default_factory=list)
    """Time, segment and reason (``fault`` or ``queue full``) of all that did not get through."""

    def __post_init__(self) -> None:
        """Seed the faults."""
        config = self.config
        self.random = random.Random(config.seed)
        self.offsets_left = set(config.drop_offsets)
        self.faulty = bool(
            config.drop
            or config.drop_data
            or config.drop_offsets
            or config.loss
            or config.reorder
            or config.duplicate
        )
        self.faulty = self.faulty or bool(config.reorder_at or config.duplicate_at)
        self.remarks = (
            bool(config.mark_at or config.mark_data)
            or config.mark_queue is not None
            or config.bleach
        )

    def remark(self, segment: Segment, now: int) -> Segment:
        """Return the segment that goes in, with the ECN field as the link leaves it; ask before
        :meth:`carry`. RFC 3168 section 5: only what is ECN-capable is marked.
        """
        config = self.config
        if segment.ecn == NOT_ECT:
            return segment
        if config.bleach:
            return replace(segment, ecn=NOT_ECT)
        waiting = sum(1 for at in self.departures if at > now) - 1  # one of them is being sent
        if not (
            self.entered + 1 in config.mark_at
            or (segment.payload and self.entered_data + 1 in config.mark_data)
            or (config.mark_queue is not None and waiting >= config.mark_queue)
        ):
            return segment
        self.marked += 1
        return replace(segment, ecn=CE)

    def carry(self, segment: Segment, now: int, first_octet: int) -> list[int]:
        """Return the times at which copies of ``segment`` arrive; none when it is lost.

        ``first_octet`` is the sequence number of the sender's first stream octet, for
        ``drop_offsets``.
        """
        config = self.config
        self.entered += 1
        self.entered_data += bool(segment.payload)
        if self.faulty and self._loses(segment, first_octet):
            self.lost += 1
            self.dropped.append((now, segment, "fault"))
            return []
        arrives = now + config.delay_ns
        if config.rate_bps is not None:
            departures = self.departures
            while departures and departures[0] <= now:
                departures.popleft()
            # one of them is being sent
            if config.queue_segments is not None and len(departures) > config.queue_segments:
                self.overflowed += 1
                self.dropped.append((now, segment, "queue full"))
                return []
            octets = HEADERS + len(segment.payload) + (12 if segment.options.timestamps else 0)
            starts = self.busy_until_ns if self.busy_until_ns > now else now
            self.busy_until_ns = starts + octets * 8_000_000_000 // config.rate_bps
            departures.append(self.busy_until_ns)
            self.largest_queue = max(self.largest_queue, len(departures))
            arrives = self.busy_until_ns + config.delay_ns
        self.delivered += 1
        if not self.faulty:
            return [arrives]
        if self.entered in config.reorder_at or (
            config.reorder and self.random.random() < config.reorder
        ):
            arrives += config.reorder_delay_ns
        twice = self.entered in config.duplicate_at or (
            config.duplicate and self.random.random() < config.duplicate
        )
        return [arrives, arrives] if twice else [arrives]

    def _loses(self, segment: Segment, first_octet: int) -> bool:
        """Return whether a fault takes this segment."""
        config = self.config
        lost = self.entered in config.drop
        if segment.payload:
            lost = lost or self.entered_data in config.drop_data
            start = (segment.seq - first_octet) & 0xFFFFFFFF
            for offset in [
                offset
                for offset in self.offsets_left
                if start <= offset < start + len(segment.payload)
            ]:
                self.offsets_left.discard(offset)
                lost = True
        if config.loss and self.random.random() < config.loss:
            lost = True
        return lost
