"""``compile_plan``: an ``ExperimentSpec`` to a ``RunPlan``.

Pure: the same spec and seed give the same plan, byte for byte.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tcpexp.errors import Position, SpecError, SpecErrors
from tcpexp.plan.changes import check_rates, resolve_changes, with_wires
from tcpexp.plan.classes import resolve_classes, resolve_steps
from tcpexp.plan.congestion import (
    check_default_controls,
    prepare_ecn,
    with_default_controls,
)
from tcpexp.plan.context import PendingChange, PlanContext, PlanDraft
from tcpexp.plan.crosscheck import (
    check_expectations,
    check_key,
    check_knobs,
    check_plots,
    check_texts,
)
from tcpexp.plan.mtus import notes_on_mtus, resolve_mtus
from tcpexp.plan.needs import collect_needs
from tcpexp.plan.network import LinkSettings, network_plan, notes_on_queues
from tcpexp.plan.owncontrols import take_controls
from tcpexp.plan.queues import ParameterError
from tcpexp.plan.topology import load_topology
from tcpexp.plan.types import PlanFile, Recorder, RunPlan, Step
from tcpexp.plan.unlimited import notes_on_rates
from tcpexp.units import format_duration

if TYPE_CHECKING:
    from tcpexp.spec.model import ExperimentSpec
    from tcpexp.spec.vocabulary import Vocabulary

#: Virtual seconds that a run may take beyond its duration, for setting up, probing and putting
#: away.
VIRTUAL_MARGIN_S = 120.0
#: Wall seconds that a run may take at least, and per second of the experiment.
WALL_LIMIT_S = 1800.0
WALL_PER_SECOND = 30.0


def compile_plan(
    spec: ExperimentSpec, catalogue: Vocabulary, *, seed: int | None = None, slot: int = 0
) -> RunPlan:
    """Return the plan of ``spec``; ``seed`` instead of the spec's, ``slot`` k for the subnet
    10.k.0.0/16.

    Raises ``SpecErrors``: all errors of actions and checks, each at its own place.
    """
    seed = spec.seed if seed is None else seed
    network, settings = _network(spec, catalogue, slot)
    draft = PlanDraft(network, spec.duration, spec.source.folder, seed, catalogue.runs_code)
    controls = take_controls(spec, draft)
    if controls:
        raise SpecErrors(controls)
    _compile_actions(spec, draft)
    draft.network = with_default_controls(spec, draft)
    _prepare_congestion_controls(spec, draft, settings)
    steps = _resolve_classes(spec, draft, _timeline(spec, draft, settings))
    draft.network = with_wires(draft.network, [*draft.setup, *steps])
    recorders = _recorders(spec, catalogue, draft)
    _ship_plugins(spec, catalogue, draft)
    errors = (
        check_expectations(spec, draft)
        + check_plots(spec, draft, catalogue)
        + check_texts(spec, draft)
        + check_key(spec)
        + check_knobs(spec)
    )
    if errors:
        raise SpecErrors(errors)
    return RunPlan(
        name=spec.name,
        title=spec.title or spec.name,
        description=spec.description.strip(),
        references=spec.references,
        seed=seed,
        duration_ns=spec.duration,
        network=draft.network,
        setup=tuple(draft.setup),
        steps=tuple(steps),
        recorders=recorders,
        flows=tuple(draft.flows),
        expect=tuple({entry.name: entry.parameters} for entry in spec.checks),
        plots=tuple({entry.name: entry.options} for entry in spec.plots or ()),
        explain=spec.explain.strip(),
        answer=" ".join(spec.answer.split()),
        key=_key_plot(spec),
        questions=tuple(" ".join(question.split()) for question in spec.questions),
        modules=tuple(draft.modules[name] for name in sorted(draft.modules)),
        files=tuple(draft.files[path] for path in sorted(draft.files)),
        needs=collect_needs(draft, steps, recorders),
        plugins=spec.plugins,
        wall_limit_s=max(WALL_LIMIT_S, WALL_PER_SECOND * spec.duration / 1e9),
        virtual_limit_s=spec.duration / 1e9 + VIRTUAL_MARGIN_S,
        notes=(
            *notes_on_mtus(draft.network),
            *notes_on_queues(draft.network, settings),
            *notes_on_rates(draft.network, draft.flows, [*draft.setup, *steps]),
        ),
    )


def _resolve_classes(spec: ExperimentSpec, draft: PlanDraft, steps: list[Step]) -> list[Step]:
    """Let the classes of links know their hosts and flows; return the steps likewise."""
    try:
        draft.network = resolve_classes(draft.network, draft.flows)
        return resolve_steps(draft.network, draft.flows, steps)
    except SpecError as error:
        raise SpecErrors(
            [SpecError(error.message, where=spec.place("links"), hint=error.hint)]
        ) from None


def _key_plot(spec: ExperimentSpec) -> int | None:
    """Return the place in ``plots:`` of the plot that ``key:`` names."""
    names = [entry.name for entry in spec.plots or ()]
    return None if spec.key is None else names.index(spec.key)


def _network(
    spec: ExperimentSpec, catalogue: Vocabulary, slot: int
) -> tuple[Any, dict[str, LinkSettings]]:
    """Return the network.

    An error of the topology itself gets the place where the spec names it.
    """
    try:
        graph = load_topology(
            spec.topology.name, spec.topology.params, spec.source.folder, catalogue
        )
        if not any(kind == "host" for kind in graph.nodes.values()):
            raise SpecError(f"the topology '{graph.name}' has no host")
        return network_plan(graph, spec, slot=slot)
    except SpecErrors as several:
        raise SpecErrors([_placed_in_topology(spec, error) for error in several.errors]) from None
    except ParameterError as error:
        given = spec.raw_at("topology", "params", error.key) is not None
        where = (
            spec.place("topology", "params", error.key, key=True)
            if given
            else spec.place("topology")
        )
        raise SpecErrors([SpecError(error.message, where=where, hint=error.hint)]) from None
    except SpecError as error:
        raise SpecErrors([_placed_in_topology(spec, error)]) from None


def _placed_in_topology(spec: ExperimentSpec, error: SpecError) -> SpecError:
    """Return an error of a topology at the parameter that it quotes, else where the spec names the
    topology; one of its own file stays there.
    """
    if isinstance(error.where, Position) or str(error.where).startswith("--set"):
        return error
    params = spec.raw_at("topology", "params")
    quoted = next(
        (
            word
            for word in re.findall(r"'([^']+)'", error.message)
            if isinstance(params, dict) and word in params
        ),
        None,
    )
    where = (
        spec.place("topology")
        if quoted is None
        else spec.place("topology", "params", quoted, key=True)
    )
    message = error.message if error.where is None else f"{error.where}: {error.message}"
    return SpecError(message, where=where, hint=error.hint)


def _compile_actions(spec: ExperimentSpec, draft: PlanDraft) -> None:
    """Let every action write to the draft, in the file's order.

    Raises ``SpecErrors`` with all that fail.
    """
    errors: list[SpecError] = []
    names: dict[str, int] = {}
    for index, action in enumerate(spec.actions):
        step_id = action.id or f"a{index:02d}"
        context = PlanContext(draft, spec, index, step_id, ("actions", index))
        try:
            _check_id(context, action.id, names)
            _check_times(context, action)
            action.compile(context)
        except SpecErrors as several:
            errors += several.errors
        except SpecError as error:
            errors.append(error if error.where else context.error(error.message, hint=error.hint))
    if errors:
        raise SpecErrors(errors)


def _prepare_congestion_controls(
    spec: ExperimentSpec, draft: PlanDraft, settings: dict[str, LinkSettings]
) -> None:
    errors = check_default_controls(spec, draft) or prepare_ecn(spec, draft, settings)
    if errors:
        raise SpecErrors(errors)


def _check_id(context: PlanContext, given: str | None, names: dict[str, int]) -> None:
    if given is None:
        return
    if given in names:
        raise context.error(
            f"the id '{given}' is taken by actions[{names[given]}]", hint="choose another", key="id"
        )
    if re.fullmatch(r"a\d+", given):
        raise context.error(
            f"ids like '{given}' are kept for actions without one", hint="choose a word", key="id"
        )
    names[given] = context.index or 0


def _check_times(context: PlanContext, action: Any) -> None:
    """Refuse times beyond the experiment's end and ends before beginnings, whatever the action."""
    end_ns = context.duration_ns
    for key in ("at", "until"):
        value = getattr(action, key)
        if value is not None and value > end_ns:
            cause = (
                f"{key}: {format_duration(value)} is after the end of the experiment,"
                f" {format_duration(end_ns)}"
            )
            raise context.error(
                cause, hint=f"raise duration: to {format_duration(value)} or more", key=key
            )
    if action.until is not None and action.until <= action.at_ns:
        cause = (
            f"until: {format_duration(action.until)} is not after at:"
            f" {format_duration(action.at_ns)}"
        )
        raise context.error(
            cause,
            hint="until is a time from the start of the experiment, not a length",
            key="until",
        )
    if action.every == 0:
        raise context.error(
            "an action cannot repeat every 0s",
            hint="write a distance such as every: 1s",
            key="every",
        )


