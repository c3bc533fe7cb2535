"""Words, units and order for a study's figures, and which runs a figure is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.studies.series import Undecided, select
from tcpexp.studies.statistics import Interval, mean_interval

if TYPE_CHECKING:
    from tcpexp.studies.study import Study


def ordered(study: Study, runs: pl.DataFrame, name: str) -> list[Any]:
    """Return the values of a parameter that ``runs`` have: numbers by size, words in the spec's
    order.
    """
    present = set(runs[name].to_list())
    if all(isinstance(value, float) for value in present):
        return sorted(present)
    return list(
        dict.fromkeys(
            str(cell.written[name]) for cell in study.cells if str(cell.written[name]) in present
        )
    )


def written(study: Study, name: str, value: Any) -> str:
    """Return a parameter's value as the spec writes it."""
    return next(
        (
            str(cell.written[name])
            for cell in study.cells
            if value in (cell.values[name], str(cell.written[name]))
        ),
        str(value),
    )


def label_of(study: Study, name: str) -> str:
    """Return the words for an axis: the label of a parameter or measure, with its unit."""
    if name in study.sweep.parameters:
        return study.sweep.parameters[name].label or name
    measure = study.sweep.measures[name]
    _, unit = scale_of(study, name)
    return f"{measure.label or name}{f' ({unit})' if unit else ''}"


def scale_of(study: Study, name: str) -> tuple[float, str]:
    """Return what the numbers of a measure are divided by to be drawn, and the unit then: bit/s are
    drawn in Mbit/s.
    """
    measure = study.sweep.measures.get(name)
    if measure is None:
        return 1.0, ""
    return (1e6, "Mbit/s") if measure.unit == "bit/s" else (1.0, measure.unit)


def chosen_runs(study: Study, runs: pl.DataFrame, at: dict[str, Any]) -> pl.DataFrame:
    """Return the runs of the combinations that a figure is about.

    None when no combination has these values.
    """
    try:
        return select(study, runs, at) if at else runs
    except Undecided:
        return runs.clear()


def pooled_words(study: Study, runs: pl.DataFrame, fixed: tuple[str | None, ...]) -> str:
    """Return which parameters a figure throws together, in words: those with several values that
    neither an axis, nor a line or panel, tells apart.

    What follows from others (``is``, ``zip``) is no matter.
    """
    shown = {name for name in fixed if name is not None}
    shown |= {name for group in study.sweep.zip if shown & set(group) for name in group}
    loose = [
        name
        for name, parameter in study.sweep.parameters.items()
        if parameter.is_ is None and name not in shown and runs[name].n_unique() > 1
    ]
    return "; ".join(
        f"{label_of(study, name)}:"
        f" {', '.join(written(study, name, value) for value in ordered(study, runs, name))}"
        for name in loose
    )


def missing_words(runs: pl.DataFrame, measure: str) -> str:
    """Return how many of the figure's runs are not in it, in words; empty when all are."""
    drawn = int(runs.filter(pl.col("status") == "complete")[measure].is_not_null().sum())
    lost = runs.height - drawn
    return f"{lost} of {runs.height} run{'' if runs.height == 1 else 's'} missing" if lost else ""


def interval_of(runs: pl.DataFrame, measure: str) -> Interval | None:
    """Return mean and interval of the finished runs.

    An interval only where all are repetitions of one combination.
    """
    done = runs.filter(pl.col("status") == "complete").drop_nulls(measure)
    interval = mean_interval(done[measure].to_list())
    if interval is not None and done["cell"].n_unique() > 1:
        return Interval(interval.mean, None, None, interval.count)
    return interval
