"""Verdicts that compare: a crossing with a level or another measure, and the difference between two
values of a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.checks.base import Verdict
from tcpexp.late import polars as pl
from tcpexp.spec.study import CrossingExpected, DifferenceExpected
from tcpexp.studies.series import (
    Undecided,
    along,
    cells_words,
    interval_words,
    make_verdict,
    select,
)
from tcpexp.studies.statistics import crossings, mean_interval, paired_difference
from tcpexp.words.shown import number_words

if TYPE_CHECKING:
    from tcpexp.studies.study import Study


def judge_crossing(study: Study, runs: pl.DataFrame, expected: CrossingExpected) -> Verdict:
    """Let each series cross once, in the range.

    Where it crosses is of the means, and its interval of where each repetition crosses.
    """
    chosen = select(study, runs, expected.at)
    partner = (
        {}
        if expected.other is None
        else {
            tuple(others.items()): dict(points)
            for others, points in along(study, chosen, expected.other, expected.along)
        }
    )
    low, high = expected.between
    crossed, wrong = [], 0
    for others, points in along(study, chosen, expected.measure, expected.along):
        level = partner.get(tuple(others.items()), {})
        differences = [
            (
                x,
                interval.mean
                - (level[x].mean if expected.other is not None else float(expected.level or 0.0)),
            )
            for x, interval in points
        ]
        places = crossings(differences)
        wrong += not (len(places) == 1 and low <= places[0] <= high)
        words = ", ".join(number_words(place) for place in places) or "nowhere"
        if len(places) == 1:
            words = _crossing_words(places[0], _crossings_by_seed(chosen, expected, others))
        crossed.append(f"{words}{f' with {cells_words(others, others)}' if others else ''}")
    measured = f"crosses at {'; '.join(crossed)}"
    with_what = expected.other or number_words(float(expected.level or 0.0))
    asked = f"crosses {with_what} once, between {number_words(low)} and {number_words(high)}"
    return make_verdict(expected, "FAIL" if wrong else "PASS", measured, asked, f"It {measured}")


def _crossings_by_seed(
    runs: pl.DataFrame, expected: CrossingExpected, others: dict[str, Any]
) -> list[float]:
    """Return where each repetition's own series crosses.

    Empty when one of them does not cross once.
    """
    for name, value in others.items():
        runs = runs.filter(pl.col(name) == value)
    level = (
        pl.col(expected.other)
        if expected.other is not None
        else pl.lit(float(expected.level or 0.0))
    )
    crossed = []
    for _, repetition in runs.with_columns(difference=pl.col(expected.measure) - level).group_by(
        "seed"
    ):
        places = crossings(
            list(
                zip(
                    repetition[expected.along].to_list(),
                    repetition["difference"].to_list(),
                    strict=True,
                )
            )
        )
        if len(places) != 1:
            return []
        crossed += places
    return crossed


def _crossing_words(place: float, places: list[float]) -> str:
    """Return the crossing of the means, and its interval from those of the repetitions."""
    interval = mean_interval(places)
    if interval is None or interval.low is None or interval.high is None:
        return number_words(place)
    return (
        f"{number_words(place)} ({number_words(interval.low)} to {number_words(interval.high)} by"
        " repetition)"
    )


def judge_difference(study: Study, runs: pl.DataFrame, expected: DifferenceExpected) -> Verdict:
    """Compare runs of one seed that share all other parameters; in each combination of those the
    difference is to be beyond the noise.

    Differences of several combinations are not thrown together: how they differ among each other is
    not noise.
    """
    chosen = select(study, runs, expected.at)
    others = [
        name
        for name, parameter in study.sweep.parameters.items()
        if name != expected.parameter and parameter.is_ is None
    ]
    groups: list[dict[tuple[Any, ...], dict[Any, float]]] = []
    for value in (expected.larger, expected.smaller):
        rows = select(study, chosen, {expected.parameter: value})
        if rows[expected.measure].null_count():
            raise Undecided(f"runs with {expected.parameter} = {value} have no {expected.measure}")
        by_combination: dict[tuple[Any, ...], dict[Any, float]] = {}
        for row in rows.iter_rows(named=True):
            by_combination.setdefault(tuple(row[name] for name in others), {})[row["seed"]] = row[
                expected.measure
            ]
        groups.append(by_combination)
    table: list[tuple[str, ...]] = [
        ("combination", f"{expected.larger} minus {expected.smaller}", "pairs", "")
    ]
    results = []
    for combination, larger in groups[0].items():
        difference = paired_difference(larger, groups[1].get(combination, {}))
        if difference is None:
            continue
        beyond = difference.beyond_noise
        results.append(None if beyond is None else beyond and difference.interval.mean > 0)
        words = (
            "too few pairs to say"
            if beyond is None
            else "larger than the noise"
            if beyond
            else "not larger than the noise"
        )
        table.append(
            (
                cells_words(dict(zip(others, combination, strict=True)), others),
                interval_words(difference.interval),
                str(difference.pairs),
                words,
            )
        )
    if not results:
        raise Undecided("the two values share no other parameters and seed")
    return _difference_verdict(expected, results, table)


def _difference_verdict(
    expected: DifferenceExpected, results: list[bool | None], table: list[tuple[str, ...]]
) -> Verdict:
    asked = f"larger for {expected.larger} than for {expected.smaller}"
    measured = (
        f"{table[1][1]} over {table[1][2]} pairs"
        if len(results) == 1
        else f"{results.count(True)} of {len(results)} combinations"
    )
    if None in results:
        return make_verdict(
            expected,
            "INCONCLUSIVE",
            measured,
            asked,
            "Fewer than three pairs say nothing about run-to-run noise",
            table,
        )
    if all(results):
        reason = (
            f"The difference is {measured}"
            if len(results) == 1
            else "In each combination the difference is"
        )
        return make_verdict(
            expected, "PASS", measured, asked, f"{reason}, larger than run-to-run noise", table
        )
    reason = (
        f"The difference is {measured}, not larger than run-to-run noise"
        if len(results) == 1
        else "Not in each combination larger than run-to-run noise"
    )
    reason = (
        f"The difference is {measured}: the other way round"
        if len(results) == 1 and table[1][3] == "larger than the noise"
        else reason
    )
    return make_verdict(expected, "FAIL", measured, asked, reason, table)
