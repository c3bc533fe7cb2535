"""Rows to numbers: medians, spreads, and the tables of each part. Pure functions on rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """One table: a title, headings, lines of cells, and what a reader must know about how it was measured."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spread:
    """How far values lie apart; ``variation`` is the standard deviation over the mean, None when the mean is 0."""

    count: int
    least: float
    median: float
    most: float
    variation: float | None


def spread_of(values: Iterable[float]) -> Spread | None:
    """Return the spread of ``values``, None when there are none; the deviation is that of a sample (n - 1)."""
    found = list(values)
    if not found:
        return None
    mean = statistics.fmean(found)
    deviation = statistics.stdev(found) if len(found) > 1 else 0.0
    return Spread(len(found), min(found), statistics.median(found), max(found), deviation / mean if mean else None)


def median_of(rows: Iterable[Row], value: Callable[[Row], float | None]) -> float | None:
    """Return the median of what ``value`` gives for each row; None where it gives None for all."""
    found = [number for number in map(value, rows) if number is not None]
    return statistics.median(found) if found else None


def by_case(rows: Iterable[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """Return rows by the values of ``keys``, in the order of their first appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(key) for key in keys), []).append(row)
    return groups


def of_part(rows: Iterable[Row], parts: str) -> list[Row]:
    """Return the rows of these parts."""
    return [row for row in rows if row["part"] in parts]


def show(value: float | None, digits: int = 2, unit: str = "") -> str:
    """Return a number for people; a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}{unit}"


def with_range(rows: list[Row], value: Callable[[Row], float | None], digits: int = 2) -> str:
    """Return the median, and least and most behind it when there are several."""
    spread = spread_of(number for number in map(value, rows) if number is not None)
    if spread is None:
        return "-"
    if spread.count == 1:
        return show(spread.median, digits)
    return f"{spread.median:.{digits}f} ({spread.least:.{digits}f} to {spread.most:.{digits}f})"


def ratio(above: float | None, below: float | None) -> float | None:
    """Return the quotient, None when it has none."""
    return above / below if above is not None and below else None


def phase_medians(rows: list[Row]) -> dict[str, float]:
    """Return the median seconds of each phase, in the order of the first row that has it."""
    names = list(dict.fromkeys(name for row in rows for name in row["phases"]))
    return {name: statistics.median([row["phases"].get(name, 0.0) for row in rows]) for name in names}


def growth_points(rows: list[Row], axis: str) -> list[tuple[float, dict[str, float | None]]]:
    """Return the points of one axis in order: its value, and the medians of whole command, guest's run, and all after the guest."""
    points: dict[float, list[Row]] = {}
    for row in of_part(rows, "b"):
        if axis in row["axes"]:
            points.setdefault(float(row["axes"][axis]), []).append(row)
    return [
        (
            value,
            {
                "whole command": median_of(group, lambda row: row["wall_s"]),
                "the run in the guest": median_of(group, lambda row: row["run_s"]),
                "reading, figures, report": median_of(group, after_guest),
            },
        )
        for value, group in sorted(points.items())
    ]


def after_guest(row: Row) -> float | None:
    """Return the seconds from the first step of the analysis to the end of the command."""
    names = list(row["phases"])
    first = next((index for index, name in enumerate(names) if name.startswith("reading")), None)
    return None if first is None else sum(row["phases"][name] for name in names[first:])
