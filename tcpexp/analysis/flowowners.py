"""The certificate's word on connections that were given to a flow by nothing but the time of their
SYN.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

from tcpexp.analysis.items import Item
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import RunData

#: Flows with the same ends that start closer together than this cannot be told apart by time: a
#: program takes as long until it connects.
APART_NS = 1_000_000_000


def judge_flow_owners(run: RunData) -> Iterator[Item]:
    """Nothing to say where each connection of a flow is known by who opened it.

    A guess is named, one between flows that start together is suspect.
    """
    carrying = run.table("connections").filter(pl.col("flow").is_not_null())
    guessed = carrying.filter(pl.col("flow_source") == "time")
    if guessed.is_empty():
        return
    asked, measured = (
        "by who opened them",
        f"{guessed.height} of {carrying.height} by the time of the SYN",
    )
    together = [
        pair
        for pair in flows_that_start_together(run.plan.flows)
        if set(pair) & set(guessed["flow"])
    ]
    if together:
        why = (
            f"flows {' and '.join(together[0])} have the same ends and start together: nothing that"
            " was recorded tells their connections apart"
        )
        yield Item("connections of flows", asked, measured, "suspect", why)
    else:
        yield Item(
            "connections of flows",
            asked,
            measured,
            "not measured",
            "the kernel's trace does not say which process opened them",
        )


def flows_that_start_together(flows: tuple[FlowPlan, ...]) -> list[tuple[str, str]]:
    """Return the pairs of flows with the same ends, of different programs, that start less than
    :data:`APART_NS` apart.
    """
    groups: dict[tuple[str, str, int], list[FlowPlan]] = defaultdict(list)
    for flow in sorted(flows, key=lambda flow: flow.start_ns):
        groups[flow.client, flow.server, flow.port].append(flow)
    pairs = (pair for group in groups.values() for pair in itertools.pairwise(group))
    return [
        (first.name, second.name)
        for first, second in pairs
        if first.step != second.step and second.start_ns - first.start_ns < APART_NS
    ]
