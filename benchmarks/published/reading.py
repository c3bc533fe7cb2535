"""A fact's numbers, out of a run's folder or a study's table of runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from published.data import Fact, Take
from tcpexp.batch.measure import flatten_metrics
from tcpexp.spec.expressions import parse_expression
from tcpexp.studies.statistics import fit_power_law, mean_interval


@dataclass(frozen=True)
class Measured:
    """A number with its interval.

    ``count`` values gave it. ``kind`` says what the interval is: ``range`` from the least to the
    most of what was seen, ``mean`` the 95 % interval of a mean over repetitions (both ends the
    mean where there are fewer than three).
    """

    value: float
    low: float
    high: float
    count: int
    kind: str


def of_run(fact: Fact, folder: Path) -> Measured | None:
    """Return what a run says of a fact; None where the run has no such number.

    ``value`` is the median of what was seen.
    """
    taken = {name: take_of_run(take, folder) for name, take in fact.takes.items()}
    return _range(_made_of(fact.of, _combined(fact, taken)))


def runs_of_study(fact: Fact, folder: Path) -> Any:
    """Return the rows of a study's table of runs that a fact is about."""
    import polars as pl

    runs = pl.read_parquet(folder / "tables" / "runs")
    (take,) = fact.takes.values()
    for name, value in take.at.items():
        column: Any = runs[name]
        fits = pl.lit(False)
        for one in value if isinstance(value, list) else [value]:
            if column.dtype == pl.String:
                fits = fits | (pl.col(name) == str(one))
            else:
                fits = fits | ((pl.col(name) - one).abs() <= 1e-9 + 1e-6 * abs(one))
        runs = runs.filter(fits)
    return runs


def of_study(fact: Fact, folder: Path) -> Measured | None:
    """Return what a study says of a fact.

    One combination of parameters: the mean over its repetitions and its interval. Several: from
    the least to the most of their means.
    """
    runs = runs_of_study(fact, folder)
    (take,) = fact.takes.values()
    assert take.measure is not None
    if fact.of.startswith("exponent along "):
        return _exponent(runs, take.measure, fact.of.removeprefix("exponent along "))
    runs = runs.with_columns(_value(fact, runs, take.measure))
    cells = [
        [value for value in cell["_value"].to_list() if value is not None]
        for _, cell in runs.sort("run").group_by("cell", maintain_order=True)
    ]
    if not cells or not all(cells):
        return None
    if len(cells) > 1:
        return _range([sum(cell) / len(cell) for cell in cells])
    interval = mean_interval(cells[0])
    assert interval is not None
    low = interval.mean if interval.low is None else interval.low
    high = interval.mean if interval.high is None else interval.high
    return Measured(interval.mean, low, high, interval.count, "mean")


def _exponent(runs: Any, measure: str, along: str) -> Measured | None:
    points = {
        float(x): [value for value in cell[measure].to_list() if value is not None]
        for (x,), cell in runs.group_by(along)
    }
    law = fit_power_law(points)
    if law is None:
        return None
    low = law.exponent if law.low is None else law.low
    high = law.exponent if law.high is None else law.high
    return Measured(law.exponent, low, high, len(points), "mean")


def _made_of(of: str, values: list[float]) -> list[float]:
    """Return what a fact is about, where that is not each of the values."""
    if of == "ratios":
        return [b / a for a, b in pairwise(values) if a]
    if of == "rises":
        return [b - a for a, b in pairwise(values) if b > a]
    if of == "positive":
        return [float(sum(value > 0 for value in values))]
    if of in ("sum", "least", "most", "median") and values:
        return [{"sum": sum, "least": min, "most": max, "median": median}[of](values)]
    return values


def _value(fact: Fact, runs: Any, measure: str) -> Any:
    import polars as pl

    if fact.is_ is None:
        return pl.Series("_value", runs[measure])
    parsed = parse_expression(fact.is_)
    rows = [
        float(parsed.value(row)) if row[measure] is not None else None for row in runs.to_dicts()
    ]
    return pl.Series("_value", rows, dtype=pl.Float64)


def _range(values: list[float]) -> Measured | None:
    if not values:
        return None
    return Measured(median(values), min(values), max(values), len(values), "range")


def _combined(fact: Fact, taken: Mapping[str, list[float]]) -> list[float]:
    if fact.is_ is None:
        (values,) = taken.values()
        return values
    length = max(len(values) for values in taken.values())
    if any(len(values) not in (1, length) for values in taken.values()):
        return []
    parsed = parse_expression(fact.is_)
    return [
        float(
            parsed.value(
                {
                    name: values[0] if len(values) == 1 else values[index]
                    for name, values in taken.items()
                }
            )
        )
        for index in range(length)
    ]


def take_of_run(take: Take, folder: Path) -> list[float]:
    """Return the numbers that a take names; none where the run does not have them."""
    if take.metric is not None:
        metrics = flatten_metrics(json.loads((folder / "metrics.json").read_text()))
        # what a run did not count is not in its metrics: a counter that never moved
        value = metrics.get(take.metric, 0.0 if take.metric.startswith("counters.") else None)
        return [] if value is None else [value * take.scale]
    import polars as pl

    frame = pl.read_parquet(folder / "tables" / f"{take.table}.parquet")
    for column, value in take.rows.items():
        values = value if isinstance(value, list) else [value]
        frame = frame.filter(pl.col(column).is_in(values))
    time = next(name for name in ("noticed_ns", "from_ns", "sent_ns", "t_ns") if name in frame)
    if take.between is not None:
        start, end = (round(edge * 1e9) for edge in take.between)
        frame = frame.filter((pl.col(time) >= start) & (pl.col(time) < end))
    if take.as_ == "count":
        return [frame.height * take.scale]
    assert take.column is not None
    frame = frame.drop_nulls(take.column)
    rose = pl.col(take.column).diff() > 0
    frame, wanted = (frame.filter(rose), time) if take.as_ == "rise_times" else (frame, take.column)
    column = frame[wanted].to_list()
    numbers = [float(value) for value in column]
    return [value * take.scale for value in _shaped(numbers, take) if math.isfinite(value)]


def _shaped(numbers: list[float], take: Take) -> list[float]:
    if take.as_ in ("values", "gaps", "ratios", "rise_times"):
        if take.as_ == "gaps":
            numbers = [b - a for a, b in pairwise(numbers)]
        elif take.as_ == "ratios":
            numbers = [b / a for a, b in pairwise(numbers) if a]
        return numbers[take.skip :][: take.only]
    numbers = numbers[take.skip :][: take.only]
    if not numbers:
        return []
    if take.as_ == "per_second":
        assert take.between is not None
        return [sum(numbers) / (take.between[1] - take.between[0])]
    whole = {
        "sum": sum(numbers),
        "min": min(numbers),
        "max": max(numbers),
        "mean": sum(numbers) / len(numbers),
        "median": median(numbers),
        "p99": sorted(numbers)[math.ceil(0.99 * len(numbers)) - 1],
        "first": numbers[0],
        "last": numbers[-1],
    }
    return [whole[take.as_]]
