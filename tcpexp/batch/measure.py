"""One number of one run: from ``metrics.json``, or from a table of the run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.spec.expressions import parse_expression
from tcpexp.units import QuantityError

if TYPE_CHECKING:
    from tcpexp.spec.study import TableMeasure

#: Parts of metrics.json that hold examples, not measurements.
_LEFT_OUT = ("examples",)
#: The value that so many of all are at most.
PERCENTILES = {"p5": 0.05, "p95": 0.95, "p99": 0.99}


def flatten_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return every number of ``metrics.json`` by its path: ``flows.web.rtt.p50_ms``,
    ``queues.h1-h2>h2.max_packets``.

    True and false count as 1 and 0; words and what could not be measured are left out.
    """
    flat: dict[str, float] = {}
    _flatten("", metrics, flat)
    return flat


def _flatten(path: str, value: Any, flat: dict[str, float]) -> None:
    if isinstance(value, (bool, int, float)):
        if math.isfinite(value):
            flat[path] = float(value)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            if key not in _LEFT_OUT:
                _flatten(f"{path}.{key}" if path else str(key), value[key], flat)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            name = (
                f"{entry['link']}>{entry['towards']}"
                if isinstance(entry, Mapping) and {"link", "towards"} <= set(entry)
                else str(index)
            )
            _flatten(f"{path}.{name}", entry, flat)


def definition(measure: TableMeasure) -> str:
    """Return the text that names a table measure in ``cell.json``: equal for equal measures."""
    return json.dumps(measure.model_dump(mode="json"), sort_keys=True)


def measure_table(read: Callable[[str], pl.DataFrame], measure: TableMeasure) -> float | None:
    """Return a number from a table that ``read`` gives; None when no row is left."""
    frame = read(measure.table)
    for column, value in measure.rows.items():
        frame = frame.filter(pl.col(column) == value)
    if measure.between is not None:
        times = pl.col(measure.time_column())
        frame = frame.filter(times.is_between(*measure.between, closed="left"))
    frame = frame.drop_nulls(measure.column)
    if measure.take == "count":
        return float(frame.height) * measure.scale
    if frame.height == 0:
        return None
    return float(_take(frame, measure)) * measure.scale


def _take(frame: pl.DataFrame, measure: TableMeasure) -> Any:
    column: Any = frame[measure.column]
    if measure.take == "time_mean":
        times = frame[measure.time_column()]
        lasts: Any = times.diff().shift(-1)
        end = measure.between[1] if measure.between is not None else int(times[-1])
        lasts = lasts.fill_null(max(end - int(times[-1]), 0))
        total = lasts.sum()
        return (column * lasts).sum() / total if total else column.mean()
    if measure.take == "per_second":
        assert measure.between is not None  # the model requires it
        return column.sum() / ((measure.between[1] - measure.between[0]) / 1e9)
    if measure.take == "last":
        return column[-1]
    if measure.take in PERCENTILES:
        return column.quantile(PERCENTILES[measure.take], "nearest")
    return {
        "mean": column.mean,
        "sum": column.sum,
        "min": column.min,
        "max": column.max,
        "median": column.median,
    }[measure.take]()


def computed(expression: str | int | float, values: Mapping[str, Any]) -> float | None:
    """Return an expression of parameters and measures.

    None where a part of it was not measured or it cannot be computed.
    """
    parsed = parse_expression(expression)
    if any(values.get(name) is None for name in parsed.names):
        return None
    try:
        return float(parsed.value(values))
    except QuantityError:
        return None
