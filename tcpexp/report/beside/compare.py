"""Several runs in one table: checks, numbers of flows, and the metrics that differ most."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.checks.run import load_checks
from tcpexp.report.diff.compare import measured_values, numbered_verdicts
from tcpexp.report.diff.values import value_words
from tcpexp.report.page.content import flow_rows
from tcpexp.views.kernel import kernel_hash, kernel_name, kernel_words

if TYPE_CHECKING:
    from tcpexp.checks.base import Verdict
    from tcpexp.store.rundata import RunData

#: So many of the other metrics are shown, those that differ most first.
MOST_METRICS = 25
#: A number that differs by less than this (a fraction of the largest) is left out.
THRESHOLD = 0.01
#: What is shown of each flow: the column of the report's summary table, and its heading.
FLOW_COLUMNS = {
    "goodput": "goodput",
    "retransmissions": "retransmissions",
    "p50": "RTT, median",
    "p95": "RTT, 95th percentile",
    "share": "share",
}


@dataclass(frozen=True)
class Row:
    """One line of the table: what it is, and its value in each run, in words.

    ``results`` are the verdicts of a check, empty elsewhere. ``differs``: the runs have not the
    same result, or numbers that are apart.
    """

    name: str
    cells: tuple[str, ...]
    differs: bool
    results: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beside:
    """Several runs: a name for each, and the table's lines in three groups."""

    runs: tuple[RunData, ...]
    names: tuple[str, ...]
    checks: tuple[Row, ...]
    flows: tuple[Row, ...]
    metrics: tuple[Row, ...]
    more_metrics: int

    @property
    def title(self) -> str:
        """What was run, and on how many kernels."""
        titles = list(dict.fromkeys(run.plan.title or run.plan.name for run in self.runs))
        return " and ".join(titles[:2])

    def headline(self) -> str:
        """Return in a sentence or two what differs."""
        kernels = len({kernel_hash(run) for run in self.runs})
        other = sum(row.differs for row in self.checks)
        on = f" on {kernels} kernels" if kernels > 1 else ""
        words = f"{len(self.runs)} runs{on}."
        if not self.checks:
            return words
        checks = f"{len(self.checks)} checks" if len(self.checks) > 1 else "1 check"
        if not other:
            return f"{words} All {checks} have the same result in each."
        return f"{words} {other} of {checks} {'has' if other == 1 else 'have'} not the same result."


def set_beside(runs: Sequence[RunData]) -> Beside:
    """Return several runs in one table, from what lies in their directories; nothing is written.

    Raises ``DataError`` when a file of a run is damaged.
    """
    metrics = _metric_rows(runs)
    return Beside(
        tuple(runs),
        names_of(runs),
        tuple(_check_rows(runs)),
        tuple(_flow_rows(runs)),
        tuple(metrics[:MOST_METRICS]),
        max(len(metrics) - MOST_METRICS, 0),
    )


def names_of(runs: Sequence[RunData]) -> tuple[str, ...]:
    """Return a name for each run: what tells them apart, kernel, experiment, seed, or its id."""
    ways = (
        [kernel_name(run) for run in runs],
        [kernel_words(run) for run in runs],
        [run.plan.name for run in runs],
        [f"seed {run.plan.seed}" for run in runs],
        [str((run.manifest or {}).get("run_id") or run.path.name) for run in runs],
    )
    for names in ways:
        if all(names) and len(set(names)) == len(names):
            return tuple(names)
    return tuple(str(number) for number in range(1, len(runs) + 1))


def _check_rows(runs: Sequence[RunData]) -> list[Row]:
    keyed = [numbered_verdicts(load_checks(run.path)) for run in runs]
    rows = []
    for key in dict.fromkeys(key for verdicts in keyed for key in verdicts):
        found = [verdicts.get(key) for verdicts in keyed]
        results = tuple(verdict.result if verdict else "" for verdict in found)
        cells = tuple(_measured(verdict) for verdict in found)
        rows.append(Row(key[1], cells, len(set(results)) > 1, results))
    return rows


def _measured(verdict: Verdict | None) -> str:
    return "not checked" if verdict is None else verdict.measured


def _flow_rows(runs: Sequence[RunData]) -> list[Row]:
    """Return a line for each flow and number, in the words of the report's summary table."""
    tables = [{str(row["name"]): row for row in flow_rows(run)} for run in runs]
    rows = []
    for name in dict.fromkeys(name for table in tables for name in table):
        for column, heading in FLOW_COLUMNS.items():
            found: list[Any] = [table.get(name) for table in tables]
            values = [None if row is None else row["values"][column] for row in found]
            if any(value is not None for value in values):
                cells = tuple("–" if row is None else str(row[column]) for row in found)
                rows.append(Row(f"{name}: {heading}", cells, _spread(values) > THRESHOLD))
    return rows


def _metric_rows(runs: Sequence[RunData]) -> list[Row]:
    """Return the numbers of ``metrics.json`` that differ, the largest differences first."""
    tables = [dict(_leaves(measured_values(run.metrics))) for run in runs]
    found = []
    for path in dict.fromkeys(path for table in tables for path in table):
        values = [table.get(path) for table in tables]
        spread = _spread(values)
        if spread > THRESHOLD:
            cells = tuple(value_words(value) for value in values)
            found.append((-spread, path, Row(path, cells, True)))
    return [row for _, _, row in sorted(found, key=lambda line: line[:2])]


def _leaves(value: Any, path: str = "") -> Iterable[tuple[str, float]]:
    """Yield the numbers in nested mappings, each with its path; lists are left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def _spread(values: Sequence[Any]) -> float:
    """Return how much numbers differ: (largest - smallest) / largest; 1 where one is absent."""
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(values):
        return 1.0 if numbers else 0.0
    most = max(abs(number) for number in numbers)
    return (max(numbers) - min(numbers)) / most if most else 0.0


def to_json_value(beside: Beside) -> dict[str, Any]:
    """Return the table for machines."""
    return {
        "runs": [str(run.path) for run in beside.runs],
        "names": list(beside.names),
        "kernels": [kernel_words(run) for run in beside.runs],
        "headline": beside.headline(),
        "checks": [dataclasses.asdict(row) for row in beside.checks],
        "flows": [dataclasses.asdict(row) for row in beside.flows],
        "metrics": [dataclasses.asdict(row) for row in beside.metrics],
        "more_metrics": beside.more_metrics,
    }
