"""Judge a study: each entry of its ``expect:`` to a verdict, from the table of runs."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from tcpexp.checks.base import Verdict
from tcpexp.spec.study import CrossingExpected, DifferenceExpected, MonotoneExpected, PowerLawExpected, ValueExpected
from tcpexp.sweep.judgecompare import judge_crossing, judge_difference
from tcpexp.sweep.measure import computed
from tcpexp.sweep.series import Undecided, along, cell_means, cells_words, interval_words, make_verdict, number_words, select
from tcpexp.sweep.statistics import Interval, beyond_noise, fit_power_law

if TYPE_CHECKING:
    from tcpexp.sweep.study import Study


def judge_study(study: Study, runs: pl.DataFrame) -> list[Verdict]:
    """Return a verdict for each entry of ``expect:``, in its order; runs that failed or are missing make no verdict pass."""
    verdicts = []
    for entry in study.sweep.expect:
        expected = entry.chosen()
        try:
            verdicts.append(_JUDGES[type(expected)](study, runs, expected))
        except Undecided as why:
            verdicts.append(make_verdict(expected, "INCONCLUSIVE", "not measured", "", str(why)))
    return verdicts


def _judge_value(study: Study, runs: pl.DataFrame, expected: ValueExpected) -> Verdict:
    names = list(study.sweep.parameters)
    rows: list[tuple[str, ...]] = [("combination", expected.measure, "expected", "deviation", "")]
    bad, worst, asked_words = 0, 0.0, ""
    means = cell_means(study, select(study, runs, expected.at), expected.measure)
    for parameters, interval in means:
        fine, asked_words, deviation = _value_fits(expected, parameters, interval.mean)
        bad += not fine
        worst = max(worst, abs(deviation or 0.0), key=abs)
        words = "" if deviation is None else f"{deviation:+.1%}"
        remark = "outside" if not fine else "" if _interval_fits(expected, parameters, interval) else "the interval reaches outside"
        rows.append((cells_words(parameters, names), interval_words(interval), asked_words, words, remark))
    measured = f"{len(means) - bad} of {len(means)} combinations fit" if len(means) > 1 else rows[1][1]
    given = (("at least", expected.at_least), ("at most", expected.at_most))
    bounds = [f"within {expected.tolerance:.0%} of {expected.equals}"] if expected.equals is not None else []
    asked = ", ".join([*bounds, *(f"{words} {value}" for words, value in given if value is not None)])
    asked = asked_words if len(means) == 1 else asked
    reason = f"{measured}; the largest deviation is {worst:.1%}" if expected.equals is not None else measured
    return make_verdict(expected, "FAIL" if bad else "PASS", measured, asked, reason, rows)


def _interval_fits(expected: ValueExpected, parameters: dict[str, Any], interval: Interval) -> bool:
    ends = [each for each in (interval.low, interval.high) if each is not None]
    return all(_value_fits(expected, parameters, each)[0] for each in ends)


def _value_fits(expected: ValueExpected, parameters: dict[str, Any], mean: float) -> tuple[bool, str, float | None]:
    """Return whether a mean fits, what is asked in words, and the relative deviation from ``equals``."""
    bounds = {}
    for name in ("equals", "at_least", "at_most"):
        text = getattr(expected, name)
        if text is not None:
            value = computed(text, parameters)
            if value is None:
                raise Undecided(f"{name}: {text} cannot be computed with {parameters}")
            bounds[name] = value
    fine = bounds.get("at_least", -math.inf) <= mean <= bounds.get("at_most", math.inf)
    deviation = None
    words = [f"{name.replace('_', ' ')} {number_words(value)}" for name, value in bounds.items() if name != "equals"]
    if "equals" in bounds:
        right = bounds["equals"]
        deviation = (mean - right) / abs(right) if right else (0.0 if mean == 0 else math.inf)
        fine = fine and abs(deviation) <= expected.tolerance + 1e-12
        words.insert(0, f"{number_words(right)} ± {expected.tolerance:.0%}")
    return fine, ", ".join(words), deviation


def _judge_monotone(study: Study, runs: pl.DataFrame, expected: MonotoneExpected) -> Verdict:
    """Let no step go the wrong way beyond the noise, and no series end where it began."""
    sign = 1 if expected.direction == "rises" else -1
    wrong, steps = [], 0
    rows: list[tuple[str, ...]] = [("series", expected.along, expected.measure)]
    for others, points in along(study, select(study, runs, expected.at), expected.measure, expected.along):
        words = cells_words(others, others)
        where = f" with {words}" if words else ""
        rows += [(words, number_words(x), interval_words(interval)) for x, interval in points]
        for (x0, a), (x1, b) in pairwise(points):
            steps += 1
            if sign * (b.mean - a.mean) <= 0 and beyond_noise(a, b):
                wrong.append(f"from {number_words(x0)} to {number_words(x1)}{where}")
        (_, first), (_, last) = points[0], points[-1]
        if len(points) > 1 and not (sign * (last.mean - first.mean) > 0 and beyond_noise(first, last)):
            wrong.append(f"from end to end{where}")
    if not steps:
        raise Undecided(f"'{expected.along}' has a single value")
    measured = "no step goes the other way" if not wrong else f"not {'; '.join(wrong)}"
    reason = f"It {expected.direction} with {expected.along} in all of {steps} steps, or stays within the noise" if not wrong else f"It {measured}"
    reason = reason.replace("It not", f"It {'does not rise' if sign > 0 else 'does not fall'}")
    return make_verdict(expected, "FAIL" if wrong else "PASS", measured, f"{expected.direction} with {expected.along}", reason, rows)


def _judge_power_law(study: Study, runs: pl.DataFrame, expected: PowerLawExpected) -> Verdict:
    chosen = select(study, runs, expected.at)
    cell_means(study, chosen, expected.measure)  # nothing may be missing
    rows: list[tuple[str, ...]] = [("series", "exponent", "95 % interval", "factor", "R²")]
    exponents = []
    for others, points in along(study, chosen, expected.measure, expected.along):
        own = chosen
        for name, value in others.items():
            own = own.filter(pl.col(name) == value)
        fit = fit_power_law({x: own.filter(pl.col(expected.along) == x)[expected.measure].to_list() for x, _ in points})
        if fit is None:
            raise Undecided(f"a power law needs three values of '{expected.along}' above zero")
        exponents.append(fit.exponent)
        interval = "" if fit.low is None or fit.high is None else f"{fit.low:.3f} to {fit.high:.3f}"
        rows.append((cells_words(others, others), f"{fit.exponent:.3f}", interval, number_words(fit.factor), f"{fit.r2:.4f}"))
    measured = "exponent " + ", ".join(f"{each:.3f}" for each in exponents)
    fine = all(abs(each - expected.exponent) <= expected.tolerance for each in exponents)
    asked = f"{expected.exponent:g} ± {expected.tolerance:g}"
    straight = ", ".join(row[4] for row in rows[1:])
    return make_verdict(expected, "PASS" if fine else "FAIL", measured, asked, f"The fit of the logarithms has the {measured}, R² {straight}", rows)


_JUDGES: dict[type, Any] = {
    ValueExpected: _judge_value,
    MonotoneExpected: _judge_monotone,
    CrossingExpected: judge_crossing,
    PowerLawExpected: _judge_power_law,
    DifferenceExpected: judge_difference,
}
