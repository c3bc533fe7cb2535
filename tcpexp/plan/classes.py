"""The classes of htb when flows and addresses are known: names become addresses and ports."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

from tcpexp.errors import SpecError
from tcpexp.plan.types import (
    ClassFilter,
    DirectionPlan,
    FlowPlan,
    LinkChange,
    NetworkPlan,
    Step,
)
from tcpexp.registry import suggest


def resolve_classes(network: NetworkPlan, flows: Iterable[FlowPlan]) -> NetworkPlan:
    """Return the network with every filter of a class in addresses and ports; raises ``SpecError``
    for a host or a flow that there is not.
    """
    known = list(flows)
    return dataclasses.replace(
        network,
        links=tuple(
            dataclasses.replace(
                link,
                forward=_resolved(link.forward, network, known),
                backward=_resolved(link.backward, network, known),
            )
            for link in network.links
        ),
    )


def resolve_steps(
    network: NetworkPlan, flows: Iterable[FlowPlan], steps: Iterable[Step]
) -> list[Step]:
    """Return the steps with the filters of changed links in addresses and ports."""
    known = list(flows)
    return [
        dataclasses.replace(
            step,
            do=dataclasses.replace(step.do, direction=_resolved(step.do.direction, network, known)),
        )
        if isinstance(step.do, LinkChange)
        else step
        for step in steps
    ]


def _resolved(
    direction: DirectionPlan, network: NetworkPlan, flows: list[FlowPlan]
) -> DirectionPlan:
    queue = direction.queue
    if queue is None or not queue.classes:
        return direction
    classes = tuple(
        dataclasses.replace(
            one,
            filters=tuple(
                found for each in one.filters for found in _expanded(each, network, flows)
            ),
        )
        for one in queue.classes
    )
    return dataclasses.replace(direction, queue=dataclasses.replace(queue, classes=classes))


def _expanded(
    one: ClassFilter, network: NetworkPlan, flows: list[FlowPlan]
) -> Iterator[ClassFilter]:
    """Yield the filters that together mean one that names hosts, a flow, or a port of either end.

    A flow's packets are those between its two hosts with its port at the server's end, in either
    direction: data one way, acknowledgements the other.
    """
    pairs: list[tuple[str | None, str | None, int | None, int | None]] = []
    if one.flow is not None:
        flow = _flow(one.flow, flows)
        pairs = [
            (flow.client, flow.server, None, flow.port),
            (flow.server, flow.client, flow.port, None),
        ]
    elif one.either_port is not None:
        pairs = [(None, None, one.either_port, None), (None, None, None, one.either_port)]
    else:
        pairs = [(None, None, one.source_port, one.target_port)]
    for source, target, source_port, target_port in pairs:
        ends = (
            _addresses(one.source or source, network),
            _addresses(one.target or target, network),
        )
        for source_address, target_address in itertools.product(*ends):
            yield ClassFilter(
                source_address, target_address, source_port, target_port, one.protocol, one.dscp
            )


def _addresses(name: str | None, network: NetworkPlan) -> list[str | None]:
    """Return the addresses of a host; an address stands for itself."""
    if name is None:
        return [None]
    names = [node.name for node in network.nodes]
    if name in names:
        return [interface.address for interface in network.node(name).interfaces]
    if "." in name or ":" in name:
        return [name]
    raise SpecError(
        f"a class is for packets of '{name}', which is no host here", hint=suggest(name, names)
    )


def _flow(name: str, flows: list[FlowPlan]) -> FlowPlan:
    found = next((flow for flow in flows if flow.name == name), None)
    if found is None:
        raise SpecError(
            f"a class is for the flow '{name}', which there is not",
            hint=suggest(name, [flow.name for flow in flows]),
        )
    return found
