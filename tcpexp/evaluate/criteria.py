"""Judge criteria: pure functions from rows to verdicts.

A point is one path of a case beside one incumbent. Its bound follows from what the incumbent has on
the same path with the same seeds. A criterion passes when all points do; where nothing is measured
nothing passes. There is no score over criteria.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tcpexp.analysis.harm import harm
from tcpexp.checks.base import Result
from tcpexp.evaluate.case import Criterion
from tcpexp.evaluate.evaluation import Row
from tcpexp.studies.statistics import Interval, mean_interval
from tcpexp.words.shown import number_words

#: Differences below this are rounding.
TINY = 1e-9


@dataclass(frozen=True)
class Point:
    """A criterion on one path beside one incumbent.

    ``new`` and ``old`` are the measure (or the harm) of the control under test and of the
    incumbent, ``bound`` is the mean bound, ``excess`` by how much the former is on its wrong side
    (below 0: it fits). ``runs`` are the keys of all runs behind it.
    """

    measure: str
    old_name: str
    path: tuple[tuple[str, Any], ...]
    result: Result
    reason: str
    new: Interval | None = None
    old: Interval | None = None
    bound: float | None = None
    excess: Interval | None = None
    runs: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The path in words."""
        return ", ".join(f"{name}={value}" for name, value in self.path)


@dataclass(frozen=True)
class Judgement:
    """The verdict on one criterion, its reason in a sentence, and all points."""

    case: str
    criterion: Criterion
    result: Result
    reason: str
    points: tuple[Point, ...] = field(default=())


def judge(
    case: str, criterion: Criterion, rows: Iterable[Row], old_names: Sequence[str]
) -> Judgement:
    """Return the verdict on a criterion from the rows of its case."""
    own = [row for row in rows if row.case == case and _at(row, criterion.at)]
    paths = list(dict.fromkeys(row.path for row in own))
    points = [
        _point(criterion, measure, old, path, [row for row in own if row.path == path])
        for measure in criterion.measure
        for old in dict.fromkeys(_incumbents(criterion, own, old_names))
        for path in paths
    ]
    result = worst(point.result for point in points)
    return Judgement(case, criterion, result, _reason(criterion, points, result), tuple(points))


def _at(row: Row, at: Mapping[str, Any]) -> bool:
    path = dict(row.path)
    return all(str(path.get(name)) == str(value) for name, value in at.items())


def _incumbents(criterion: Criterion, rows: list[Row], old_names: Sequence[str]) -> list[str]:
    """Return the incumbents that the criterion's mixes are beside, in the order asked for."""
    mixes = {criterion.of, criterion.than}
    there = {row.old for row in rows if row.mix in mixes and row.old is not None}
    return [name for name in old_names if name in there] or list(old_names[:1])


def worst(results: Iterable[Result]) -> Result:
    """Return FAIL if anything failed, else INCONCLUSIVE if anything is open or there is nothing."""
    found = list(results)
    if "FAIL" in found:
        return "FAIL"
    return "PASS" if found and all(result == "PASS" for result in found) else "INCONCLUSIVE"


def _point(
    criterion: Criterion, measure: str, old: str, path: tuple[tuple[str, Any], ...], rows: list[Row]
) -> Point:
    def seeds_of(mix: str | None) -> dict[int, Row]:
        return {row.seed: row for row in rows if row.mix == mix and row.old in (None, old)}

    new_rows = seeds_of(criterion.of)
    groups = [new_rows]
    new = _values(criterion, measure, new_rows, seeds_of(criterion.solo_of_new))
    than: dict[int, float] | None = None
    if criterion.than is not None:
        old_rows = seeds_of(criterion.than)
        groups.append(old_rows)
        than = _values(criterion, measure, old_rows, seeds_of(criterion.solo_of_old))
    groups += [seeds_of(mix) for mix in criterion.solo]
    runs = tuple(dict.fromkeys(row.key for group in groups for row in group.values()))
    shared = sorted(set(new) & set(than)) if than is not None else sorted(new)
    base = {
        "measure": measure,
        "old_name": old,
        "path": path,
        "new": mean_interval(list(new.values())),
        "old": None if than is None else mean_interval(list(than.values())),
        "runs": runs,
    }
    if not shared:
        who = "the control under test" if not new else "the incumbent"
        reason = f"runs on the side of {who} are missing"
        return Point(result="INCONCLUSIVE", reason=reason, **base)  # type: ignore[arg-type]
    bounds = [bound_of(criterion, None if than is None else than[seed]) for seed in shared]
    sign = 1 if bounded_above(criterion) else -1
    excess = mean_interval(
        [sign * (new[seed] - bound) for seed, bound in zip(shared, bounds, strict=True)]
    )
    assert excess is not None
    result, reason = _verdict(excess)
    missing = max(len(group) for group in groups) - len(shared)
    if missing > 0 and result == "PASS":
        result, reason = "INCONCLUSIVE", f"{missing} of its runs are missing"
    return Point(
        result=result,
        reason=reason,
        bound=sum(bounds) / len(bounds),
        excess=excess,
        **base,  # type: ignore[arg-type]
    )


