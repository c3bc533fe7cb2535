"""Flows that nothing but windows and delays holds back: allowed, but rarely meant, and slow on a
virtual clock.
"""

from __future__ import annotations

from collections.abc import Iterable

from tcpexp.plan.paths import Paths
from tcpexp.plan.types import FlowPlan, NetworkPlan, Spawn, Step


def notes_on_rates(
    network: NetworkPlan, flows: Iterable[FlowPlan], steps: Iterable[Step]
) -> list[str]:
    """Return a sentence for each iperf3 flow that sends as fast as it can over a path on which no
    link has a rate.

    On a virtual clock, which stands while programs compute, it moves gigabits in each second of the
    experiment, and every packet takes its time.
    """
    argv = {step.id: step.do.argv for step in steps if isinstance(step.do, Spawn)}
    paths = Paths(network)
    notes = []
    for flow in flows:
        way = paths.of_flow(flow)
        if (
            flow.application != "iperf3"
            or way is None
            or not way.there
            or {"-b", "-n"} & set(argv.get(flow.step, ()))
        ):
            continue
        if all(hop.direction.rate_bps is None for hop in way.there):
            notes.append(
                f"flow {flow.name} sends as fast as it can, and no link from {flow.sender} on has a"
                " rate: it may take very long on a virtual clock; give a link a rate, or the"
                " action a rate: or bytes:"
            )
    return notes
