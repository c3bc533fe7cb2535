"""The check ``metric``: any number of `metrics.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tcpexp.checks.base import Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import require_span
from tcpexp.registry import suggest
from tcpexp.words.measured import number_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Metric(Compared[Number]):
    """Any number of `metrics.json`, named by its path: keys and list positions joined by points."""

    name: ClassVar[str] = "metric"
    example: ClassVar[str] = "{name: connections.established, at_least: 1}"

    metric: str = Field(
        alias="name",
        min_length=1,
        description="the path, such as `flows.bbr.goodput_bps` or `queues.0.drops`",
    )

    def title(self) -> str:
        """Name the metric."""
        return f"metric {self.metric}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the number."""
        require_span(run, None)
        value = find_metric(run.metrics, self.metric)
        words = number_words(value)
        return self.verdict(
            self.holds(value), words, f"{self.metric} is {words}; asked: {self.comparison()}"
        )


def find_metric(metrics: dict[str, Any], path: str) -> float:
    """Return the number at ``path``, as :func:`number_at`."""
    return float(number_at(metrics, path))


def number_at(metrics: dict[str, Any], path: str) -> int | float:
    """Return the number at ``path``, counts as whole ones; raises ``Undecided`` when there is none.

    Keys that hold points are found too.
    """
    if not metrics:
        raise Undecided("the run has no metrics (metrics.json)")
    found, hint = _descend(metrics, path.split("."))
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise Undecided(f"metrics.json has no number at '{path}'{f'; {hint}' if hint else ''}")
    return found


def _descend(value: Any, parts: list[str]) -> tuple[Any, str | None]:
    """Return what stands at the path ``parts`` below ``value``, or None and a hint."""
    if not parts:
        return value, None
    if isinstance(value, list):
        if parts[0].isdigit() and int(parts[0]) < len(value):
            return _descend(value[int(parts[0])], parts[1:])
        return None, f"the list has {many(len(value), 'entry', 'entries')}, counted from 0"
    if not isinstance(value, dict):
        return None, None
    for length in range(1, len(parts) + 1):
        key = ".".join(parts[:length])
        if key in value:
            return _descend(value[key], parts[length:])
    return None, suggest(parts[0], [str(key) for key in value])
