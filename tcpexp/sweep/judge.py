"""Judge a study: each entry of its ``expect:`` to a verdict, from the table of runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from tcpexp.checks.base import Evidence, Verdict
from tcpexp.spec.expressions import number_of
from tcpexp.spec.study import CrossingExpected, DifferenceExpected, MonotoneExpected, PowerLawExpected, ValueExpected
from tcpexp.sweep.measure import computed
from tcpexp.sweep.statistics import Interval, crossings, fit_power_law, mean_interval, paired_difference

if TYPE_CHECKING:
    from tcpexp.sweep.study import Study

#: Columns of ``runs`` that tell the repetitions of one combination apart.
REPETITION = ("run", "repeat", "seed", "key", "label")


class _Undecided(Exception):
    """The runs do not suffice; ``str()`` is the reason."""


def judge_study(study: Study, runs: pl.DataFrame) -> list[Verdict]:
    """Return a verdict for each entry of ``expect:``, in its order; runs that failed or are missing make no verdict pass."""
    verdicts = []
    for entry in study.sweep.expect:
        expected = entry.chosen()
        try:
            verdicts.append(_JUDGES[type(expected)](study, runs, expected))
        except _Undecided as why:
            verdicts.append(_verdict(expected, "INCONCLUSIVE", "not measured", "", str(why)))
    return verdicts


def select(study: Study, runs: pl.DataFrame, at: dict[str, Any]) -> pl.DataFrame:
    """Return the finished runs where parameters have the values of ``at``; raises when a combination has none."""
    chosen = runs
    for name, value in at.items():
        numeric = chosen.schema[name] == pl.Float64()
        chosen = chosen.filter((pl.col(name) - number_of(value)).abs() <= 1e-9 * pl.col(name).abs().clip(1e-12) if numeric else pl.col(name) == str(value))
    if chosen.height == 0:
        raise _Undecided(f"no combination has {', '.join(f'{name} = {value}' for name, value in at.items())}")
    return chosen


def cell_means(study: Study, runs: pl.DataFrame, measure: str) -> list[tuple[dict[str, Any], Interval]]:
    """Return (parameters, mean and interval) of each cell, in order; raises when a run of it is missing or measured nothing."""
    names = list(study.sweep.parameters)
    found = []
    for _, rows in runs.sort("run").group_by("cell", maintain_order=True):
        values = rows[measure].drop_nulls().to_list()
        if len(values) < rows.height:
            raise _Undecided(f"{rows.height - len(values)} of {rows.height} runs with {rows['label'][0]} have no {measure}")
        interval = mean_interval(values)
        assert interval is not None  # a group has at least one row
        found.append((rows.select(*names, *[each for each in study.sweep.measures]).row(0, named=True), interval))
    return found


def number_words(value: float) -> str:
    """Return a number with four significant digits."""
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def interval_words(interval: Interval) -> str:
    """Return a mean with its interval: ``12.1 (11.8 to 12.4)``."""
    if interval.low is None or interval.high is None:
        return number_words(interval.mean)
    return f"{number_words(interval.mean)} ({number_words(interval.low)} to {number_words(interval.high)})"


def _cells_words(parameters: dict[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name} = {number_words(value) if isinstance(value, float) else value}" for name in names if (value := parameters[name]) is not None)


def _at_words(expected: Any) -> str:
    return f" at {', '.join(f'{name} = {value}' for name, value in expected.at.items())}" if expected.at else ""


def _verdict(expected: Any, result: Any, measured: str, asked: str, reason: str, rows: Sequence[tuple[str, ...]] = ()) -> Verdict:
    kind = type(expected).__name__.removesuffix("Expected")
    name = {"PowerLaw": "power_law"}.get(kind, kind.lower())
    title = f"{expected.measure}{_at_words(expected)}: {name.replace('_', ' ')}"
    reason = reason if reason.endswith(".") else f"{reason}."
    return Verdict(name, title, result, measured, asked, reason, expected.because, (Evidence("The combinations", rows=tuple(rows)),) if rows else ())


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
        rows.append((_cells_words(parameters, names), interval_words(interval), asked_words, words, "" if fine else "outside"))
    measured = f"{len(means) - bad} of {len(means)} combinations fit" if len(means) > 1 else rows[1][1]
    asked = f"within {expected.tolerance:.0%} of {expected.equals}" if expected.equals is not None else "within the bounds"
    asked = asked_words if len(means) == 1 else asked
    reason = f"{measured}; the largest deviation is {worst:.1%}" if expected.equals is not None else measured
    return _verdict(expected, "FAIL" if bad else "PASS", measured, asked, reason, rows)


def _value_fits(expected: ValueExpected, parameters: dict[str, Any], mean: float) -> tuple[bool, str, float | None]:
    """Return whether a mean fits, what is asked in words, and the relative deviation from ``equals``."""
    bounds = {}
    for name in ("equals", "at_least", "at_most"):
        text = getattr(expected, name)
        if text is not None:
            value = computed(text, parameters)
            if value is None:
                raise _Undecided(f"{name}: {text} cannot be computed with {parameters}")
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


def along(study: Study, runs: pl.DataFrame, measure: str, parameter: str) -> list[tuple[dict[str, Any], list[tuple[float, Interval]]]]:
    """Return a series for each combination of the other parameters: (x, mean and interval) sorted by x.

    Parameters that follow from others by ``is:`` do not tell series apart.
    """
    others = [name for name, each in study.sweep.parameters.items() if name != parameter and each.is_ is None]
    others = [name for name in others if not any(parameter in group and name in group for group in study.sweep.zip)]
    if runs.schema[parameter] != pl.Float64():
        raise _Undecided(f"'{parameter}' has words for values, so there is no order along it")
    series: dict[tuple[Any, ...], list[tuple[float, Interval]]] = {}
    for parameters, interval in cell_means(study, runs, measure):
        series.setdefault(tuple(parameters[name] for name in others), []).append((parameters[parameter], interval))
    return [(dict(zip(others, key, strict=True)), sorted(points, key=lambda point: point[0])) for key, points in series.items()]


def _judge_monotone(study: Study, runs: pl.DataFrame, expected: MonotoneExpected) -> Verdict:
    sign = 1 if expected.direction == "rises" else -1
    wrong, steps = [], 0
    rows: list[tuple[str, ...]] = [("series", expected.along, expected.measure)]
    for others, points in along(study, select(study, runs, expected.at), expected.measure, expected.along):
        words = _cells_words(others, others)
        rows += [(words, number_words(x), interval_words(interval)) for x, interval in points]
        for (x0, a), (x1, b) in pairwise(points):
            steps += 1
            if sign * (b.mean - a.mean) <= 0 and abs(b.mean - a.mean) > a.half_width + b.half_width:
                wrong.append(f"from {number_words(x0)} to {number_words(x1)}{f' with {words}' if words else ''}")
    if not steps:
        raise _Undecided(f"'{expected.along}' has a single value")
    measured = f"{steps - len(wrong)} of {steps} steps"
    reason = f"It {expected.direction} with {expected.along}" if not wrong else f"Not {'; '.join(wrong)}"
    return _verdict(expected, "FAIL" if wrong else "PASS", measured, f"{expected.direction} with {expected.along}", reason, rows)


def _judge_crossing(study: Study, runs: pl.DataFrame, expected: CrossingExpected) -> Verdict:
    chosen = select(study, runs, expected.at)
    partner = {} if expected.other is None else {
        tuple(others.items()): dict(points) for others, points in along(study, chosen, expected.other, expected.along)
    }  # fmt: skip
    low, high = expected.between
    found, wrong = [], 0
    for others, points in along(study, chosen, expected.measure, expected.along):
        level = partner.get(tuple(others.items()), {})
        differences = [(x, interval.mean - (level[x].mean if expected.other is not None else float(expected.level or 0.0))) for x, interval in points]
        places = crossings(differences)
        wrong += not (len(places) == 1 and low <= places[0] <= high)
        found.append(f"{', '.join(number_words(place) for place in places) or 'nowhere'}{f' ({_cells_words(others, others)})' if others else ''}")
    measured = f"crosses at {'; '.join(found)}"
    with_what = expected.other or number_words(float(expected.level or 0.0))
    asked = f"crosses {with_what} once, between {number_words(low)} and {number_words(high)}"
    return _verdict(expected, "FAIL" if wrong else "PASS", measured, asked, f"It {measured}")


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
            raise _Undecided(f"a power law needs three values of '{expected.along}' above zero")
        exponents.append(fit.exponent)
        interval = "" if fit.low is None or fit.high is None else f"{fit.low:.3f} to {fit.high:.3f}"
        rows.append((_cells_words(others, others), f"{fit.exponent:.3f}", interval, number_words(fit.factor), f"{fit.r2:.4f}"))
    measured = "exponent " + ", ".join(f"{each:.3f}" for each in exponents)
    fine = all(abs(each - expected.exponent) <= expected.tolerance for each in exponents)
    asked = f"{expected.exponent:g} ± {expected.tolerance:g}"
    return _verdict(expected, "PASS" if fine else "FAIL", measured, asked, f"The fit of the logarithms has the {measured}, R² {rows[1][4]}", rows)


def _judge_difference(study: Study, runs: pl.DataFrame, expected: DifferenceExpected) -> Verdict:
    """Compare runs that share everything but the parameter: the other parameters and the seed."""
    chosen = select(study, runs, expected.at)
    others = [name for name, each in study.sweep.parameters.items() if name != expected.parameter and each.is_ is None]
    groups = []
    for value in (expected.larger, expected.smaller):
        rows = select(study, chosen, {expected.parameter: value})
        if rows[expected.measure].null_count():
            raise _Undecided(f"runs with {expected.parameter} = {value} have no {expected.measure}")
        groups.append({tuple(row[name] for name in (*others, "seed")): row[expected.measure] for row in rows.iter_rows(named=True)})
    difference = paired_difference(*groups)
    if difference is None:
        raise _Undecided("the two values share no other parameters and seed")
    asked = f"larger for {expected.larger} than for {expected.smaller}"
    measured = f"{interval_words(difference.interval)} over {difference.pairs} pairs"
    if difference.beyond_noise is None:
        return _verdict(expected, "INCONCLUSIVE", measured, asked, "Fewer than three pairs say nothing about run-to-run noise")
    fine = difference.beyond_noise and difference.interval.mean > 0
    noise = "larger" if difference.beyond_noise else "not larger"
    return _verdict(expected, "PASS" if fine else "FAIL", measured, asked, f"The difference is {measured}, {noise} than run-to-run noise")


_JUDGES: dict[type, Any] = {
    ValueExpected: _judge_value,
    MonotoneExpected: _judge_monotone,
    CrossingExpected: _judge_crossing,
    PowerLawExpected: _judge_power_law,
    DifferenceExpected: _judge_difference,
}
