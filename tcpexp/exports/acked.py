"""Which packets an ACK covers for the first time: what QUIC says in ACK frames, of TCP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Arrival:
    """A packet with sequence space that has arrived: when, its number, and its bytes (relative)."""

    at_ns: int
    number: int
    start: int
    end: int


@dataclass(frozen=True)
class Ack:
    """An ACK: its packet's number, when it was sent, the next byte that it expects, and its SACK
    blocks.
    """

    number: int
    sent_ns: int
    next_byte: int
    blocks: tuple[tuple[int, int], ...] = ()


def newly_acked(
    acks: Iterable[Ack], arrivals: Iterable[Arrival]
) -> Iterator[tuple[int, list[int]]]:
    """Yield each ACK's packet number with the packets that it is the first to cover, in ascending
    order.

    ``acks`` are in the order of whoever looks, ``arrivals`` in that of arriving. Only what had
    arrived when an ACK left is covered by it: so of bytes that were sent twice the packet counts
    that came through.
    """
    waiting = sorted(arrivals, key=lambda arrival: arrival.at_ns)
    here: dict[int, Arrival] = {}
    index = 0
    for ack in acks:
        while index < len(waiting) and waiting[index].at_ns <= ack.sent_ns:
            here[waiting[index].number] = waiting[index]
            index += 1
        covered = sorted(
            number
            for number, arrival in here.items()
            if arrival.at_ns <= ack.sent_ns and _covers(ack, arrival)
        )
        for number in covered:
            del here[number]
        if covered:
            yield ack.number, covered


def _covers(ack: Ack, arrival: Arrival) -> bool:
    return arrival.end <= ack.next_byte or any(
        left <= arrival.start and arrival.end <= right for left, right in ack.blocks
    )


def ranges_of(numbers: Iterable[int]) -> list[list[int]]:
    """Return ascending numbers as ranges, both ends included: ``[[1, 3], [7, 7]]``."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges
