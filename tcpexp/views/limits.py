"""What the network allows: the rates of bottlenecks and the delays of ways, in steps over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tcpexp.analysis.capacity import varying_rates
from tcpexp.analysis.pathsteps import bottlenecks, delay_steps, shared_rate_steps

if TYPE_CHECKING:
    from tcpexp.analysis.pathsteps import Steps
    from tcpexp.store.rundata import RunData

#: From when, in ns, and the rate from then on, in bit/s.
Rates = list[tuple[int, int]]


def varying_places(run: RunData, places: list[str]) -> dict[str, tuple[tuple[str, str], Rates]]:
    """Return ((link, towards), asked rates) of those of ``places`` (``link to node``) whose rate
    varies.
    """
    found = {
        f"{link} to {towards}": ((link, towards), rates)
        for (link, towards), rates in varying_rates(run).items()
    }
    return {place: found[place] for place in places if place in found}


def bottleneck_lines(run: RunData, flows: Sequence[str]) -> dict[str, tuple[list[str], Rates]]:
    """Return by direction (``link to node``) the flows that it limits and its rate in steps.

    A direction without a rate has no steps.
    """
    found = {}
    for (link, towards), limited in bottlenecks(
        run, [flow for flow in run.plan.flows if flow.name in flows]
    ).items():
        found[f"{link} to {towards}"] = (
            [flow.name for flow in limited],
            shared_rate_steps(run, limited),
        )
    return found


def distinct_steps(lines: Mapping[str, Rates], word: str) -> dict[str, Rates]:
    """Return what to draw, by label: lines that are alike once, as ``word``, the others with their
    names.
    """
    drawn = {name: steps for name, steps in lines.items() if steps}
    if len({tuple(steps) for steps in drawn.values()}) == 1:
        return {word: next(iter(drawn.values()))}
    return {f"{word}, {name}": steps for name, steps in drawn.items()}


def base_rtt_lines(run: RunData, flows: Sequence[str]) -> dict[str, Steps]:
    """Return each flow's base round-trip time in steps, ns.

    Flows whose way adds no delay at any time are left out.
    """
    found = {flow.name: delay_steps(run, flow) for flow in run.plan.flows if flow.name in flows}
    return {name: steps for name, steps in found.items() if any(value for _, value in steps)}