def _timeline(
    spec: ExperimentSpec, draft: PlanDraft, settings: dict[str, LinkSettings]
) -> list[Step]:
    """Return all timed steps by time, then in the file's order."""

    def fail(change: PendingChange, key: str | None, message: str, hint: str | None) -> SpecError:
        path: tuple[str | int, ...] = () if change.action is None else ("actions", change.action)
        keys = (*path, key) if key and spec.raw_at(*path, key) is not None else path
        return SpecErrors([SpecError(message, where=spec.place(*keys), hint=hint)])

    check_rates(draft.steps, draft.changes, fail)
    changes = resolve_changes(draft.network, settings, draft.changes, fail)
    changes += resolve_mtus(draft.network, draft.changes, fail)
    ordered = [*((step, float(index)) for index, step in enumerate(draft.steps)), *changes]
    ordered.sort(key=lambda item: (item[0].at_ns or 0, item[1]))
    return [step for step, _ in ordered]


def _recorders(
    spec: ExperimentSpec, catalogue: Vocabulary, draft: PlanDraft
) -> tuple[Recorder, ...]:
    """Return the recorders: those that record by default, adjusted by ``record:``, then those that
    only it names.
    """
    named = {entry.name: entry.model for entry in spec.record}
    known = catalogue.recorders
    defaults = [name for name in known.in_order() if known.get(name).default]
    order = defaults + [name for name in named if name not in defaults]
    recorders: list[Recorder] = []
    errors: list[SpecError] = []
    for name in order:
        model = named[name] if name in named else known.get(name)()
        try:
            if model is not None:
                recorders += model.compile(PlanContext(draft, spec, None, name, ("record", name)))
        except SpecError as error:
            errors.append(error)
    if errors:
        raise SpecErrors(errors)
    return tuple(recorders)


def _ship_plugins(spec: ExperimentSpec, catalogue: Vocabulary, draft: PlanDraft) -> None:
    """Put the plugins' text into the plan, so that a run can be checked and plotted years later."""
    for name in spec.plugins:
        path = f"plugins/{name}"
        draft.files[path] = PlanFile(path, catalogue.plugins[name])
