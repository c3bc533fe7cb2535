"""How the clocks of two captures differ, by the packets that both have.

A packet from the first capture to the second shows the offset plus its time on the way; one back
shows the offset minus its own. So the offset lies between the least of the one and the largest of
the other, and, if the way takes as long in both directions, in the middle (RFC 5905 section 8, the
clock filter's best sample). A drift makes both bounds lines: each is the edge of the convex hull of
its points that lies under their middle (Moon, Skelly and Towsley, "Estimation and Removal of Clock
Skew from Network Delay Measurements", INFOCOM 1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

#: A drift is looked for where packets lie at least so far apart, ns, with so many in a direction.
_LEAST_SPAN_NS, _FEW = 2_000_000_000, 20
#: Both directions must agree on a drift within this, or within a quarter of it; else it is none.
_AGREE = 2e-6
#: Time stamps may be rounded to microseconds: so much less than no time on the way is none.
_ROUNDED_NS = 10_000


@dataclass(frozen=True)
class Clock:
    """The second capture's clock beside the first one's.

    ``offset_ns`` is how far it is ahead at ``at_ns`` (the first capture's time), ``drift_ppm`` how
    much faster it goes. The offset is within ``uncertain_ns`` of the truth, whatever the two
    directions' delays are, and exact where both are alike; None where packets went one way only:
    then ``offset_ns`` takes the fastest one as if it took no time. Clocks by which no packet comes
    before it left are taken to be the same: offset 0, drift 0. ``least_ns`` is what the fastest
    packet took there and back. ``samples`` are packets that both captures have, in the direction
    first to second and back. ``sure`` is unsure where no line fits: one of the clocks was set.
    """

    offset_ns: int
    drift_ppm: float
    uncertain_ns: int | None
    at_ns: int
    least_ns: int | None
    samples: tuple[int, int]
    sure: Literal["likely", "unsure"]

    def to_first(self, column: str = "t_ns") -> pl.Expr:
        """Return times of the second capture by the first one's clock."""
        passed = pl.col(column) - self.offset_ns - self.at_ns
        slower = (passed * (self.drift_ppm / (1e6 + self.drift_ppm))).round(0).cast(pl.Int64)
        return (pl.col(column) - self.offset_ns - slower).alias(column)


def clock_of(forth: tuple[Ints, Ints, Ints], back: tuple[Ints, Ints, Ints]) -> Clock | None:
    """Return the clock of the second capture, or None without a packet that both have.

    ``forth`` are the times, by the first and by the second capture, and the payloads of packets
    that passed the first one first; ``back`` of those that passed the second one first. A drift is
    looked for in packets of one size, because larger ones take longer.
    """
    if not forth[0].size and not back[0].size:
        return None
    at_ns = int(min(times[0].min() for times in (forth, back) if times[0].size))
    ahead = [(times[0] - at_ns, times[1] - times[0]) for times in (forth, back)]
    agrees = (not ahead[0][1].size or int(ahead[0][1].min()) >= -_ROUNDED_NS) and (
        not ahead[1][1].size or int(ahead[1][1].max()) <= _ROUNDED_NS
    )
    if agrees:
        return _same_clock(at_ns, ahead)
    alike = [_commonest(times[2]) for times in (forth, back)]
    drift = _drift([(t[mask], d[mask]) for (t, d), mask in zip(ahead, alike, strict=True)])
    level = [(d - np.rint(t * drift).astype(np.int64)) for t, d in ahead]
    samples = (int(forth[0].size), int(back[0].size))
    if not forth[0].size or not back[0].size:
        only = int(level[0].min()) if forth[0].size else int(level[1].max())
        return Clock(only, drift * 1e6, None, at_ns, None, samples, "unsure")
    most, least = int(level[0].min()), int(level[1].max())
    around = most - least
    return Clock(
        (most + least) // 2,
        drift * 1e6,
        abs(around) // 2,
        at_ns,
        around,
        samples,
        "likely" if around >= -_ROUNDED_NS else "unsure",
    )


def _same_clock(at_ns: int, ahead: list[tuple[Ints, Ints]]) -> Clock:
    """Return a clock that is left as it is: no packet arrives before it left."""
    samples = (int(ahead[0][1].size), int(ahead[1][1].size))
    around = int(ahead[0][1].min()) - int(ahead[1][1].max()) if all(samples) else None
    return Clock(0, 0.0, around, at_ns, around, samples, "likely")


def _commonest(sizes: Ints) -> NDArray[np.bool_]:
    """Return which packets have the size that most have."""
    values, counts = np.unique(sizes, return_counts=True)
    commonest = int(values[np.argmax(counts)]) if sizes.size else 0
    most: NDArray[np.bool_] = sizes == commonest
    return most


def _drift(ahead: list[tuple[Ints, Ints]]) -> float:
    """Return how much faster the second clock goes (1e-6 is a microsecond in a second); 0 where it
    cannot be told from none.
    """
    slopes = []
    for sign, (t, d) in zip((1, -1), ahead, strict=True):
        if t.size >= _FEW and int(t.max() - t.min()) >= _LEAST_SPAN_NS:
            slopes.append(sign * hull_slope(t, sign * d))
    if not slopes:
        return 0.0
    mean = float(np.mean(slopes))
    if len(slopes) == 2:
        apart = abs(slopes[0] - slopes[1])
        return mean if apart <= max(_AGREE, abs(mean) / 4) and abs(mean) > apart else 0.0
    return 0.0


def hull_slope(t: Ints, d: Ints) -> float:
    """Return the slope of the line below all points (t, d) that lies nearest to them in the mean.

    It is the edge of the lower convex hull under the mean of ``t``.
    """
    order = np.lexsort((d, t))
    hull: list[tuple[int, int]] = []
    for x, y in zip(t[order].tolist(), d[order].tolist(), strict=True):
        if hull and hull[-1][0] == x:
            continue  # the lower of two at one time came first
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    middle = float(np.mean(t))
    for (x0, y0), (x1, y1) in pairwise(hull):
        if x0 <= middle <= x1:
            return (y1 - y0) / (x1 - x0)
    return 0.0


def _turns_down(one: tuple[int, int], two: tuple[int, int], three: tuple[int, int]) -> bool:
    """Return whether the middle point lies on or above the line between the others."""
    across = (two[0] - one[0]) * (three[1] - one[1])
    return across <= (two[1] - one[1]) * (three[0] - one[0])
