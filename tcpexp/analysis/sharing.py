"""Which flows share a direction of a link, what part of its goodput each has, and Jain's fairness
index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from tcpexp.analysis.activity import activity_of, bits_per_second, goodput_bytes
from tcpexp.plan.flows import receiver_of
from tcpexp.plan.paths import Paths
from tcpexp.plan.types import FlowPlan, RunPlan
from tcpexp.record.tables import THROUGHPUT_INTERVAL_NS
from tcpexp.store.rundata import RunData


@dataclass(frozen=True)
class Direction:
    """Flows whose ways have a direction of a link in common, directly or by way of another flow of
    them.

    ``shared`` are the (link, node towards which) that all of them cross, ``crossed`` those that any
    of them crosses. Flows that meet only head-on are of two directions: one takes nothing from the
    other.
    """

    flows: tuple[FlowPlan, ...]
    shared: tuple[tuple[str, str], ...]
    crossed: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The flows' names, in the plan's order."""
        return tuple(flow.name for flow in self.flows)

    @property
    def towards(self) -> str:
        """The node that receives all of the flows, or else the end of the first direction that they
        share.
        """
        receivers = {receiver_of(flow) for flow in self.flows}
        return receivers.pop() if len(receivers) == 1 else (self.shared or self.crossed)[0][1]


def find_directions(plan: RunPlan) -> list[Direction]:
    """Return the directions of the plan's flows, in the order of their first flow.

    Each flow is in exactly one.
    """
    paths = Paths(plan.network)
    found = {flow.name: paths.of_flow(flow) for flow in plan.flows}
    ways = {
        name: () if way is None else tuple(hop.key for hop in way.there)
        for name, way in found.items()
    }
    groups: list[list[FlowPlan]] = []
    for flow in plan.flows:
        own = set(ways[flow.name])
        joined = [
            group for group in groups if any(own & set(ways[member.name]) for member in group)
        ]
        groups = [group for group in groups if group not in joined] + [
            [*(member for group in joined for member in group), flow]
        ]
    order = {flow.name: number for number, flow in enumerate(plan.flows)}
    ordered = sorted(
        (sorted(group, key=lambda member: order[member.name]) for group in groups),
        key=lambda group: order[group[0].name],
    )
    return [_direction(group, ways) for group in ordered]


def _direction(
    group: Sequence[FlowPlan], ways: dict[str, tuple[tuple[str, str], ...]]
) -> Direction:
    own = [ways[flow.name] for flow in group]
    crossed = tuple(dict.fromkeys(direction for way in own for direction in way))
    return Direction(
        tuple(group),
        tuple(direction for direction in crossed if all(direction in way for way in own)),
        crossed,
    )


class Shared(TypedDict):
    """Each flow's part of a goodput, and Jain's index of them; None where nothing was delivered."""

    share: dict[str, float | None]
    jain_index: float | None


class Together(Shared):
    """The same while all flows were active: from when to when, and their goodput."""

    from_ns: int
    to_ns: int
    goodput_bps: dict[str, float | None]


class DirectionShares(TypedDict):
    """One direction that flows share, over the run and while all were active."""

    towards: str
    flows: list[str]
    whole: Shared
    together: Together | None


class Shares(TypedDict):
    """What ``metrics.json`` holds as ``shares``."""

    whole: Shared
    together: Together | None
    directions: list[DirectionShares]


def jain_index(values: Sequence[float]) -> float | None:
    """Return Jain's fairness index (sum x)^2 / (n sum x^2): 1 is equal, 1/n is all for one. None
    without any traffic.

    Jain, Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301, 1984.
    """
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares > 0 else None


def measure_shares(run: RunData) -> Shares:
    """Return each flow's share of its direction's goodput and Jain's index: over the run
    (``whole``), and while all its flows were active (``together``).

    ``directions`` has both for every direction of several flows; ``whole.share`` is of all flows,
    and sums to 1 per direction. What ``together`` and ``jain_index`` say at the top is that of the
    only direction that has several flows, else None. ``together`` names the interval that was
    measured: whole intervals of the table ``throughput`` after the last flow's begin and before the
    first one's end; None when there is none.
    """
    parts = list(_parts(run))
    several = [part for part in parts if len(part["flows"]) > 1]
    only = several[0] if len(several) == 1 else None
    shares = {name: share for part in parts for name, share in part["whole"]["share"].items()}
    return {
        "whole": {"share": shares, "jain_index": only["whole"]["jain_index"] if only else None},
        "together": only["together"] if only else None,
        "directions": several,
    }


def _parts(run: RunData) -> Iterator[DirectionShares]:
    for direction in find_directions(run.plan):
        yield {
            "towards": direction.towards,
            "flows": list(direction.names),
            "whole": _shared(goodput_bytes(run, direction.names)),
            "together": _together(run, direction),
        }


def _together(run: RunData, direction: Direction) -> Together | None:
    spans = [activity_of(run, flow) for flow in direction.flows]
    present = [span for span in spans if span is not None]
    if len(present) < len(spans) or len(spans) < 2:
        return None
    begin = (
        -(-max(span.from_ns for span in present) // THROUGHPUT_INTERVAL_NS) * THROUGHPUT_INTERVAL_NS
    )
    end = min(span.to_ns for span in present) // THROUGHPUT_INTERVAL_NS * THROUGHPUT_INTERVAL_NS
    if end <= begin:
        return None
    values = goodput_bytes(run, direction.names, (begin, end))
    rates = {name: bits_per_second(value, end - begin) for name, value in values.items()}
    return {"from_ns": begin, "to_ns": end, "goodput_bps": rates, **_shared(values)}


def _shared(values: dict[str, int]) -> Shared:
    total = sum(values.values())
    return {
        "share": {name: value / total if total else None for name, value in values.items()},
        "jain_index": jain_index(list(values.values())),
    }
