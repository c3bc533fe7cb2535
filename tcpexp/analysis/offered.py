"""What links offered: their rates summed over time, through every change and along every list of
rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.links import Epoch
from tcpexp.late import numpy as np
from tcpexp.store.rundata import NANOSECONDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]


class Offer:
    """The bits that one direction of a link could let pass until a time.

    Nothing while it is down.
    """

    def __init__(self, epochs: Sequence[Epoch]) -> None:
        """``epochs`` are those of one direction, in order, each with a rate
        (:func:`find_rate_epochs`).
        """
        spans = [
            (epoch.from_ns, epoch.to_ns, float(epoch.direction.rate_bps or 0) if epoch.up else 0.0)
            for epoch in epochs
            if epoch.to_ns > epoch.from_ns
        ]
        self._times = np.array([spans[0][0], *(span[1] for span in spans)], dtype=float)
        self._bits = np.cumsum(
            [0.0, *((end - begin) * rate / NANOSECONDS for begin, end, rate in spans)]
        )
        self._first_bps = spans[0][2]
        self._last_bps = spans[-1][2]

    def until(self, times_ns: Numbers) -> Numbers:
        """Return the bits from the first epoch's begin to each time.

        Before it and after the last, the nearest rate holds.
        """
        times = np.asarray(times_ns, dtype=float)
        before = np.minimum(times - self._times[0], 0) * self._first_bps / NANOSECONDS
        after = np.maximum(times - self._times[-1], 0) * self._last_bps / NANOSECONDS
        result: Numbers = np.interp(times, self._times, self._bits) + before + after
        return result


def find_offers(
    epochs: Iterable[Epoch], crossed: Iterable[tuple[str, str]]
) -> list[tuple[Offer, Sequence[Epoch]]]:
    """Return the offer, and the epochs, of each of ``crossed`` (link, node towards which) that has
    a rate all the time, in this order.
    """
    every = list(epochs)
    found: list[tuple[Offer, Sequence[Epoch]]] = []
    for link, towards in crossed:
        own = [
            t_ns
            for t_ns in every
            if (t_ns.link, t_ns.towards) == (link, towards) and t_ns.to_ns > t_ns.from_ns
        ]
        if own and all(epoch.direction.rate_bps is not None for epoch in own):
            found.append((Offer(own), own))
    return found


def offered_bits(
    epochs: Iterable[Epoch], crossed: Iterable[tuple[str, str]], from_ns: int, to_ns: int
) -> float | None:
    """Return what the link that offered least of ``crossed`` offered between two times, in bits;
    None when none of them has a rate.

    What left the sender and arrived between the two times is at most this: it passed every link on
    the way in between.
    """
    span = np.array([from_ns, to_ns])
    return min(
        (float(np.diff(offer.until(span))[0]) for offer, _ in find_offers(epochs, crossed)),
        default=None,
    )


def offered_before_arrival(
    epochs: Iterable[Epoch], way: Sequence[tuple[str, str]], from_ns: Numbers, length_ns: int
) -> Numbers:
    """Return, for each span of ``length_ns`` in which frames arrive at the end of ``way``, what the
    link that offered least had offered to them, in bits.

    A link offered it earlier, by its own delay and those of the links behind it. 0 where no link of
    the way has a rate.
    """
    every = list(epochs)
    least = np.full(from_ns.shape, np.inf)
    earlier = np.zeros(from_ns.shape)
    for direction in reversed(way):
        own = [
            epoch
            for epoch in every
            if (epoch.link, epoch.towards) == direction and epoch.to_ns > epoch.from_ns
        ]
        earlier = earlier + delay_at(own, from_ns - earlier)
        for offer, _ in find_offers(own, [direction]):
            least = np.minimum(
                least, offer.until(from_ns - earlier + length_ns) - offer.until(from_ns - earlier)
            )
    return np.where(np.isinf(least), 0.0, least)


def delay_at(epochs: Sequence[Epoch], times_ns: Numbers) -> Numbers:
    """Return the delay (ns) of one link's direction that was in force at each time.

    Before the first epoch, the first one's.
    """
    begins = np.array([epoch.from_ns for epoch in epochs], dtype=np.int64)
    delays = np.array([epoch.direction.delay_ns for epoch in epochs], dtype=np.int64)
    if not delays.size:
        return np.zeros(np.shape(times_ns), dtype=np.int64)
    result: Numbers = delays[np.maximum(np.searchsorted(begins, times_ns, side="right") - 1, 0)]
    return result
