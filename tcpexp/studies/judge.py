"""Judge a study: each entry of its ``expect:`` to a verdict, from the table of runs."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tcpexp.batch.measure import computed
from tcpexp.checks.base import Result, Verdict
from tcpexp.late import polars as pl
from tcpexp.spec.study import (
    CrossingExpected,
    DifferenceExpected,
    MonotoneExpected,
    PowerLawExpected,
    ValueExpected,
)
from tcpexp.studies.judgecompare import judge_crossing, judge_difference
from tcpexp.studies.series import (
    Undecided,
    along,
    cell_means,
    cells_words,
    interval_words,
    make_verdict,
    select,
)
from tcpexp.studies.statistics import Interval, beyond_noise, fit_power_law
from tcpexp.words.shown import number_words

if TYPE_CHECKING:
    from tcpexp.studies.study import Study

#: What is said of a combination whose mean does not fit: beyond its interval, and within it.
OUTSIDE = "outside"
UNSURE = "outside, within the noise"


def judge_study(study: Study, runs: pl.DataFrame) -> list[Verdict]:
    """Return a verdict for each entry of ``expect:``, in its order.

    Runs that failed or are missing make no verdict pass.
    """
    verdicts = []
    for entry in study.sweep.expect:
        expected = entry.chosen()
        try:
            verdicts.append(_JUDGES[type(expected)](study, runs, expected))
        except Undecided as why:
            verdicts.append(make_verdict(expected, "INCONCLUSIVE", "not measured", "", str(why)))
    return verdicts


def _judge_value(study: Study, runs: pl.DataFrame, expected: ValueExpected) -> Verdict:
    """Compare the mean of each combination.

    One that lies outside by no more than its interval allows is not told from one inside.
    """
    names = list(study.sweep.parameters)
    rows: list[tuple[str, ...]] = [("combination", expected.measure, "expected", "deviation", "")]
    remarks, worst, asked_words = [], 0.0, ""
    means = cell_means(study, select(study, runs, expected.at), expected.measure)
    for parameters, interval in means:
        bounds = _bounds(expected, parameters)
        deviation = _deviation(interval.mean, bounds["equals"]) if "equals" in bounds else None
        asked_words = _bounds_words(bounds, expected.tolerance)
        worst = max(worst, abs(deviation or 0.0))
        remarks.append(_remark(interval, *_allowed(bounds, expected.tolerance)))
        rows.append(
            (
                cells_words(parameters, names),
                interval_words(interval),
                asked_words,
                "" if deviation is None else f"{deviation:+.1%}",
                remarks[-1],
            )
        )
    bad, unsure = remarks.count(OUTSIDE), remarks.count(UNSURE)
    measured = (
        f"{len(means) - bad - unsure} of {len(means)} combinations fit"
        if len(means) > 1
        else rows[1][1]
    )
    given = (("at least", expected.at_least), ("at most", expected.at_most))
    within = (
        [f"within {expected.tolerance:.0%} of {expected.equals}"]
        if expected.equals is not None
        else []
    )
    asked = ", ".join(
        [*within, *(f"{words} {value}" for words, value in given if value is not None)]
    )
    reason = (
        f"{measured}; the largest deviation is {worst:.1%}"
        if expected.equals is not None
        else measured
    )
    if unsure and not bad:
        reason += (
            "; a mean lies outside, but by less than its runs vary: more repetitions would tell"
        )
    result: Result = "FAIL" if bad else "INCONCLUSIVE" if unsure else "PASS"
    return make_verdict(
        expected, result, measured, asked_words if len(means) == 1 else asked, reason, rows
    )


def _remark(interval: Interval, low: float, high: float) -> str:
    """Say how a mean with its interval lies to what is allowed."""
    ends = (
        interval.mean if interval.low is None else interval.low,
        interval.mean if interval.high is None else interval.high,
    )
    if low <= interval.mean <= high:
        return "" if low <= ends[0] and ends[1] <= high else "the interval reaches outside"
    return UNSURE if ends[0] <= high and ends[1] >= low else OUTSIDE


def _bounds(expected: ValueExpected, parameters: dict[str, Any]) -> dict[str, float]:
    """Return what is asked of a combination as numbers: ``equals``, ``at_least``, ``at_most``, as
    far as they are given.
    """
    bounds = {}
    for name in ("equals", "at_least", "at_most"):
        text = getattr(expected, name)
        if text is not None:
            value = computed(text, parameters)
            if value is None:
                raise Undecided(f"{name}: {text} cannot be computed with {parameters}")
            bounds[name] = value
    return bounds


def _allowed(bounds: dict[str, float], tolerance: float) -> tuple[float, float]:
    """Return the least and the largest value that is allowed."""
    right, room = (
        bounds.get("equals", 0.0),
        (abs(bounds["equals"]) * tolerance + 1e-12) if "equals" in bounds else math.inf,
    )
    return max(bounds.get("at_least", -math.inf), right - room), min(
        bounds.get("at_most", math.inf), right + room
    )


def _deviation(mean: float, right: float) -> float:
    return (mean - right) / abs(right) if right else (0.0 if mean == 0 else math.inf)


def _bounds_words(bounds: dict[str, float], tolerance: float) -> str:
    words = [
        f"{name.replace('_', ' ')} {number_words(value)}"
        for name, value in bounds.items()
        if name != "equals"
    ]
    return ", ".join(
        [f"{number_words(bounds['equals'])} ± {tolerance:.0%}", *words]
        if "equals" in bounds
        else words
    )


def _judge_monotone(study: Study, runs: pl.DataFrame, expected: MonotoneExpected) -> Verdict:
    """Let no step go the wrong way beyond the noise, and no series end where it began."""
    sign = 1 if expected.direction == "rises" else -1
    wrong, steps = [], 0
    rows: list[tuple[str, ...]] = [("series", expected.along, expected.measure)]
    for others, points in along(
        study, select(study, runs, expected.at), expected.measure, expected.along
    ):
        words = cells_words(others, others)
        where = f" with {words}" if words else ""
        rows += [(words, number_words(x), interval_words(interval)) for x, interval in points]
        for (x0, a), (x1, b) in pairwise(points):
            if x0 == x1:  # two combinations that differ in what is varied together with it
                continue
            steps += 1
            if sign * (b.mean - a.mean) <= 0 and beyond_noise(a, b):
                wrong.append(f"from {number_words(x0)} to {number_words(x1)}{where}")
        (_, first), (_, last) = points[0], points[-1]
        if len(points) > 1 and not (
            sign * (last.mean - first.mean) > 0 and beyond_noise(first, last)
        ):
            wrong.append(f"from end to end{where}")
    if not steps:
        raise Undecided(f"'{expected.along}' has a single value")
    measured = "no step goes the other way" if not wrong else f"not {'; '.join(wrong)}"
    reason = (
        f"It {expected.direction} with {expected.along} in all of {steps} steps, or stays within"
        " the noise"
        if not wrong
        else f"It {measured}"
    )
    reason = reason.replace("It not", f"It {'does not rise' if sign > 0 else 'does not fall'}")
    return make_verdict(
        expected,
        "FAIL" if wrong else "PASS",
        measured,
        f"{expected.direction} with {expected.along}",
        reason,
        rows,
    )


def _judge_power_law(study: Study, runs: pl.DataFrame, expected: PowerLawExpected) -> Verdict:
    chosen = select(study, runs, expected.at)
    cell_means(study, chosen, expected.measure)  # nothing may be missing
    rows: list[tuple[str, ...]] = [("series", "exponent", "95 % interval", "factor", "R²")]
    exponents = []
    for others, points in along(study, chosen, expected.measure, expected.along):
        series_runs = chosen
        for name, value in others.items():
            series_runs = series_runs.filter(pl.col(name) == value)
        fit = fit_power_law(
            {
                x: series_runs.filter(pl.col(expected.along) == x)[expected.measure].to_list()
                for x, _ in points
            }
        )
        if fit is None:
            raise Undecided(f"a power law needs three values of '{expected.along}' above zero")
        exponents.append(fit.exponent)
        interval = "" if fit.low is None or fit.high is None else f"{fit.low:.3f} to {fit.high:.3f}"
        rows.append(
            (
                cells_words(others, others),
                f"{fit.exponent:.3f}",
                interval,
                number_words(fit.factor),
                f"{fit.r2:.4f}",
            )
        )
    measured = "exponent " + ", ".join(f"{exponent:.3f}" for exponent in exponents)
    fine = all(abs(exponent - expected.exponent) <= expected.tolerance for exponent in exponents)
    asked = f"{expected.exponent:g} ± {expected.tolerance:g}"
    straight = ", ".join(row[4] for row in rows[1:])
    return make_verdict(
        expected,
        "PASS" if fine else "FAIL",
        measured,
        asked,
        f"The fit of the logarithms has the {measured}, R² {straight}",
        rows,
    )


_JUDGES: dict[type, Any] = {
    ValueExpected: _judge_value,
    MonotoneExpected: _judge_monotone,
    CrossingExpected: judge_crossing,
    PowerLawExpected: _judge_power_law,
    DifferenceExpected: judge_difference,
}
