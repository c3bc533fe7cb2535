"""Conservation of packets: what hosts sent has arrived at hosts, or somebody says that it dropped
it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tcpexp.analysis.faults import count_faults
from tcpexp.analysis.items import Item
from tcpexp.analysis.links import (
    DROPPERS,
    UNRECOGNISABLE_BYTES,
    count_drops,
    expected_loss,
    find_epochs,
    journeys_of,
)
from tcpexp.analysis.packetpaths import PacketPaths
from tcpexp.late import polars as pl
from tcpexp.plan.types import Firewall, LinkMtu, LinkState
from tcpexp.store.rundata import RunData

#: Packets still on their way, or seen twice, at the end of recording.
CONSERVATION_SLACK = 3
CONSERVED = "sent = received + dropped"
#: So long before the end of a span, and behind its beginning, a packet's fate may lie outside of
#: it.
SETTLE_NS = 500_000_000
MOST_NAMES = 4
#: (link, towards)
Direction = tuple[str, str]


@dataclass(frozen=True)
class Group:
    """Directions whose drops cannot be told apart, because packets cross several of them.

    And the pairs of hosts that do.
    """

    directions: tuple[Direction, ...]
    pairs: tuple[tuple[str, str], ...]

    @property
    def links(self) -> set[str]:
        """The links' names."""
        return {link for link, _ in self.directions}


def judge_conservation(run: RunData) -> Iterator[Item]:
    """What hosts sent must have arrived or have been dropped by a qdisc that says so; one item for
    each group of directions.

    Times in which a link was down are left out: its ends swallow packets without counting them.
    """
    for group in find_groups(run):
        reason = why_not(run, group)
        spans = up_spans(run, group)
        if not reason and not spans:
            reason = "a link was down too often"
        if reason:
            yield Item(
                _name(group),
                CONSERVED,
                f"{_pairs(run, group).height:,} sent",
                "not measured",
                reason,
            )
        else:
            yield _judge(run, group, spans)


def find_groups(run: RunData) -> list[Group]:
    """Return the groups of directions that packets crossed, each direction in one.

    In the order of the first pair of hosts.
    """
    groups: list[tuple[set[Direction], set[tuple[str, str]]]] = []
    paths = PacketPaths(run)
    pairs = (
        run.table("journeys").select("from_node", "to_node").unique().sort("from_node", "to_node")
    )
    for pair in pairs.iter_rows():
        path = set(paths.directions(*pair))
        if not path:
            continue
        joined = [group for group in groups if group[0] & path]
        groups = [group for group in groups if not group[0] & path]
        groups.append(
            (
                path.union(*(group[0] for group in joined)),
                {pair}.union(*(group[1] for group in joined)),
            )
        )
    return [Group(tuple(sorted(directions)), tuple(sorted(group))) for directions, group in groups]


def why_not(run: RunData, group: Group) -> str:
    """Return why a group's packets cannot be counted, empty when they can."""
    network = run.plan.network
    ends = {
        (end.node, end.interface)
        for link in network.links
        if link.name in group.links
        for end in (link.a, link.b)
    }
    interfaces = [
        interface
        for node in network.nodes
        for interface in node.interfaces
        if (node.name, interface.name) in ends
    ]
    if any(segments_change(run, name) for name in group.links):
        return (
            "a host cuts or joins segments (offloads: true), so packets at both ends are not the"
            " same"
        )
    crossed = {
        end.node for link in network.links if link.name in group.links for end in (link.a, link.b)
    }
    routers = {node.name for node in network.nodes if node.kind == "router"} & crossed
    rules = [
        step.do.node for step in (*run.plan.setup, *run.plan.steps) if isinstance(step.do, Firewall)
    ]
    filtering = sorted(routers & set(rules))
    if filtering:
        return (
            f"a firewall rule at the router {filtering[0]} drops packets, and its count is not"
            " recorded"
        )
    changed = any(
        isinstance(step.do, LinkMtu) and step.do.link in group.links for step in run.plan.steps
    )
    if routers and (changed or len({interface.mtu for interface in interfaces}) > 1):
        return "a router drops what does not fit the next link's MTU"
    return ""


def segments_change(run: RunData, name: str) -> bool:
    """Whether an interface at either end of a link has segmentation offloads."""
    link = run.plan.network.link(name)
    ends = {(end.node, end.interface) for end in (link.a, link.b)}
    return any(
        interface.offloads
        for node in run.plan.network.nodes
        for interface in node.interfaces
        if (node.name, interface.name) in ends
    )


def up_spans(run: RunData, group: Group) -> list[tuple[int, int]]:
    """Return when all links of a group were up, without what is too near to a change."""
    spans = [(0, run.end_ns)]
    for epoch in find_epochs(run):
        if epoch.link in group.links and not epoch.up:
            cut = [
                part
                for begin, end in spans
                for part in (
                    (begin, min(end, epoch.from_ns)),
                    (max(begin, epoch.to_ns + SETTLE_NS), end),
                )
            ]
            spans = [(begin, end) for begin, end in cut if begin < end]
    return (
        [(begin, end) for begin, end in spans if end - begin > 2 * SETTLE_NS]
        if _goes_down(run, group)
        else spans
    )