def _verdict(excess: Interval) -> tuple[Result, str]:
    """Fit, or not by more than the repetitions vary.

    With fewer than three of them there is no interval, and the mean decides.
    """
    if excess.mean <= TINY:
        reaches = excess.high is not None and excess.high > TINY
        return "PASS", "fits; the interval reaches beyond the bound" if reaches else "fits"
    if excess.low is not None and excess.low <= 0:
        return "INCONCLUSIVE", "beyond the bound by less than its runs vary"
    return "FAIL", "beyond the bound"


def _values(
    criterion: Criterion, measure: str, rows: dict[int, Row], solo: dict[int, Row]
) -> dict[int, float]:
    """Return the measure by seed, as harm where the criterion asks for that."""
    values: dict[int, float] = {}
    for seed, row in rows.items():
        value = row.values.get(measure)
        if value is None or not math.isfinite(value):
            continue
        if criterion.solo:
            alone = solo[seed].values.get(measure) if seed in solo else None
            value = None if alone is None else harm(alone, value, criterion.better)
            if value is None:
                continue
        values[seed] = value
    return values


def bounded_above(criterion: Criterion) -> bool:
    """Whether the bound is the most that is allowed: harm is, whichever way its measure goes."""
    return criterion.better == "less" or bool(criterion.solo)


def bound_of(criterion: Criterion, old: float | None) -> float:
    """Return the bound that follows from the incumbent's value ``old`` (None: there is none)."""
    enough = criterion.enough
    if old is None:
        assert enough is not None
        return enough
    if bounded_above(criterion):
        bound = old * criterion.factor + criterion.margin
        return bound if enough is None else max(bound, enough)
    bound = old / criterion.factor - criterion.margin
    return bound if enough is None else min(bound, enough)


def _reason(criterion: Criterion, points: list[Point], result: Result) -> str:
    if not points:
        return "no run of it is finished"
    bad = [point for point in points if point.result == result]
    if result == "PASS":
        worst_point = max(points, key=_closeness)
        return f"all {len(points)} points fit; closest: {point_words(criterion, worst_point)}"
    shown = max(bad, key=_closeness)
    counted = f"{len(bad)} of {len(points)} points" if len(points) > 1 else "the point"
    if shown.excess is None:
        return f"{counted}: {shown.reason}"
    head = "beyond the bound" if result == "FAIL" else "open"
    return f"{counted} {head}; the most: {point_words(criterion, shown)}"


def _closeness(point: Point) -> float:
    """Return by how much a point is beyond its bound, relative to it."""
    if point.excess is None or point.bound is None:
        return -math.inf
    return point.excess.mean / max(abs(point.bound), 1e-3)


def point_words(criterion: Criterion, point: Point) -> str:
    """Return a point in words: ``0.62, cubic 0.48, allowed at most 0.58 (depth=4)``."""
    parts = []
    if point.new is not None:
        parts.append(value_words(criterion, point.new.mean))
    if point.old is not None:
        parts.append(f"{point.old_name} {value_words(criterion, point.old.mean)}")
    if point.bound is not None:
        side = "at most" if bounded_above(criterion) else "at least"
        parts.append(f"allowed {side} {value_words(criterion, point.bound)}")
    name = f"{point.measure}: " if len(criterion.measure) > 1 else ""
    beside = f"beside {point.old_name}, " if criterion.than is None else ""
    return f"{name}{', '.join(parts)} ({beside}{point.where})"


def value_words(criterion: Criterion, value: float) -> str:
    """Return a value of a criterion in words with its unit; harm and shares have none."""
    if criterion.solo:
        return f"{value:.2f}"
    if criterion.unit == "share":
        return f"{100 * value:.2f} %"
    if criterion.unit == "bit/s":
        return f"{value / 1e6:.2f} Mbit/s"
    if criterion.unit in ("ms", "packets"):
        return (
            f"{value:.0f} {criterion.unit}" if abs(value) >= 10 else f"{value:.1f} {criterion.unit}"
        )
    return f"{value:.3f}" if abs(value) < 10 else number_words(value)
