"""What a study's measures name in a run: flows, nodes and links that no run of the study has are
found before the first run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tcpexp.errors import SpecError
from tcpexp.record.metrics import PARTS
from tcpexp.registry import suggest
from tcpexp.spec.quotes import KIND_OF_PART

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan
    from tcpexp.spec.model import ExperimentSpec
    from tcpexp.spec.study import _MeasureModel

#: Which columns of tables hold names of what kind.
KIND_OF_COLUMN = {"flow": "flow", "node": "host or router"}


@dataclass
class Names:
    """The names that the plans of a study have, by kind."""

    known: dict[str, set[str]] = field(
        default_factory=lambda: {
            kind: set() for kind in (*KIND_OF_PART.values(), *KIND_OF_COLUMN.values())
        }
    )

    def add(self, plan: RunPlan) -> None:
        """Take the names of one run's plan."""
        self.known["flow"] |= {flow.name for flow in plan.flows}
        self.known["host or router"] |= {node.name for node in plan.network.nodes}
        for link in plan.network.links:
            self.known["direction"] |= {f"{link.name}>{end.node}" for end in (link.a, link.b)}


def unknown_names(spec: ExperimentSpec, plans: Iterable[RunPlan]) -> list[SpecError]:
    """Return an error for each measure that names what none of ``plans`` has.

    No more plans are looked at than it takes to find all names.
    """
    assert spec.sweep is not None
    names = Names()
    left = [
        (measure, kind, name)
        for measure, model in spec.sweep.measures.items()
        for kind, name in _named(model)
    ]
    for plan in plans:
        names.add(plan)
        left = [
            (measure, kind, name)
            for measure, kind, name in left
            if name not in names.known.get(kind, PARTS)
        ]
        if not left:
            return []
    return [
        _error(spec, measure, kind, name, sorted(names.known.get(kind, PARTS)))
        for measure, kind, name in left
    ]


def _named(model: _MeasureModel) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of all that a measure names."""
    if model.metric is not None:
        part, _, rest = model.metric.partition(".")
        yield "part", part
        if part in KIND_OF_PART and rest:
            yield KIND_OF_PART[part], rest.partition(".")[0]
    if model.from_ is not None:
        yield from (
            (KIND_OF_COLUMN[column], str(value))
            for column, value in model.from_.rows.items()
            if column in KIND_OF_COLUMN
        )


def _error(spec: ExperimentSpec, measure: str, kind: str, name: str, known: list[str]) -> SpecError:
    where = spec.place("sweep", "measures", measure)
    choices = ", ".join(known) or "none"
    if kind == "part":
        return SpecError(
            f"metrics.json has no part '{name}'",
            where=where,
            hint=suggest(name, known) or f"it has {choices} (docs/reference/data.md)",
        )
    return SpecError(
        f"no run of this study has a {kind} '{name}'",
        where=where,
        hint=suggest(name, known) or f"there is {choices}",
    )
