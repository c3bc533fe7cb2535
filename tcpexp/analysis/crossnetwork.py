"""What became of packets in the network against what the qdiscs counted: drops, and ECN marks."""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.analysis.comparison import CrossCheck
from tcpexp.analysis.conservation import Group, find_groups, lost_copies, unrecognisable, why_not
from tcpexp.analysis.links import DROPPERS, count_drops
from tcpexp.late import polars as pl
from tcpexp.plan.types import LinkState, Spawn
from tcpexp.store.rundata import RunData

#: A packet that was sent so long before the last sample of the queues may have been dropped behind
#: it.
_ON_THE_WAY_NS = 500_000_000
_CE = 3


def check_drops(run: RunData) -> Iterator[CrossCheck]:
    """Compare the packets that one host sent and another did not receive with the drops of the
    qdiscs between them.

    Where hosts share links the drops are compared together: a link's counter does not say whose
    packet it was.
    """
    samples = run.table("queues")
    journeys = run.table("journeys")
    if samples.is_empty() or journeys.is_empty():
        return
    for group in find_groups(run):
        pairs = pl.DataFrame(group.pairs, schema=["from_node", "to_node"], orient="row")
        yield _drops(run, group, journeys.join(pairs, on=["from_node", "to_node"], how="semi"))


def _drops(run: RunData, group: Group, own: pl.DataFrame) -> CrossCheck:
    links = group.directions
    these = pl.DataFrame(links, schema=["link", "towards"], orient="row")
    times = run.table("queues").join(these, on=["link", "towards"], how="semi")["t_ns"]
    first, last = _sampled(run, times)
    lost = own.filter(
        (pl.col("copies") == 0) & (pl.col("sent_ns") > first) & (pl.col("sent_ns") <= last)
    )
    late = lost.filter(pl.col("sent_ns") > last - _ON_THE_WAY_NS).height
    early = own.filter(
        (pl.col("copies") == 0) & pl.col("sent_ns").is_between(first - _ON_THE_WAY_NS, first)
    ).height
    chosen = sum(_faults(run, link, towards, first, last) for link, towards in links)
    counted = sum(
        count_drops(run, link, towards, qdisc, first, last)
        for link, towards in links
        for qdisc in DROPPERS
    )
    subject = (
        f"{links[0][0]} towards {links[0][1]}"
        if len(links) == 1
        else "links " + ", ".join(f"{link} towards {towards}" for link, towards in links)
    )
    at_last = (
        run.table("queues")
        .join(these, on=["link", "towards"], how="semi")
        .filter(pl.col("t_ns") == last)
    )
    waiting = min(int(at_last["backlog_packets"].fill_null(0).sum()), lost.height)
    damaged = sum(unrecognisable(run, link, towards) for link, towards in links)
    copies = sum(lost_copies(run, link, towards) for link, towards in links)
    reasons = (
        f"up to {copies} drops met second copies" if copies else "",
        f"{late + early} were sent shortly before a sample of the queues" if late or early else "",
        f"up to {waiting} waited in the queues at the last sample" if waiting else "",
        f"up to {damaged} were damaged so that they are nobody's" if damaged else "",
    )
    source = "drops of the qdiscs" + (" and faults" if chosen else "")
    why = ", ".join(filter(None, reasons))
    least = -early - copies
    obstacle = _obstacle(run, group)
    return CrossCheck(
        "lost packets",
        subject,
        lost.height,
        "captures of both ends",
        counted + chosen,
        source,
        least,
        late + waiting + damaged,
        why,
        obstacle,
    )


def _sampled(run: RunData, times: pl.Series) -> tuple[int, int]:
    """Return the first sample of the queues and the last one before the end.

    The one at the end is read a little later, when programs are being stopped: it may count drops
    of packets that are in no table.
    """
    if times.is_empty():
        return 0, run.end_ns
    inside = times.filter(times <= run.end_ns)
    first = int(times.min())  # type: ignore[arg-type]
    last = int(inside.max()) if inside.len() else first  # type: ignore[arg-type]
    return (first, last) if last > first else (first, int(times.max()))  # type: ignore[arg-type]


def _faults(run: RunData, link: str, towards: str, from_ns: int, to_ns: int) -> int:
    rows = run.table("faults").filter(
        (pl.col("link") == link) & (pl.col("towards") == towards) & (pl.col("effect") == "drop")
    )
    return rows.filter(pl.col("t_ns").is_between(from_ns, to_ns)).height


def _obstacle(run: RunData, group: Group) -> str:
    """Return why losses and drops of these links cannot be compared; empty when they can."""
    if any(
        isinstance(step.do, LinkState) and step.do.link in group.links for step in run.plan.steps
    ):
        return "a link that is down swallows packets without counting them"
    filters = ("iptables", "ip6tables", "nft")
    if any(
        isinstance(step.do, Spawn) and any(word in filters for word in step.do.argv)
        for step in (*run.plan.setup, *run.plan.steps)
    ):
        return "a firewall's rule may drop packets between the ends"
    return why_not(run, group)