def _goes_down(run: RunData, group: Group) -> bool:
    return any(
        isinstance(step.do, LinkState) and step.do.link in group.links for step in run.plan.steps
    )


def _counted_until(run: RunData, group: Group, end_ns: int) -> int:
    """Return ``end_ns``, or the last sample of the queues before it where the one for the end came
    behind it.

    That one counts drops of packets that are in no table.
    """
    times = run.table("queues").filter(pl.col("link").is_in(sorted(group.links)))["t_ns"]
    before = times.filter((times > 0) & (times <= end_ns))
    if end_ns < run.end_ns or before.is_empty() or before.len() == times.filter(times > 0).len():
        return end_ns
    return int(before.max())  # type: ignore[arg-type]


def _pairs(run: RunData, group: Group) -> pl.DataFrame:
    pairs = pl.DataFrame(
        [{"from_node": source, "to_node": target} for source, target in group.pairs]
    )
    return run.table("journeys").join(pairs, on=["from_node", "to_node"], how="semi")


def _judge(run: RunData, group: Group, spans: list[tuple[int, int]]) -> Item:
    journeys = _pairs(run, group)
    spans = [(begin, _counted_until(run, group, end)) for begin, end in spans]
    sent = missing = dropped = chosen = near = 0
    for begin, end in spans:
        own = journeys.filter(pl.col("sent_ns").is_between(begin, end - SETTLE_NS))
        sent, missing = sent + own.height, missing + int((own["copies"] == 0).sum())
        for link, towards in group.directions:
            dropped += sum(count_drops(run, link, towards, qdisc, begin, end) for qdisc in DROPPERS)
            chosen += count_faults(run, link, towards, "drop", begin, end - SETTLE_NS)
        before = pl.col("sent_ns").is_between(begin - SETTLE_NS, begin, closed="left")
        after = (pl.col("sent_ns") > end - SETTLE_NS) & (pl.col("sent_ns") <= end)
        near += journeys.filter((before | after) & (pl.col("copies") == 0)).height
    unexplained = missing - dropped - chosen
    measured = f"{sent} sent, {missing} missing, {dropped} dropped by qdiscs" + (
        f", {chosen} by faults on chosen segments" if chosen else ""
    )
    slack = (
        CONSERVATION_SLACK
        + near
        + sum(unrecognisable(run, *direction) for direction in group.directions)
    )
    copies = sum(lost_copies(run, *direction) for direction in group.directions)
    if -slack - copies <= unexplained <= slack:
        left_out = (
            ""
            if len(spans) == 1 and spans[0][0] == 0 and not _goes_down(run, group)
            else "without the times about those in which a link was down"
        )
        return Item(_name(group), CONSERVED, measured, "ok", left_out)
    word = "vanished without being counted" if unexplained > 0 else "were dropped but not missed"
    return Item(_name(group), CONSERVED, measured, "suspect", f"{abs(unexplained)} packets {word}")


def _name(group: Group) -> str:
    if len(group.directions) == 1:
        ((link, towards),) = group.directions
        return f"packets of {link} towards {towards}"
    words = [f"{link} towards {towards}" for link, towards in group.directions]
    more = len(words) - MOST_NAMES
    return f"packets across {', '.join(words[:MOST_NAMES])}" + (
        f" and {more} more" if more > 0 else ""
    )


def lost_copies(run: RunData, link: str, towards: str) -> int:
    """Return how many drops may have met a second copy, which nobody misses: netem duplicates on
    purpose, and loses of the copies as of the rest.
    """
    expected = 0.0
    for epoch in find_epochs(run):
        direction = epoch.direction
        if (
            (epoch.link, epoch.towards) == (link, towards)
            and direction.duplicate
            and direction.loss is not None
        ):
            expected += (
                direction.duplicate
                * expected_loss(direction.loss)[0]
                * journeys_of(run, epoch).height
            )
    return math.ceil(expected + 3 * math.sqrt(expected))


def unrecognisable(run: RunData, link: str, towards: str) -> int:
    """Return how many packets may be missing because a bit that was flipped on purpose made them
    somebody else's.
    """
    expected = 0.0
    for epoch in find_epochs(run):
        if (epoch.link, epoch.towards) == (link, towards) and epoch.direction.corrupt:
            frames = journeys_of(run, epoch)["frame_bytes"]
            expected += epoch.direction.corrupt * float(
                (UNRECOGNISABLE_BYTES[run.plan.network.ip] / frames).sum()
            )
    return math.ceil(expected + 3 * math.sqrt(expected))
