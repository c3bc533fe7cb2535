"""Changes of links in the middle of a run: what is in force when, and which links need a wire for
it.

Actions only say which parameters they change. When all have spoken, each change becomes a
``LinkChange`` with the whole direction as it then is. Changes may overlap: each ends by itself, and
the others stay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tcpexp.errors import SpecError
from tcpexp.plan.context import PendingChange
from tcpexp.plan.links import direction_plan
from tcpexp.plan.mtus import largest_mtu
from tcpexp.plan.network import LinkSettings
from tcpexp.plan.queues import ParameterError
from tcpexp.plan.types import (
    DirectionPlan,
    LinkChange,
    LinkPlan,
    LinkRates,
    NetworkPlan,
    QueuePlan,
    SegmentFault,
    Step,
)
from tcpexp.spec.links import LinkParameters

#: (the step, its place among the steps of the same time)
Ordered = tuple[Step, float]
Fail = Callable[[PendingChange, str | None, str, str | None], SpecError]


def resolve_changes(
    network: NetworkPlan,
    settings: dict[str, LinkSettings],
    changes: list[PendingChange],
    fail: Fail,
) -> list[Ordered]:
    """Return the ``LinkChange`` steps of all changes.

    ``fail`` makes the error at a change's own place.
    """
    steps: list[Ordered] = []
    for link in network.links:
        for towards in (link.b.node, link.a.node):
            own = [
                change
                for change in changes
                if change.link == link.name
                and change.towards == towards
                and set(change.parameters.named()) - {"mtu"}
            ]
            own.sort(key=lambda change: (change.at_ns, change.order))
            steps += _Timeline(
                network, link, towards, settings[link.name], changes=own, fail=fail
            ).steps()
    return steps


class _Timeline:
    """All changes of one direction of one link, in the order of their start."""

    def __init__(
        self,
        network: NetworkPlan,
        link: LinkPlan,
        towards: str,
        settings: LinkSettings,
        *,
        changes: list[PendingChange],
        fail: Fail,
    ) -> None:
        self.link = link
        self.towards = towards
        forward = towards == link.b.node
        self.base = settings.forward if forward else settings.backward
        self.base_plan = link.forward if forward else link.backward
        self.changes = changes
        self.fail = fail
        ends = (network.node(link.a.node), network.node(link.b.node))
        names = (link.a.interface, link.b.interface)
        self.mtu = min(
            interface.mtu
            for node, name in zip(ends, names, strict=True)
            for interface in node.interfaces
            if interface.name == name
        )

    def steps(self) -> list[Ordered]:
        """Return one step per change, and one per end where the ends do not nest."""
        nested = self._nested()
        steps: list[Ordered] = []
        # times at which the whole direction is set anyway
        settled = {change.at_ns for change in self.changes}
        for change in self.changes:
            until_ns = change.until_ns if nested else None
            steps.append(
                (
                    self._step(change, change.step_id, change.label, change.at_ns, until_ns),
                    change.order + 0.5,
                )
            )
            if change.until_ns is not None and not nested and change.until_ns not in settled:
                settled.add(change.until_ns)
                label = f"end: {change.label}"
                steps.append(
                    (
                        self._step(change, f"{change.step_id}.end", label, change.until_ns, None),
                        -1.0,
                    )
                )
        return steps

    def _nested(self) -> bool:
        """Whether each change ends before what was in force at its start does, so that going back
        one step is right.
        """
        for index, first in enumerate(self.changes):
            for second in self.changes[index + 1 :]:
                if first.until_ns is None or second.at_ns > first.until_ns:
                    continue
                if second.until_ns is None or second.until_ns >= first.until_ns:
                    return False
        return True

    def _step(
        self, change: PendingChange, step_id: str, label: str, at_ns: int, until_ns: int | None
    ) -> Step:
        action = LinkChange(self.link.name, self.towards, self._direction(change, at_ns))
        return Step(step_id, change.action, at_ns, action, label, until_ns, None, change.mark)

    def _direction(self, change: PendingChange, at_ns: int) -> DirectionPlan:
        """Return the whole direction as it is from ``at_ns`` on."""
        parameters = self.base
        changed: set[str] = set()
        for earlier in self.changes:
            begun = earlier.at_ns < at_ns or (
                earlier.at_ns == at_ns and earlier.order <= change.order
            )
            if begun and (earlier.until_ns is None or earlier.until_ns > at_ns):
                parameters = earlier.parameters.over(parameters)
                changed |= set(earlier.parameters.named())
        try:
            _check_changed(changed, self.base_plan.queue)
            plan = direction_plan(
                parameters, base_rtt_ns=self._base_rtt_ns(parameters), mtu=self.mtu
            )
            return self._keep_queue(plan, parameters, changed)
        except ParameterError as error:
            keys = [key for key in error.keys if key in change.parameters.named()]
            raise self.fail(
                change, keys[0] if keys else error.key, error.message, error.hint
            ) from None

    def _base_rtt_ns(self, parameters: LinkParameters) -> int:
        """Return the base RTT with this direction's changed delay in it."""
        return max(0, self.link.base_rtt_ns - (self.base.delay or 0) + (parameters.delay or 0))

    def _keep_queue(
        self, plan: DirectionPlan, parameters: LinkParameters, changed: set[str]
    ) -> DirectionPlan:
        """Return ``plan`` with the queue of before unless ``queue`` itself changes: a router's
        buffer does not grow with its rate.

        Marking can be switched on and off where the discipline marks; another discipline would be
        another queue.
        """
        before = self.base_plan.queue
        discipline = before.discipline if before is not None else "pfifo"
        if plan.queue is None:
            return plan
        if before is not None and not changed & {"queue", "discipline", "ecn", "mark_at"}:
            return dataclasses.replace(plan, queue=before)
        if plan.queue.discipline != discipline:
            key = (
                "discipline"
                if "discipline" in changed
                else "ecn"
                if "ecn" in changed
                else "mark_at"
                if "mark_at" in changed
                else "queue"
            )
            hint = (
                f"set rate and discipline under links: from the start, and keep {discipline} in"
                " changes"
            )
            raise ParameterError(
                key, "a queue's discipline cannot change in the middle of a run", hint
            )
        if before is not None and [one.name for one in before.classes] != [
            one.name for one in plan.queue.classes
        ]:
            raise ParameterError(
                "discipline",
                "classes cannot come or go in the middle of a run",
                f"name all of {', '.join(one.name for one in before.classes)}",
            )
        return plan


