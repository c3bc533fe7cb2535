"""A plan in words for ``tcpexp plan``: the network drawn as text, the timeline, what is recorded
and what is expected.
"""

from __future__ import annotations

from typing import Any

from tcpexp.plan.links import describe_direction
from tcpexp.plan.mtus import end_mtus
from tcpexp.plan.network import FORWARDING
from tcpexp.plan.types import LinkPlan, NetworkPlan, NodePlan, Recorder, RunPlan, Step
from tcpexp.units import format_duration

#: Parameters longer than this stand below a link's drawing, not on its arrow.
WIDEST_ARROW = 50
#: Ethernet's: not worth a word.
USUAL_MTU = 1500


def explain_plan(plan: RunPlan) -> str:
    """Return what would be done, as plain text of several sections."""
    sections = [
        _heading(plan),
        "Network\n" + _indent(draw_network(plan.network)),
        "Before the start\n" + _indent([describe_step(step) for step in plan.setup] or ["nothing"]),
        "Timeline\n" + _indent(timeline_lines(plan)),
        "Recorded\n" + _indent(recorder_lines(plan.recorders)),
        "Expected\n" + _indent(expectation_lines(plan) or ["nothing: no check is asked for"]),
        "Needed\n" + _indent(needs_lines(plan)),
        *(["Notes\n" + _indent(list(plan.notes))] if plan.notes else []),
    ]
    return "\n\n".join(sections) + "\n"


def draw_network(network: NetworkPlan) -> list[str]:
    """Return the network as lines: each node with its addresses, each link with its parameters in
    words.
    """
    lines = [_node_line(node) for node in network.nodes]
    for link in network.links:
        first, second = end_mtus(network, link)
        mtu = (
            ""
            if first == second == USUAL_MTU
            else (
                f"MTU {first}"
                if first == second
                else f"MTU {first} at {link.a.node}, {second} at {link.b.node}"
            )
        )
        lines += ["", *_link_lines(link, mtu)]
    return lines


def timeline_lines(plan: RunPlan) -> list[str]:
    """Return one line per timed step, in order, and the end."""
    rows = [(_time(step), describe_step(step)) for step in plan.steps] + [
        (format_duration(plan.duration_ns), "end")
    ]
    width = max(len(when) for when, _ in rows)
    return [f"{when:<{width}}  {what}" for when, what in rows]


def recorder_lines(recorders: tuple[Recorder, ...]) -> list[str]:
    """Return one line per kind of recorder: what, where and how often."""
    lines = []
    for kind in dict.fromkeys(recorder.kind for recorder in recorders):
        own = [recorder for recorder in recorders if recorder.kind == kind]
        where = ", ".join(
            dict.fromkeys(
                recorder.interface or recorder.node or ""
                for recorder in own
                if recorder.interface or recorder.node
            )
        )
        every = f"every {format_duration(own[0].interval_ns)}" if own[0].interval_ns else ""
        lines.append(
            "  ".join(
                part for part in (f"{kind:<9}", where, every, _options(own[0].options)) if part
            )
        )
    return lines or ["nothing"]


def expectation_lines(plan: RunPlan) -> list[str]:
    """Return one line per check."""
    lines = []
    for entry in plan.expect:
        ((name, parameters),) = entry.items()
        lines.append(
            f"{name}: {_options(parameters) if isinstance(parameters, dict) else parameters}"
        )
    return lines


def needs_lines(plan: RunPlan) -> list[str]:
    """Return what the place must have, one line per kind."""
    needs = plan.needs
    rows = (
        ("programs", needs.tools),
        ("qdiscs", needs.qdiscs),
        ("congestion controls", needs.congestion_controls),
        ("features", needs.features),
    )
    return [f"{title}: {', '.join(words)}" for title, words in rows if words] or ["nothing"]


def describe_step(step: Step) -> str:
    """Return a step in words: its label, how often, until when, and its id."""
    words = [step.label]
    if step.every_ns is not None:
        words.append(f"every {format_duration(step.every_ns)}")
    if step.until_ns is not None:
        words.append(f"until {format_duration(step.until_ns)}")
    return f"{', '.join(words)}  [{step.id}]"


def _heading(plan: RunPlan) -> str:
    facts = (
        f"{plan.name}: {format_duration(plan.duration_ns)}, seed {plan.seed}, topology"
        f" {plan.network.topology}"
    )
    return f"{plan.title}\n{facts}" if plan.title != plan.name else facts


def _node_line(node: NodePlan) -> str:
    addresses = ", ".join(f"{interface.name} {interface.cidr}" for interface in node.interfaces)
    settings = "".join(
        f"; {key} = {value}" for key, value in node.sysctls.items() if key not in FORWARDING
    )
    return f"{node.name} ({node.kind})  {addresses}{settings}"


def _link_lines(link: LinkPlan, mtu: str) -> list[str]:
    """Return a link as a drawing: both ends, and the parameters of each direction on its arrow.

    ``mtu`` stands below.
    """
    forward, backward = describe_direction(link.forward), describe_direction(link.backward)
    left, right = f"[{link.a.node}]", f"[{link.b.node}]"
    if max(len(forward), len(backward)) > WIDEST_ARROW:
        lines = [f"{left}========{right}", f"  {link.a.node} to {link.b.node}: {forward}"]
        lines.append(f"  {link.b.node} to {link.a.node}: {backward}")
    elif forward == backward:
        lines = [f"{left}==== {forward} ===={right}"]
    else:
        gap = " " * len(left)
        width = max(len(forward), len(backward))
        lines = [
            f"{left}---- {forward:<{width}} --->{right}",
            f"{gap}<--- {backward:<{width}} ----",
        ]
    note = f"base RTT {format_duration(link.base_rtt_ns)}" if link.base_rtt_ns else "no added delay"
    return [*lines, f"  {note}{', ' if mtu else ''}{mtu}"]


def _time(step: Step) -> str:
    return format_duration(step.at_ns or 0)


def _options(options: dict[str, Any]) -> str:
    words = []
    for key, value in options.items():
        if key != "because":
            text = (
                "[" + ", ".join(str(part) for part in value) + "]"
                if isinstance(value, (list, tuple))
                else str(value)
            )
            words.append(f"{key} {'full' if key == 'snaplen' and value == 0 else text}")
    return ", ".join(words)


def _indent(lines: list[str]) -> str:
    return "\n".join(f"  {line}".rstrip() for line in lines)
