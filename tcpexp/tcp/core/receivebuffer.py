"""What has arrived: octets in order for the application, and those beyond a gap, with the SACK
blocks that describe them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(slots=True)
class Block:
    """Contiguous octets beyond a gap.

    ``stamp`` grows with each arrival, so that the newest is reported first. RFC 2018 section 4.
    """

    left: int
    right: int
    stamp: int


class ReceiveBuffer:
    """The receive side's octets; positions are unbounded sequence numbers.

    RFC 9293 section 3.10.7.4, seventh step (SHLD-31).
    """

    __slots__ = (
        "blocks",
        "capacity",
        "chunks",
        "fin",
        "readable",
        "stamp",
        "starts",
        "twice",
    )

    def __init__(self, capacity: int) -> None:
        """Hold at most ``capacity`` octets: RCV.BUFF of RFC 9293 section 3.8.6.2.2."""
        self.capacity = capacity
        self.readable = bytearray()
        self.starts: list[int] = []
        self.chunks: dict[int, bytes] = {}
        self.blocks: list[Block] = []
        self.stamp = 0
        self.fin: int | None = None  # where the peer's stream ends, once known
        self.twice: tuple[int, int] | None = None  # what has just arrived again: RFC 2883

    def store(self, seq: int, data: bytes, rcv_nxt: int) -> int:
        """Store octets that begin at ``seq``, already inside the window, and return the new
        RCV.NXT. RFC 9293 section 3.10.7.4, seventh step.
        """
        if seq < rcv_nxt:
            data, seq = data[rcv_nxt - seq :], rcv_nxt
        if not data:
            return rcv_nxt
        if seq > rcv_nxt:
            self._hold(seq, data)
            return rcv_nxt
        self.readable += data
        rcv_nxt += len(data)
        return self._join(rcv_nxt) if self.starts else rcv_nxt

    def _hold(self, seq: int, data: bytes) -> None:
        """Keep octets beyond a gap; those held already stay as they first arrived.

        RFC 9293 section 3.10.7.4 (SHLD-31).
        """
        at, end = seq, seq + len(data)
        index = bisect_right(self.starts, at)
        if index:
            before = self.starts[index - 1]
            at = max(at, before + len(self.chunks[before]))
        while at < end:
            following = self.starts[index] if index < len(self.starts) else end
            if at < following:
                piece = data[at - seq : min(following, end) - seq]
                self.starts.insert(index, at)
                self.chunks[at] = piece
            at = self.starts[index] + len(self.chunks[self.starts[index]])
            index += 1
        self._extend_blocks(seq, end)

    def _extend_blocks(self, left: int, right: int) -> None:
        """Merge the range into the blocks; the one that holds it becomes the newest.

        RFC 2018 section 4.
        """
        apart = []
        for block in self.blocks:
            if block.right < left or right < block.left:
                apart.append(block)
            else:
                left, right = min(left, block.left), max(right, block.right)
        self.stamp += 1
        self.blocks = [Block(left, right, self.stamp), *apart]

    def _join(self, rcv_nxt: int) -> int:
        """Move what is contiguous now to the readable octets; return the new RCV.NXT.

        RFC 9293 section 3.10.7.4, seventh step.
        """
        done = 0
        for start in self.starts:
            if start > rcv_nxt:
                break
            piece = self.chunks.pop(start)
            self.readable += piece[rcv_nxt - start :] if start < rcv_nxt else piece
            rcv_nxt = max(rcv_nxt, start + len(piece))
            done += 1
        if done:
            del self.starts[:done]
        self.blocks = [block for block in self.blocks if block.right > rcv_nxt]
        return rcv_nxt

    @property
    def to_report(self) -> bool:
        """Whether an acknowledgment has blocks to tell of. RFC 2018 section 4, RFC 2883."""
        return bool(self.blocks) or self.twice is not None

    def note_duplicate(self, seq: int, end: int, rcv_nxt: int) -> None:
        """Keep which of the octets from ``seq`` to ``end`` are here already, for the next
        acknowledgment: those below RCV.NXT, else the first that a block holds.

        RFC 2883 section 4 (rules 1 to 3).
        """
        if seq < rcv_nxt:
            self.twice = (seq, min(end, rcv_nxt))
            return
        held = [block for block in self.blocks if block.left < end and seq < block.right]
        if held:
            first = min(held, key=lambda block: block.left)
            self.twice = (max(seq, first.left), min(end, first.right))

    def sack_blocks(self, most: int) -> tuple[tuple[int, int], ...]:
        """Return up to ``most`` blocks: what arrived twice, once, then the one with the newest
        arrival, and so on.

        RFC 2018 section 4, RFC 2883 section 4.
        """
        blocks = [(block.left, block.right) for block in self.blocks]
        if self.twice is not None:
            blocks.insert(0, self.twice)
            self.twice = None
        return tuple(blocks[:most])

    def read(self, most: int) -> bytes:
        """Take up to ``most`` octets. RFC 9293 section 3.10.3."""
        if most >= len(self.readable):
            data = bytes(self.readable)
            self.readable.clear()
            return data
        data = bytes(self.readable[:most])
        del self.readable[:most]
        return data

    @property
    def space(self) -> int:
        """Octets that fit after RCV.NXT: RCV.BUFF less RCV.USER. RFC 9293 section 3.8.6.2.2."""
        return max(0, self.capacity - len(self.readable))
