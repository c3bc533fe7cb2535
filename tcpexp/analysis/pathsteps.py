"""What the path of a flow costs over time: its delays there and back, and its bottleneck, in steps
as the run's links changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from tcpexp.analysis.links import Epoch, find_epochs, find_rate_epochs
from tcpexp.analysis.offered import offered_bits
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.paths import Hop, Paths
from tcpexp.plan.types import FlowPlan, NetworkPlan
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: (from when in ns, value), in order; neighbouring values differ. The last one holds to the end of
#: the run.
Steps = list[tuple[int, int]]
#: Changes that follow each other so soon are one: the directions of a link are changed one after
#: the other.
SETTLED_NS = 5_000_000


def flow_hops(network: NetworkPlan, flow: FlowPlan) -> tuple[Hop, ...]:
    """Return the hops of a flow's data, from its sender to its receiver.

    None when there is no path.
    """
    way = Paths(network).of_flow(flow)
    return () if way is None else way.there


def ways_of(run: RunData, flow: FlowPlan) -> list[tuple[Hop, ...]]:
    """Return the hops of a flow's data for each different way that they took: one, unless it is of
    MPTCP, whose subflows go by the addresses that they were opened with.
    """
    paths = Paths(run.plan.network)
    rows = run.table("subflows").filter(pl.col("flow") == flow.name)
    found = []
    for client, server in rows.select("client_address", "server_address").iter_rows():
        forward = flow.sender == flow.client
        hops = paths.to_address(flow.sender, server if forward else client)
        if hops:
            found.append(hops)
    return list(dict.fromkeys(found)) or [flow_hops(run.plan.network, flow)]


def offered_to(run: RunData, flow: FlowPlan, from_ns: int, to_ns: int) -> float | None:
    """Return the bits that the slowest link of each of a flow's ways offered, all ways together.

    None where a way has no rate.
    """
    epochs = find_rate_epochs(run)
    parts = [
        offered_bits(epochs, [hop.key for hop in way], from_ns, to_ns) for way in ways_of(run, flow)
    ]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def delay_steps(run: RunData, flow: FlowPlan) -> Steps:
    """Return the base round-trip time of a flow's path in ns: the sum of its links' delays, of the
    data's way and of the ACKs'.

    Empty when there is no path. Packets that are on their way when a delay changes had the former
    one.
    """
    way = Paths(run.plan.network).of_flow(flow)
    if way is None or not way.there:
        return []
    return _steps(
        find_epochs(run),
        [hop.key for hop in (*way.there, *way.back)],
        lambda epochs: sum(epoch.direction.delay_ns for epoch in epochs),
    )


def rate_steps(run: RunData, flow: FlowPlan) -> Steps:
    """Return the rate of the slowest link that a flow's data cross, bit/s.

    Empty when at some time no link on the way has a rate.
    """
    return shared_rate_steps(run, [flow])


def shared_rate_steps(run: RunData, flows: Sequence[FlowPlan]) -> Steps:
    """Return the rate of the slowest direction that the data of all ``flows`` cross, bit/s.

    Empty when they share none with a rate at all times.
    """
    keys = shared_directions(run.plan.network, flows)
    found = _steps(find_rate_epochs(run), keys, _smallest_rate) if keys else []
    return [] if any(rate < 0 for _, rate in found) else found


def shared_directions(network: NetworkPlan, flows: Sequence[FlowPlan]) -> list[tuple[str, str]]:
    """Return the directions (link, towards) that the data of all ``flows`` cross, in the first
    one's order.
    """
    crossed = [[hop.key for hop in flow_hops(network, flow)] for flow in flows]
    return (
        [key for key in crossed[0] if all(key in other for other in crossed[1:])] if crossed else []
    )


def bottlenecks(run: RunData, flows: Iterable[FlowPlan]) -> dict[tuple[str, str], list[FlowPlan]]:
    """Return the flows of a run by the direction that limits them: :func:`planned_bottlenecks`."""
    return planned_bottlenecks(run.plan.network, flows)


def planned_bottlenecks(
    network: NetworkPlan, flows: Iterable[FlowPlan]
) -> dict[tuple[str, str], list[FlowPlan]]:
    """Return the flows by the direction (link, towards) that limits their data.

    That is the slowest at the start; of equal ones that which most flows cross.

    On a path without any rate it is the direction that most flows cross. A flow without a path is
    left out.
    """
    flows = list(flows)
    paths = {flow.name: flow_hops(network, flow) for flow in flows}
    users: dict[tuple[str, str], int] = {}
    for hops in paths.values():
        for hop in hops:
            users[hop.key] = users.get(hop.key, 0) + 1
    found: dict[tuple[str, str], list[FlowPlan]] = {}
    for flow in flows:
        hops = paths[flow.name]
        if hops:
            rates = {hop.key: hop.direction.rate_bps for hop in hops}
            least = min((rate for rate in rates.values() if rate is not None), default=None)
            narrow = [key for key, rate in rates.items() if rate == least]
            found.setdefault(max(narrow, key=lambda key: users[key]), []).append(flow)
    return found


def _smallest_rate(epochs: Sequence[Epoch]) -> int:
    """Return the smallest rate, -1 without any."""
    return min(
        (epoch.direction.rate_bps for epoch in epochs if epoch.direction.rate_bps is not None),
        default=-1,
    )


def _steps(
    epochs: Sequence[Epoch],
    keys: Sequence[tuple[str, str]],
    value: Callable[[Sequence[Epoch]], int],
) -> Steps:
    """Return ``value`` of what each direction in ``keys`` did, whenever one of them changed."""
    own = {
        key: [epoch for epoch in epochs if (epoch.link, epoch.towards) == key] for key in set(keys)
    }
    times = sorted({epoch.from_ns for steps in own.values() for epoch in steps})
    at = dict.fromkeys(own, 0)
    found: Steps = []
    for time in times:
        for key, steps in own.items():
            while at[key] + 1 < len(steps) and steps[at[key] + 1].from_ns <= time:
                at[key] += 1
        now = value([own[key][at[key]] for key in keys if own[key]])
        begin = found.pop()[0] if len(found) > 1 and time - found[-1][0] < SETTLED_NS else time
        if not found or found[-1][1] != now:
            found.append((begin, now))
    return found


def mean_rates(steps: Steps, begins_ns: NDArray[np.int64], length_ns: int) -> NDArray[np.float64]:
    """Return the mean of a rate in steps, bit/s, over the ``length_ns`` from each of ``begins_ns``
    on; NaN without steps.
    """
    if not steps:
        return np.full(begins_ns.shape, np.nan)
    times = np.array([at for at, _ in steps], dtype=np.float64)
    rates = np.array([rate for _, rate in steps], dtype=np.float64)
    carried = np.concatenate([[0.0], np.cumsum(np.diff(times) * rates[:-1])])

    def until(at: NDArray[np.int64]) -> NDArray[np.float64]:
        index = np.maximum(np.searchsorted(times, at, side="right") - 1, 0)
        sums: NDArray[np.float64] = carried[index] + (at - times[index]) * rates[index]
        return sums

    means: NDArray[np.float64] = (until(begins_ns + length_ns) - until(begins_ns)) / length_ns
    return means
