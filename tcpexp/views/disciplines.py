"""What queue disciplines say of themselves over time, htb's classes, and dualpi2's coupling law."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.plan.types import QueuePlan
from tcpexp.views.spans import Span, within

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

SECOND_NS = 1_000_000_000
#: The setting ``l4s`` of dualpi2 with which every packet that can be marked is in the low-latency
#: queue, so that all marks are that queue's.
ANY_ECT = 3


def queue_of(run: RunData, link: str, towards: str) -> QueuePlan | None:
    """Return the queue of a direction at the start; None where there is none."""
    for one in run.plan.network.links:
        if one.name == link:
            side = one.forward if towards == one.b.node else one.backward
            return side.queue
    return None


def statistic(
    run: RunData, link: str, towards: str, name: str, *, qdisc: str = "queue"
) -> pl.DataFrame:
    """Return the samples (``t_ns``, ``value``) of a number that a discipline counts of itself, in
    the order of time.
    """
    return (
        run.table("queue_statistics")
        .filter(
            (pl.col("link") == link)
            & (pl.col("towards") == towards)
            & (pl.col("qdisc") == qdisc)
            & (pl.col("name") == name)
        )
        .sort("t_ns")
        .select("t_ns", "value")
    )


def class_rates(run: RunData, interval_ns: int = SECOND_NS // 2) -> pl.DataFrame:
    """Return what each class of htb sent per interval: ``place``, ``class``, ``t_ns`` (the
    interval's end), ``rate_bps``, in the plan's order of classes.
    """
    samples = run.table("classes").with_columns(
        place=pl.format("{} to {}", "link", "towards"),
        interval=(pl.col("t_ns") + interval_ns // 2) // interval_ns,
    )
    ends = (
        samples.sort("t_ns")
        .group_by("place", "class", "interval", maintain_order=True)
        .agg(pl.col("t_ns").first(), pl.col("sent_bytes").first())
        .sort("place", "class", "interval")
    )
    apart = ["place", "class"]
    return (
        ends.with_columns(
            sent=pl.col("sent_bytes").diff().over(apart), length=pl.col("t_ns").diff().over(apart)
        )
        .filter(pl.col("length") > 0)
        .select("place", "class", "t_ns", rate_bps=pl.col("sent") * 8e9 / pl.col("length"))
    )


#: (number of the discipline, what it is, its line's name, how it follows from the number)
_LINES: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    "pie": (("probability", "probability", "", 1), ("delay", "delay", "", 1)),
    "dualpi2": (
        ("probability", "probability", "classic queue", 2),
        ("probability", "probability", "low-latency queue", 0),
        ("classic_delay", "delay", "classic queue", 1),
        ("l4s_delay", "delay", "low-latency queue", 1),
    ),
}


def control_lines(run: RunData) -> tuple[pl.DataFrame, list[float]]:
    """Return what PIE and dualpi2 steer by: ``line`` (of which queue), ``what`` (probability or
    delay), ``t_ns``, ``value`` (0 to 1, ns); and the targets in ns.

    Of dualpi2 the probabilities are p'^2 of the classic queue and k p' of the low-latency queue.
    """
    parts: list[pl.DataFrame] = []
    targets: list[float] = []
    busy = [
        (link, towards, kind)
        for link, towards, kind, most in run.table("queue_statistics")
        .filter(pl.col("name").is_in(["delay", "classic_delay", "l4s_delay"]))
        .group_by("link", "towards", "kind", maintain_order=True)
        .agg(pl.col("value").max())
        .iter_rows()
        if most > 0
    ]
    for link, towards, kind in busy:
        queue = queue_of(run, link, towards)
        if queue is None or kind not in _LINES:
            continue
        place = f"{link} to {towards}" if len(busy) > 1 else ""
        targets.append(queue.setting("target") or 0.0)
        factor = queue.setting("coupling") or 1.0
        for name, what, of, power in _LINES[kind]:
            value = pl.col("value") ** power if power else (factor * pl.col("value")).clip(0, 1)
            line = ", ".join(word for word in (place, of) if word) or f"{link} to {towards}"
            parts.append(
                statistic(run, link, towards, name).select(
                    "t_ns", value=value, line=pl.lit(line), what=pl.lit(what)
                )
            )
    empty = pl.DataFrame(
        schema={"t_ns": pl.Int64, "value": pl.Float64, "line": pl.String, "what": pl.String}
    )
    return (pl.concat(parts) if parts else empty), sorted(set(targets))


@dataclass(frozen=True)
class Coupling:
    """dualpi2's coupling in a span: what was counted, and what its probability p' lets expect.

    RFC 9332 section 2.1: classic packets are dropped with p_C = p'^2, those of the low-latency
    queue marked with p_CL = k p' (marks by the step apart). ``expected_`` are sums over the samples
    of the probability at that time times the packets that left until the next.
    """

    factor: float
    classic_packets: int
    l4s_packets: int
    classic_drops: int
    coupled_marks: int
    step_marks: int
    expected_drops: float
    expected_marks: float

    @property
    def by_counts(self) -> float | None:
        """The factor that the counts alone give: the share of marks over the root of the share of
        drops; None where nothing was dropped.
        """
        if not self.classic_drops or not self.l4s_packets:
            return None
        dropped = self.classic_drops / self.classic_packets
        return self.coupled_marks / self.l4s_packets / math.sqrt(dropped)


def coupling(run: RunData, link: str, towards: str, span: Span) -> Coupling | None:
    """Return dualpi2's coupling in a span, None where it was not sampled.

    Meant for a queue in which all marks are those of the low-latency queue (``l4s: any``, or
    classic flows without ECN): the kernel counts marks of both queues as one.
    """
    names = (
        "probability",
        "classic_packets",
        "l4s_packets",
        "coupled_marks",
        "step_marks",
        "classic_delay",
    )
    samples = statistic(run, link, towards, names[0]).rename({"value": names[0]})
    for name in names[1:]:
        samples = samples.join(
            statistic(run, link, towards, name).rename({"value": name}), on="t_ns"
        )
    drops = (
        run.table("queues")
        .filter(
            (pl.col("link") == link) & (pl.col("towards") == towards) & (pl.col("qdisc") == "queue")
        )
        .select("t_ns", "drops", left=pl.col("sent_packets") + pl.col("drops"))
    )
    samples = samples.join(drops, on="t_ns").filter(within(span)).sort("t_ns")
    queue = queue_of(run, link, towards)
    if samples.height < 2 or queue is None:
        return None
    factor = queue.setting("coupling") or 0.0
    steps = samples.with_columns(
        p=(pl.col("probability") + pl.col("probability").shift(-1)) / 2,
        # between two samples either was in force for a part of the time
        square=(pl.col("probability") ** 2 + pl.col("probability").shift(-1) ** 2) / 2,
        # the coin is tossed when a packet leaves; one of the low-latency queue does at once
        classic=(pl.col("left") - pl.col("l4s_packets")).diff().shift(-1),
        l4s=pl.col("l4s_packets").diff().shift(-1),
    ).drop_nulls()

    def growth(name: str) -> int:
        return int(samples[name][-1] - samples[name][0])

    return Coupling(
        factor,
        growth("classic_packets"),
        growth("l4s_packets"),
        growth("drops"),
        growth("coupled_marks"),
        growth("step_marks"),
        float((steps["square"] * steps["classic"]).sum()),
        float(((factor * steps["p"]).clip(0, 1) * steps["l4s"]).sum()),
    )


def departure_gaps(run: RunData, flow: str, span: Span) -> pl.DataFrame:
    """Return the data packets of a flow as they left its sender: ``t_ns`` and ``gap_ns`` since the
    one before, of the same connection.
    """
    sender = next(one.sender for one in run.plan.flows if one.name == flow)
    addresses = addresses_of(run.plan, sender)
    return (
        run.table("packets")
        .filter(
            (pl.col("flow") == flow)
            & (pl.col("node") == sender)
            & pl.col("src").is_in(addresses)
            & (pl.col("payload_bytes") > 0)
        )
        .sort("t_ns", maintain_order=True)
        .with_columns(gap_ns=pl.col("t_ns").diff().over("connection"))
        .filter(pl.col("t_ns").is_between(*span) & pl.col("gap_ns").is_not_null())
        .select("t_ns", "gap_ns", "capture", "number")
    )


def runs_of_packets(gaps: pl.DataFrame, closer_ns: int) -> pl.DataFrame:
    """Return the packets that left in a row, each closer than ``closer_ns`` behind the one before:
    ``t_ns`` of a run's first, and ``packets``.
    """
    marked = gaps.with_columns(run=(pl.col("gap_ns") >= closer_ns).cum_sum())
    return (
        marked.group_by("run", maintain_order=True)
        .agg(
            pl.col("t_ns").first(),
            packets=pl.len(),
            capture=pl.col("capture").first(),
            number=pl.col("number").first(),
        )
        .drop("run")
    )
