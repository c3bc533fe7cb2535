"""What the verdicts of a study are made from: chosen runs, means of combinations, series along a
parameter, and words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tcpexp.checks.base import Evidence, Verdict
from tcpexp.late import polars as pl
from tcpexp.spec.expressions import number_of
from tcpexp.studies.statistics import Interval, mean_interval
from tcpexp.words.shown import number_words

if TYPE_CHECKING:
    from tcpexp.studies.study import Study


class Undecided(Exception):
    """The runs do not suffice; ``str()`` is the reason."""


def select(study: Study, runs: pl.DataFrame, at: dict[str, Any]) -> pl.DataFrame:
    """Return the finished runs where parameters have the values of ``at``.

    Raises when a combination has none.
    """
    chosen = runs
    for name, value in at.items():
        numeric = chosen.schema[name] == pl.Float64()
        chosen = chosen.filter(
            (pl.col(name) - number_of(value)).abs() <= 1e-9 * pl.col(name).abs().clip(1e-12)
            if numeric
            else pl.col(name) == str(value)
        )
    if chosen.height == 0:
        raise Undecided(
            f"no combination has {', '.join(f'{name} = {value}' for name, value in at.items())}"
        )
    return chosen


def cell_means(
    study: Study, runs: pl.DataFrame, measure: str
) -> list[tuple[dict[str, Any], Interval]]:
    """Return (parameters, mean and interval) of each cell, in order.

    Raises when a run of it is missing or measured nothing.
    """
    names = list(study.sweep.parameters)
    means = []
    for _, rows in runs.sort("run").group_by("cell", maintain_order=True):
        values = rows[measure].drop_nulls().to_list()
        if len(values) < rows.height:
            raise Undecided(
                f"{rows.height - len(values)} of {rows.height} runs with {rows['label'][0]} have no"
                f" {measure}"
            )
        interval = mean_interval(values)
        assert interval is not None  # a group has at least one row
        means.append(
            (
                rows.select(*names, *[measure for measure in study.sweep.measures]).row(
                    0, named=True
                ),
                interval,
            )
        )
    return means


def interval_words(interval: Interval) -> str:
    """Return a mean with its interval: ``12.1 (11.8 to 12.4)``."""
    if interval.low is None or interval.high is None:
        return number_words(interval.mean)
    return (
        f"{number_words(interval.mean)} ({number_words(interval.low)} to"
        f" {number_words(interval.high)})"
    )


def cells_words(parameters: dict[str, Any], names: Iterable[str]) -> str:
    """Return parameters in words: ``cc = reno, p = 0.01``."""
    return ", ".join(
        f"{name} = {number_words(value) if isinstance(value, float) else value}"
        for name in names
        if (value := parameters[name]) is not None
    )


def at_words(expected: Any) -> str:
    """Return which combinations an expectation is about, in words; empty for all."""
    return (
        f" at {', '.join(f'{name} = {value}' for name, value in expected.at.items())}"
        if expected.at
        else ""
    )


def make_verdict(
    expected: Any,
    result: Any,
    measured: str,
    asked: str,
    reason: str,
    rows: Sequence[tuple[str, ...]] = (),
) -> Verdict:
    """Return the verdict on an expectation; ``rows`` become its table, headings first."""
    kind = type(expected).__name__.removesuffix("Expected")
    name = {"PowerLaw": "power_law"}.get(kind, kind.lower())
    title = f"{expected.measure}{at_words(expected)}: {name.replace('_', ' ')}"
    reason = reason if reason.endswith(".") else f"{reason}."
    return Verdict(
        name,
        title,
        result,
        measured,
        asked,
        reason,
        expected.because,
        (Evidence("The combinations", rows=tuple(rows)),) if rows else (),
    )


def along(
    study: Study, runs: pl.DataFrame, measure: str, parameter: str
) -> list[tuple[dict[str, Any], list[tuple[float, Interval]]]]:
    """Return a series for each combination of the other parameters: (x, mean and interval) sorted
    by x.

    Parameters that follow from others by ``is:`` do not tell series apart.
    """
    others = [
        name
        for name, other in study.sweep.parameters.items()
        if name != parameter and other.is_ is None
    ]
    others = [
        name
        for name in others
        if not any(parameter in group and name in group for group in study.sweep.zip)
    ]
    if runs.schema[parameter] != pl.Float64():
        raise Undecided(f"'{parameter}' has words for values, so there is no order along it")
    series: dict[tuple[Any, ...], list[tuple[float, Interval]]] = {}
    for parameters, interval in cell_means(study, runs, measure):
        series.setdefault(tuple(parameters[name] for name in others), []).append(
            (parameters[parameter], interval)
        )
    return [
        (dict(zip(others, key, strict=True)), sorted(points, key=lambda point: point[0]))
        for key, points in series.items()
    ]