def _marked_twice(run: RunData, first: int, last: int) -> int:
    """Return how many packets dualpi2 may have counted twice, as marked by probability and by the
    step: INET_ECN_set_ce says of a packet that is marked already that it marked it.
    """
    rows = run.table("queue_statistics").filter(
        (pl.col("kind") == "dualpi2") & pl.col("t_ns").is_between(first, last)
    )
    grown = (
        rows.sort("t_ns", maintain_order=True)
        .group_by("link", "towards", "name")
        .agg(value=pl.col("value").last() - pl.col("value").first())
        .filter(pl.col("name").is_in(["coupled_marks", "step_marks"]))
    )
    least = grown.group_by("link", "towards").agg(pl.col("value").min())
    return int(least["value"].sum() or 0)


def check_marks(run: RunData) -> Iterator[CrossCheck]:
    """Compare the packets that arrived with Congestion Experienced with the marks of the qdiscs
    (RFC 3168 section 5).
    """
    packets = run.table("packets").filter(
        (pl.col("ecn") == _CE) & (pl.col("protocol").is_in(["tcp", "udp"]))
    )
    addresses = {
        face.address: node.name for node in run.plan.network.nodes for face in node.interfaces
    }
    arrived = packets.filter(
        pl.col("dst").replace_strict(addresses, default=None, return_dtype=pl.String)
        == pl.col("node")
    )
    queues = run.table("queues").filter(
        (pl.col("qdisc") == "queue") & pl.col("ecn_mark").is_not_null()
    )
    if queues.is_empty():
        return
    first, last = _sampled(run, queues["t_ns"])
    queues = queues.filter(pl.col("t_ns") <= last)
    grown = (
        queues.sort("t_ns", maintain_order=True)
        .group_by("link", "towards")
        .agg(marks=pl.col("ecn_mark").last() - pl.col("ecn_mark").first())
    )
    marks = int(grown["marks"].sum())
    twice = _marked_twice(run, first, last)
    inside = arrived.filter((pl.col("t_ns") > first) & (pl.col("t_ns") <= last + _ON_THE_WAY_NS))
    late = inside.filter(pl.col("t_ns") > last - _ON_THE_WAY_NS).height
    if inside.height or marks:
        lost_marked = (
            marks - inside.height
            if run.table("journeys").filter(pl.col("copies") == 0).height
            else 0
        )
        reasons = [f"{late} arrived around the last sample of the queues"] if late else []
        reasons += [f"dualpi2 may have counted {twice} twice, by probability and by step"] * bool(
            twice
        )
        why = "; ".join(reasons)
        yield CrossCheck(
            "ECN marks",
            "all links",
            inside.height,
            "packets that arrived with CE",
            marks,
            "marks of the qdiscs",
            -max(lost_marked, 0) - twice,
            late,
            why,
            _unrecorded(run),
        )


def _unrecorded(run: RunData) -> str:
    """Return why not every packet that arrived somewhere can be counted; empty when it can."""
    recorded = {recorder.node for recorder in run.plan.recorders if recorder.kind == "capture"}
    without = [
        node.name
        for node in run.plan.network.nodes
        if node.kind == "host" and node.name not in recorded
    ]
    return f"packets that arrived at {without[0]} were not recorded" if without else ""


#: So many packets may leave between two readings of one sample.
_READ_APART = 4
#: What each discipline calls the packets that it dropped, and how many each of them means: choke
#: drops a packet that meets one of its own flow, and that one (choke_enqueue).
_OWN_DROPS = {
    "pie": {"early_drops": 1, "full_drops": 1},
    "fq_pie": {"early_drops": 1, "full_drops": 1},
    "choke": {"early_drops": 1, "full_drops": 1, "matched_drops": 2},
}


def check_disciplines(run: RunData) -> Iterator[CrossCheck]:
    """Compare what disciplines count of themselves with what every queue counts, and htb's classes
    with the whole.
    """
    statistics = run.table("queue_statistics").filter(pl.col("qdisc") == "queue")
    queues = run.table("queues").filter(pl.col("qdisc") == "queue").sort("t_ns")
    places = statistics.select("link", "towards", "kind").unique().sort("link", "towards")
    for link, towards, kind in places.iter_rows():
        own = (pl.col("link") == link) & (pl.col("towards") == towards)
        times = _OWN_DROPS.get(kind, {})
        counted = (
            statistics.filter(own & pl.col("name").is_in(list(times)))
            .with_columns(pl.col("value") * pl.col("name").replace_strict(times, default=0))
            .sort("t_ns")
        )
        drops = queues.filter(own)["drops"]
        if not counted.is_empty() and drops.len() > 1:
            sums = counted.group_by("t_ns", maintain_order=True).agg(pl.col("value").sum())
            yield CrossCheck(
                "drops of a discipline",
                f"{link} towards {towards}",
                round(sums["value"][-1] - sums["value"][0]),
                f"{kind}'s own counts",
                int(drops[-1] - drops[0]),
                "the queue's drops",
            )
    classes = run.table("classes").sort("t_ns")
    for (link, towards), rows in classes.group_by("link", "towards", maintain_order=True):
        sent = rows.group_by("t_ns", maintain_order=True).agg(pl.col("sent_packets").sum())
        whole = queues.filter((pl.col("link") == link) & (pl.col("towards") == towards))
        yield CrossCheck(
            "packets of classes",
            f"{link} towards {towards}",
            int(sent["sent_packets"][-1] - sent["sent_packets"][0]),
            "sum of htb's classes",
            int(whole["sent_packets"][-1] - whole["sent_packets"][0]),
            "htb's own count",
            -_READ_APART,
            _READ_APART,
            "the two are read one after the other",
        )
