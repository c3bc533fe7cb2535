"""MTUs of a plan's interfaces: the hosts' and the links', what does not fit together, and changes
in the middle of a run (docs/concepts/links.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.plan.context import PendingChange
from tcpexp.plan.types import LinkMtu, LinkPlan, NetworkPlan, Step

if TYPE_CHECKING:
    from tcpexp.spec.model import ExperimentSpec

#: RFC 8200 section 5: every link that carries IPv6 has at least this MTU.
IPV6_LEAST_MTU = 1280
Fail = Callable[[PendingChange, str | None, str, str | None], SpecError]


def end_mtus(network: NetworkPlan, link: LinkPlan) -> tuple[int, int]:
    """Return the MTU of a link's interfaces at its ends a and b."""
    found = [
        next(
            interface.mtu
            for interface in network.node(end.node).interfaces
            if interface.name == end.interface
        )
        for end in (link.a, link.b)
    ]
    return found[0], found[1]


def check_mtus(spec: ExperimentSpec, network: NetworkPlan) -> None:
    """Refuse ends of a link that differ where one is a router's, and what IPv6 does not work with
    (RFC 8200 section 5); raises ``SpecErrors``.

    A router's neighbour never hears what that router's interface takes: a packet that is too large
    for it vanishes, and no ICMP message says so. Of two hosts each tells the other in its SYN what
    it takes (RFC 9293 section 3.7.1), so for them :func:`notes_on_mtus` has a word.
    """
    errors = []
    for link in network.links:
        first, second = end_mtus(network, link)
        least = link.a.node if first <= second else link.b.node
        if network.ip == 6 and min(first, second) < IPV6_LEAST_MTU:
            where = spec.place(*_path_of(spec, link, (least,)))
            errors.append(
                SpecError(
                    f"IPv6 needs an MTU of {IPV6_LEAST_MTU} bytes or more",
                    where=where,
                    hint=f"write {IPV6_LEAST_MTU}B, or ip: 4",
                )
            )
        if first != second and "router" in (
            network.node(link.a.node).kind,
            network.node(link.b.node).kind,
        ):
            other = link.b.node if least == link.a.node else link.a.node
            message = (
                f"the ends of link {link.name} differ in MTU: {link.a.node} {first} bytes,"
                f" {link.b.node} {second} bytes"
            )
            hint = (
                f"larger packets would vanish at {least} without a word; write links:"
                f" {{{link.name}: {{mtu: {min(first, second)}B}}}}, which sets both ends"
            )
            errors.append(
                SpecError(
                    message, where=spec.place(*_path_of(spec, link, (least, other))), hint=hint
                )
            )
    if errors:
        raise SpecErrors(list({(error.message, error.where): error for error in errors}.values()))


def notes_on_mtus(network: NetworkPlan) -> list[str]:
    """Return a sentence for each link between hosts whose ends differ."""
    notes = []
    for link in network.links:
        first, second = end_mtus(network, link)
        if first != second:
            least, most = (
                (link.a.node, link.b.node) if first < second else (link.b.node, link.a.node)
            )
            notes.append(
                f"the ends of link {link.name} differ in MTU ({link.a.node} {first} bytes,"
                f" {link.b.node} {second} bytes): TCP keeps to the smaller one, but anything else"
                f" larger that {most} sends vanishes at {least}"
            )
    return notes


def _path_of(spec: ExperimentSpec, link: LinkPlan, nodes: Sequence[str]) -> tuple[str | int, ...]:
    """Return where the spec says a link's MTU, else that of the first of its end nodes for which it
    does, else the topology.
    """
    names = (link.name, f"{link.b.node}-{link.a.node}")
    for path in [
        *(("links", name, "mtu") for name in names),
        *(("hosts", node, "mtu") for node in nodes),
    ]:
        if spec.raw_at(*path) is not None:
            return path
    return ("topology",)


def resolve_mtus(
    network: NetworkPlan, changes: Sequence[PendingChange], fail: Fail
) -> list[tuple[Step, float]]:
    """Return the ``LinkMtu`` steps of all changes of an MTU, each with its place among the steps of
    the same time; changes may overlap.
    """
    steps: list[tuple[Step, float]] = []
    for link in network.links:
        own = [
            change
            for change in changes
            if change.link == link.name and change.parameters.mtu is not None
        ]
        both: dict[tuple[object, ...], list[PendingChange]] = {}
        for change in own:
            both.setdefault((change.action, change.at_ns, change.order, change.label), []).append(
                change
            )
        kept = sorted(
            (sides[0] for sides in both.values()), key=lambda change: (change.at_ns, change.order)
        )
        for change in kept:
            if len(both[change.action, change.at_ns, change.order, change.label]) != 2:
                raise fail(
                    change, "mtu", "an MTU belongs to both ends of a link", "leave towards out"
                )
            if network.ip == 6 and (change.parameters.mtu or 0) < IPV6_LEAST_MTU:
                raise fail(
                    change,
                    "mtu",
                    f"IPv6 needs an MTU of {IPV6_LEAST_MTU} bytes or more",
                    f"write {IPV6_LEAST_MTU}B, or ip: 4",
                )
        start = end_mtus(network, link)
        for change in kept:
            only = not set(change.parameters.named()) - {"mtu"}
            step_id = change.step_id if only else f"{change.step_id}.mtu"
            steps.append(
                (
                    _step(
                        link, step_id, change, _in_force(kept, start, change.at_ns, change.order)
                    ),
                    change.order + 0.4,
                )
            )
            if change.until_ns is not None and all(
                other.at_ns != change.until_ns for other in kept
            ):
                after = dataclasses.replace(
                    change, at_ns=change.until_ns, label=f"end: {change.label}", mark=False
                )
                steps.append(
                    (
                        _step(
                            link,
                            f"{step_id}.end",
                            after,
                            _in_force(kept, start, change.until_ns, len(changes) + change.order),
                        ),
                        -1.0,
                    )
                )
    return steps


def _in_force(
    changes: Sequence[PendingChange], start: tuple[int, int], at_ns: int, order: float
) -> tuple[int, int]:
    """Return both ends' MTUs from ``at_ns`` on."""
    now = start
    for change in changes:
        if (
            (change.at_ns, change.order) <= (at_ns, order)
            and (change.until_ns is None or change.until_ns > at_ns)
            and change.parameters.mtu is not None
        ):
            now = (change.parameters.mtu, change.parameters.mtu)
    return now


def _step(link: LinkPlan, step_id: str, change: PendingChange, mtus: tuple[int, int]) -> Step:
    return Step(
        step_id,
        change.action,
        change.at_ns,
        LinkMtu(link.name, *mtus),
        change.label,
        None,
        None,
        change.mark,
    )


def largest_mtu(network: NetworkPlan, link: LinkPlan, steps: Sequence[Step]) -> int:
    """Return the largest MTU that either end of a link ever has."""
    changed = [
        mtu
        for step in steps
        if isinstance(step.do, LinkMtu) and step.do.link == link.name
        for mtu in (step.do.a_mtu, step.do.b_mtu)
    ]
    return max(*end_mtus(network, link), *changed)
