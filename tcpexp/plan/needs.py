"""What a plan needs of the place that runs it: programs, qdiscs, congestion controls, kernel
features.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tcpexp.plan.context import PlanDraft
from tcpexp.plan.types import (
    DirectionPlan,
    Firewall,
    FlowCongestionControl,
    LinkChange,
    Needs,
    Recorder,
    RunPlan,
    SegmentFault,
    Spawn,
    Step,
    Sysctl,
    iptables_program,
)
from tcpexp.spec.congestion import CONGESTION_SYSCTL

if TYPE_CHECKING:
    from tcpexp.errors import Position
    from tcpexp.spec.source import Source


def collect_needs(draft: PlanDraft, steps: list[Step], recorders: tuple[Recorder, ...]) -> Needs:
    """Return what the actions asked for and what follows from the steps, the links and the
    recorders.
    """
    every = [*draft.setup, *steps]
    tools = {"ip", "ss"} | draft.tools | {tool for step in every for tool in _tools(step)}
    tools |= {recorder.options["argv"][0] for recorder in recorders if recorder.kind == "command"}
    fq = any(each.queue for node in draft.network.nodes for each in node.interfaces)
    if fq or any(link.wire for link in draft.network.links):
        tools.add("tc")
    filters = {
        iptables_program(draft.network.ip) for step in every if isinstance(step.do, Firewall)
    }
    tools |= filters
    features = draft.features | filters | ({"ipv6"} if draft.network.ip == 6 else set())
    features |= {"segment_faults" for step in every if isinstance(step.do, SegmentFault)}
    return Needs(
        tuple(sorted(tools)),
        tuple(sorted(draft.qdiscs | _qdiscs(draft, every))),
        tuple(sorted(draft.congestion_controls | _congestion_controls(draft, every))),
        tuple(sorted(features)),
    )


def asking_place(source: Source, plan: RunPlan, word: str) -> Position | str | None:
    """Return where a spec asks for a program, a setting or a congestion control: where the word
    stands, else the first action whose program it is.
    """
    found = source.find(word)
    if found is not None:
        return found
    for step in (*plan.setup, *plan.steps):
        if isinstance(step.do, Spawn) and step.action is not None and word in step.do.argv:
            return source.place("actions", step.action)
    return None


def _tools(step: Step) -> Iterable[str]:
    if isinstance(step.do, Spawn):
        program = step.do.argv[0]
        return () if "/" in program or "{" in program else (program,)
    return ()


def _qdiscs(draft: PlanDraft, steps: list[Step]) -> set[str]:
    names = set()
    directions: list[DirectionPlan] = [
        side for link in draft.network.links for side in (link.forward, link.backward)
    ]
    directions += [step.do.direction for step in steps if isinstance(step.do, LinkChange)]
    for link in draft.network.links:
        names |= {"clsact"} if link.wire else set()
        names |= {"tbf"} if link.wire_queue else set()
        names |= {"netem"} if link.wire_netem else set()
    names |= {"netem" for step in steps if isinstance(step.do, SegmentFault) and step.do.delay_ns}
    queues = [direction.queue for direction in directions]
    queues += [each.queue for node in draft.network.nodes for each in node.interfaces]
    return names | {queue.discipline for queue in queues if queue is not None}


def _congestion_controls(draft: PlanDraft, steps: list[Step]) -> set[str]:
    names = {flow.congestion_control for flow in draft.flows}
    for step in steps:
        if isinstance(step.do, FlowCongestionControl):
            names.add(step.do.algorithm)
        if isinstance(step.do, Sysctl) and step.do.key == CONGESTION_SYSCTL:
            names.add(step.do.value)
    names |= {node.sysctls.get(CONGESTION_SYSCTL) for node in draft.network.nodes}
    return {name for name in names if name}
