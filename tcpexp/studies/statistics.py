"""Statistics of repeated runs: intervals of means, differences paired by seed, power laws,
crossings.

All draws come from a fixed seed, so that the same runs give the same intervals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

from tcpexp.late import numpy as np

DRAWS = 2000
LEVEL = 0.95
#: With fewer repetitions there is no interval: two numbers say nothing about how far a third may
#: lie.
LEAST_REPEATS = 3
#: With fewer, resampling cannot look beyond the values that there are: three values hold the true
#: mean between them in 75 % of all cases, not in 95 %.
LEAST_FOR_BOOTSTRAP = 8
#: The 97.5th percentiles of Student's t for 1, 2, 3... degrees of freedom.
_STUDENT_T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
_SEED = 20_151_104


@dataclass(frozen=True)
class Interval:
    """A mean of ``count`` values, and the 95 % interval around it.

    Both ends None with fewer than three values.
    """

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def half_width(self) -> float:
        """Half the interval's width, 0 where there is none."""
        return 0.0 if self.low is None or self.high is None else (self.high - self.low) / 2


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Return the mean and its 95 % interval; None without a value.

    Up to seven values: Student's t, which takes their distribution for normal.

    From eight on: the expanded percentile interval (Hesterberg, The American Statistician 69(4),
    2015, section 3.3). It takes percentiles of the resampled means, further out by as much as
    Student's t is wider than the normal distribution. Plain percentiles are too narrow for few
    repetitions.
    """
    data = np.asarray(values, dtype=float)
    count = len(data)
    if count == 0:
        return None
    mean = float(data.mean())
    if count < LEAST_REPEATS:
        return Interval(mean, None, None, count)
    if count < LEAST_FOR_BOOTSTRAP:
        half = student_t(count - 1) * float(data.std(ddof=1)) / math.sqrt(count)
        return Interval(mean, mean - half, mean + half, count)
    draws = np.random.default_rng(_SEED).integers(0, count, size=(DRAWS, count))
    tail = expanded_tail(count)
    low, high = np.quantile(data[draws].mean(axis=1), [tail, 1 - tail])
    return Interval(mean, float(low), float(high), count)


def expanded_tail(count: int) -> float:
    """Return the tail probability of the expanded percentile interval of ``count`` values: 0.025
    for many, less for few.
    """
    return NormalDist().cdf(-math.sqrt(count / (count - 1)) * student_t(count - 1))


def student_t(freedom: int) -> float:
    """Return the 97.5th percentile of Student's t: from a table up to 10 degrees of freedom, beyond
    it by the Cornish-Fisher series (error below 0.01 %).
    """
    if freedom <= len(_STUDENT_T):
        return _STUDENT_T[freedom - 1]
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))


@dataclass(frozen=True)
class Difference:
    """The mean difference of two groups of runs, paired by what they share (their seed), its
    interval, and what that says.
    """

    interval: Interval
    pairs: int

    @property
    def beyond_noise(self) -> bool | None:
        """Whether the difference is larger than run-to-run noise: its interval leaves out 0.

        None when there are too few pairs to say.
        """
        if self.interval.low is None or self.interval.high is None:
            return None
        return not self.interval.low <= 0 <= self.interval.high


def beyond_noise(a: Interval, b: Interval) -> bool:
    """Whether two means differ by more than both intervals, taken together, allow.

    Without intervals, whether they differ.
    """
    return abs(a.mean - b.mean) > math.hypot(a.half_width, b.half_width)


def paired_difference(a: Mapping[Any, float], b: Mapping[Any, float]) -> Difference | None:
    """Return a minus b over the keys (seeds) that both have; None when they share none."""
    shared = sorted(set(a) & set(b), key=str)
    interval = mean_interval([a[key] - b[key] for key in shared])
    return None if interval is None else Difference(interval, len(shared))


@dataclass(frozen=True)
class PowerLaw:
    """``y = factor * x ** exponent``; ``r2`` says how straight the logarithms lie.

    The exponent's interval is of the repetitions.
    """

    factor: float
    exponent: float
    low: float | None
    high: float | None
    r2: float


def fit_power_law(points: Mapping[float, Sequence[float]]) -> PowerLaw | None:
    """Return the power law through the mean of each x, fitted to the logarithms; None with fewer
    than three x above zero.

    The exponent's interval follows from how far each x's repetitions lie apart (Student's t,
    propagated through the logarithm of their mean). It says nothing about whether a power law fits;
    R squared does.
    """
    usable = {
        x: np.asarray(ys, dtype=float)
        for x, ys in sorted(points.items())
        if x > 0 and len(ys) and float(np.mean(ys)) > 0
    }
    if len(usable) < 3:
        return None
    logs = np.log(list(usable))
    slope, intercept, r2 = _line(logs, np.log([ys.mean() for ys in usable.values()]))
    low = high = None
    if min(len(ys) for ys in usable.values()) >= LEAST_REPEATS:
        weights = (logs - logs.mean()) / float(((logs - logs.mean()) ** 2).sum())
        spread = [
            float(ys.std(ddof=1) / (ys.mean() * math.sqrt(len(ys)))) for ys in usable.values()
        ]
        half = student_t(sum(len(ys) - 1 for ys in usable.values())) * math.sqrt(
            sum((w * s) ** 2 for w, s in zip(weights, spread, strict=True))
        )
        low, high = slope - half, slope + half
    return PowerLaw(math.exp(intercept), slope, low, high, r2)


def _line(x: Any, y: Any) -> tuple[float, float, float]:
    """Return slope, intercept and R squared of the least-squares line."""
    dx, dy = x - x.mean(), y - y.mean()
    slope = float((dx * dy).sum() / (dx * dx).sum())
    total = float((dy * dy).sum())
    rest = float(((dy - slope * dx) ** 2).sum())
    return slope, float(y.mean() - slope * x.mean()), 1 - rest / total if total else 1.0


def crossings(points: Sequence[tuple[float, float]]) -> list[float]:
    """Return the x at which a series of (x, difference) changes its sign, by straight lines between
    neighbours (of log x where all x are above 0).
    """
    ordered = sorted(points)
    logs = all(x > 0 for x, _ in ordered)
    crossed = []
    for (x0, y0), (x1, y1) in pairwise(ordered):
        if y0 == 0 or (y0 < 0) == (y1 < 0) or y1 == 0:
            if y0 == 0:
                crossed.append(x0)
            continue
        share = y0 / (y0 - y1)
        crossed.append(x0 * (x1 / x0) ** share if logs else x0 + (x1 - x0) * share)
    if ordered and ordered[-1][1] == 0:
        crossed.append(ordered[-1][0])
    return crossed
