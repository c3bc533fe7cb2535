"""Checks of ``expect:`` and ``plots:`` against the plan: every host, flow, link and action that
they name must be there.

A check says by ``references()`` what it names. ``between`` means the same in every check, ours or
others'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.plan.context import PlanDraft
from tcpexp.registry import suggest
from tcpexp.spec.kernels import Kernels
from tcpexp.spec.overrides import keys_at
from tcpexp.spec.quotes import quote_errors
from tcpexp.units import QuantityError, format_duration, parse_duration

if TYPE_CHECKING:
    from tcpexp.spec.model import ExpectEntry, ExperimentSpec
    from tcpexp.spec.vocabulary import Vocabulary

Path = tuple[str | int, ...]


def check_expectations(spec: ExperimentSpec, draft: PlanDraft) -> list[SpecError]:
    """Return an error for each name in ``expect:`` that the plan does not have, and each time
    beyond its end.
    """
    known = {
        "host": [node.name for node in draft.network.nodes],
        "flow": [flow.name for flow in draft.flows],
        "link": [link.name for link in draft.network.links],
        "action": sorted(draft.ids),
    }
    errors: list[SpecError] = []
    for index, entries in enumerate(spec.expect):
        for entry in entries:
            path = ("expect", index, *entry.path)
            errors += _unknown(spec, path, entry, known)
            if isinstance(entry.parameters, dict) and "between" in entry.parameters:
                errors += _beyond(spec, (*path, "between"), entry.parameters["between"])
    return errors


def check_texts(spec: ExperimentSpec, draft: PlanDraft) -> list[SpecError]:
    """Return an error for each number that ``explain:`` or ``answer:`` quotes and no run of the
    spec can have.
    """
    names = {
        "flow": [flow.name for flow in draft.flows],
        "host or router": [node.name for node in draft.network.nodes],
        "direction": [
            f"{link.name}>{end.node}" for link in draft.network.links for end in (link.a, link.b)
        ],
    }
    checks = [getattr(entry.model, "kernels", Kernels()) for entry in spec.checks]
    return [
        SpecError(f"{key}: {error.message}", where=spec.place(key), hint=error.hint)
        for key, text in (("answer", spec.answer), ("explain", spec.explain))
        for error in quote_errors(text, checks, names)
    ]


def check_key(spec: ExperimentSpec) -> list[SpecError]:
    """Return an error where ``key:`` names no plot of ``plots:``."""
    names = [entry.name for entry in spec.plots or ()]
    if spec.key is None or spec.key in names:
        return []
    hint = suggest(spec.key, names) or "the spec lists no plots"
    return [
        SpecError(f"plots: has no '{spec.key}'", where=spec.place("key"), hint=hint),
    ]


def check_knobs(spec: ExperimentSpec) -> list[SpecError]:
    """Return an error for each knob whose path leads nowhere in the spec.

    What ``--set`` took away is no mistake of the file: a shorter list of arguments, say.
    """
    if any(isinstance(place, str) for place in spec.source.places.values()):
        return []
    errors = []
    for index, knob in enumerate(spec.knobs):
        try:
            keys_at(spec.source, knob.path)
        except SpecErrors as several:
            where = spec.place("knobs", index)
            errors += [
                SpecError(error.message, where=where, hint=error.hint) for error in several.errors
            ]
    return errors


def check_plots(spec: ExperimentSpec, draft: PlanDraft, catalogue: Vocabulary) -> list[SpecError]:
    """Return an error for each option in ``plots:`` that its plot lacks or cannot use, each unknown
    flow, and each time beyond the end.
    """
    errors: list[SpecError] = []
    flows = [flow.name for flow in draft.flows]
    for index, entry in enumerate(spec.plots or ()):
        path: Path = ("plots", index, entry.name)
        if not entry.options:
            continue
        wrong = catalogue.plots.get(entry.name).option_errors(entry.options)
        for error in wrong:
            errors.append(
                SpecError(
                    error.message,
                    where=spec.place(*path, error.option, key=error.unknown),
                    hint=error.hint,
                )
            )
        if wrong:
            continue
        for number, name in enumerate(entry.options.get("flows") or ()):
            if name not in flows:
                hint = suggest(name, flows) or "the experiment has no flow with a name"
                errors.append(
                    SpecError(
                        f"there is no flow '{name}' in this experiment",
                        where=spec.place(*path, "flows", number),
                        hint=hint,
                    )
                )
        errors += _beyond(spec, (*path, "between"), entry.options.get("between"))
    return errors


def _unknown(
    spec: ExperimentSpec, path: Path, entry: ExpectEntry, known: dict[str, list[str]]
) -> list[SpecError]:
    errors = []
    references = getattr(entry.model, "references", None)
    for kind, name in references() if references is not None else ():
        names = known[kind]
        if name in names or (
            kind == "action" and any(known_id.startswith(f"{name}.") for known_id in names)
        ):
            continue
        where = spec.place(*path, *_path_to(entry.parameters, name))
        hint = suggest(name, names) or f"the experiment has no {kind} with a name"
        errors.append(
            SpecError(f"there is no {kind} '{name}' in this experiment", where=where, hint=hint)
        )
    return errors


def _path_to(parameters: Any, name: str) -> Path:
    """Return where ``name`` stands in a check's parameters."""
    for key, value in parameters.items() if isinstance(parameters, dict) else ():
        if value == name:
            return (key,)
        if isinstance(value, list) and name in value:
            return (key, value.index(name))
    return ()


def _beyond(spec: ExperimentSpec, path: Path, value: Any) -> list[SpecError]:
    if not isinstance(value, list) or len(value) != 2:
        return []
    try:
        begin_ns, end_ns = (parse_duration(time) for time in value)
    except QuantityError:
        return []
    if begin_ns >= end_ns:
        return [
            SpecError(
                "between: ends before it begins",
                where=spec.place(*path),
                hint="write [earlier, later]",
            )
        ]
    if end_ns > spec.duration:
        hint = f"the experiment lasts {format_duration(spec.duration)}"
        return [
            SpecError(
                f"{value[1]} is after the end of the experiment",
                where=spec.place(*path, 1),
                hint=hint,
            )
        ]
    return []
