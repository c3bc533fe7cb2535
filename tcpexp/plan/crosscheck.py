"""Checks of ``expect:`` and options of ``plots:`` against the plan: every host, flow and action that they name must be there.

By convention the keys ``flow``, ``host``, ``from``, ``to``, ``action`` and ``between`` mean the same in every check, ours or others'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.errors import SpecError
from tcpexp.plan.context import PlanDraft
from tcpexp.registry import suggest
from tcpexp.units import QuantityError, format_duration, parse_duration

if TYPE_CHECKING:
    from tcpexp.spec.model import ExperimentSpec

Path = tuple[str | int, ...]


def check_expectations(spec: ExperimentSpec, draft: PlanDraft) -> list[SpecError]:
    """Return an error for each name in ``expect:`` that the plan does not have, and each time beyond its end."""
    hosts = [node.name for node in draft.network.nodes]
    flows = [flow.name for flow in draft.flows]
    actions = sorted({*(action.id for action in spec.actions if action.id), *draft.ids})
    known = {"host": ("host", hosts), "hosts": ("host", hosts), "from": ("host", hosts), "to": ("host", hosts)}
    known |= {"flow": ("flow", flows), "flows": ("flow", flows), "action": ("action", actions)}
    errors: list[SpecError] = []
    for path, entry in _entries(spec):
        for key, value in entry.items():
            if key in known:
                errors += _unknown(spec, (*path, key), value, *known[key])
            elif key == "between":
                errors += _beyond(spec, (*path, key), value)
    return errors


def _entries(spec: ExperimentSpec) -> list[tuple[Path, dict[str, Any]]]:
    return [
        (("expect", index, *entry.path), entry.parameters)
        for index, entries in enumerate(spec.expect)
        for entry in entries
        if isinstance(entry.parameters, dict)
    ]


def _unknown(spec: ExperimentSpec, path: Path, value: Any, kind: str, known: list[str]) -> list[SpecError]:
    values = value if isinstance(value, list) else [value]
    return [
        SpecError(f"there is no {kind} '{each}' in this experiment", where=spec.place(*path), hint=suggest(each, known))
        for each in values
        if isinstance(each, str) and each not in known
    ]


def _beyond(spec: ExperimentSpec, path: Path, value: Any) -> list[SpecError]:
    if not isinstance(value, list) or len(value) != 2:
        return []
    try:
        begin_ns, end_ns = (parse_duration(each) for each in value)
    except QuantityError:
        return []
    if begin_ns >= end_ns:
        return [SpecError("between: ends before it begins", where=spec.place(*path), hint="write [earlier, later]")]
    if end_ns > spec.duration:
        hint = f"the experiment lasts {format_duration(spec.duration)}"
        return [SpecError(f"{value[1]} is after the end of the experiment", where=spec.place(*path, 1), hint=hint)]
    return []