def _check_changed(changed: set[str], before: QueuePlan | None) -> None:
    """Refuse changes that the kernel does not do in place."""
    if "policer" in changed:
        raise ParameterError(
            "policer",
            "a policer cannot change in the middle of a run",
            "write it under links:, where it holds from the start to the end",
        )
    if before is not None and before.discipline == "sfq" and "queue" in changed:
        raise ParameterError(
            "queue",
            "the queue of sfq cannot change in the middle of a run: its flows were counted by it",
            "take fq_codel, or keep the queue",
        )


def check_rates(steps: list[Step], changes: list[PendingChange], fail: Fail) -> None:
    """Refuse what would change the rate or queue of a direction while a list of rates does.

    Raises the error that ``fail`` makes at the change.
    """
    lists = [(step, step.do) for step in steps if isinstance(step.do, LinkRates)]
    for index, (step, do) in enumerate(lists):
        for other, second in lists[index + 1 :]:
            if (do.link, do.towards) == (second.link, second.towards) and _overlap(
                step.at_ns or 0, step.until_ns, other.at_ns or 0, other.until_ns
            ):
                change = PendingChange(
                    other.id,
                    other.action,
                    second.link,
                    second.towards,
                    LinkParameters(),
                    "",
                    0,
                    None,
                    False,
                    0,
                )
                raise fail(
                    change,
                    None,
                    f"another trace is at work on {do.link} towards {do.towards} at that time",
                    "end the first with until:",
                )
        for change in changes:
            named = [
                name
                for name in ("rate", "queue", "discipline", "ecn")
                if name in change.parameters.named()
            ]
            same = (do.link, do.towards) == (change.link, change.towards)
            if (
                same
                and named
                and _overlap(step.at_ns or 0, step.until_ns, change.at_ns, change.until_ns)
            ):
                message = f"a trace sets the rate of {do.link} towards {do.towards} at that time"
                raise fail(
                    change,
                    named[0],
                    message,
                    "end the trace with until:, or change only delay and faults",
                )


def _overlap(begin: int, until: int | None, other: int, other_until: int | None) -> bool:
    return (until is None or other < until) and (other_until is None or begin < other_until)


def with_wires(network: NetworkPlan, steps: list[Step]) -> NetworkPlan:
    """Return the network with each link's ``wire`` flags: which qdiscs a link carries from the
    start to the end.
    """
    links = []
    faulty = {step.do.link for step in steps if isinstance(step.do, SegmentFault)}
    for link in network.links:
        sides = [link.forward, link.backward]
        sides += [
            step.do.direction
            for step in steps
            if isinstance(step.do, LinkChange) and step.do.link == link.name
        ]
        queue = any(side.rate_bps is not None for side in sides)
        netem = any(side.has_faults_or_delay for side in sides)
        policed = any(side.policer is not None for side in sides)
        wire = queue or netem or policed or link.name in faulty
        largest = largest_mtu(network, link, steps)
        links.append(
            dataclasses.replace(
                link, wire=wire, wire_queue=queue, wire_netem=netem, largest_mtu=largest
            )
        )
    return dataclasses.replace(network, links=tuple(links))
