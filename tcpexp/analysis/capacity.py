"""Links whose rate varies: what was asked for when, and whether what they delivered followed it."""

from __future__ import annotations

import bisect
from dataclasses import asdict, dataclass
from typing import Any

from tcpexp.analysis.links import ETHERNET_BYTES, find_rate_epochs
from tcpexp.late import polars as pl
from tcpexp.plan.types import LinkRates
from tcpexp.store.rundata import RunData

#: A direction is busy between two changes when at both more packets wait than this, and more than
#: it may send in this share of the time between (of so long a time at most), and no sample of the
#: queue in between finds it empty.
BUSY_PACKETS = 1
BUSY_SHARE = 0.5
LONGEST_NS = 200_000_000


@dataclass(frozen=True)
class Followed:
    """How well one direction followed its list while packets waited for it.

    A stretch is a row of neighbouring busy spans between changes (:data:`BUSY_SHARE`).
    ``largest_gap_bytes``: the most by which the bytes sent since a stretch's begin were away from
    the rates' sum. ``mean_error_bytes``: the mean of that between two neighbouring changes.
    ``frame_bytes``: a full frame's.
    """

    link: str
    towards: str
    step: str
    changes: int
    late_ns: int
    busy_spans: int
    asked_bytes: float
    sent_bytes: int
    largest_gap_bytes: float
    mean_error_bytes: float
    frame_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as a mapping for JSON."""
        return asdict(self)


def measure_followed(run: RunData) -> list[Followed]:
    """Return one ``Followed`` per list of rates of the run that was begun, in the plan's order."""
    found = []
    rows = run.table("link_rates")
    for step in run.plan.steps:
        if isinstance(step.do, LinkRates):
            own = rows.filter(pl.col("step") == step.id).sort("t_ns")
            if own.height:
                found.append(_follow(run, step.id, step.do, own))
    return found


def _follow(run: RunData, step: str, what: LinkRates, rows: pl.DataFrame) -> Followed:
    changes = rows.filter(pl.col("asked_bps").is_not_null())
    late = int((changes["t_ns"] - changes["planned_ns"]).max() or 0)  # type: ignore[arg-type]
    spans = rows.with_columns(
        until_ns=pl.col("t_ns").shift(-1),
        sent=pl.col("sent_bytes").shift(-1) - pl.col("sent_bytes"),
        waiting=pl.min_horizontal("backlog_packets", pl.col("backlog_packets").shift(-1)),
    ).filter(pl.col("asked_bps").is_not_null() & pl.col("sent").is_not_null())
    empty = _times_without_packets(run, what)
    frame = run.plan.network.link(what.link).largest_mtu + ETHERNET_BYTES
    count, total, error, gap, largest = 0, [0.0, 0], 0.0, 0.0, 0.0
    for begin, end, rate, sent, waiting in spans.select(
        "t_ns", "until_ns", "asked_bps", "sent", "waiting"
    ).iter_rows():
        asked = rate * (end - begin) / 8e9
        needed = max(BUSY_PACKETS, BUSY_SHARE * rate * min(end - begin, LONGEST_NS) / 8e9 / frame)
        if waiting <= needed or bisect.bisect_left(empty, begin) < bisect.bisect_right(empty, end):
            gap = 0.0
            continue
        count, total, gap = count + 1, [total[0] + asked, total[1] + sent], gap + sent - asked
        error, largest = error + abs(sent - asked), max(largest, abs(gap))
    return Followed(
        what.link,
        what.towards,
        step,
        changes.height,
        late,
        count,
        total[0],
        int(total[1]),
        largest,
        error / count if count else 0.0,
        frame,
    )


def _times_without_packets(run: RunData, what: LinkRates) -> list[int]:
    """Return the times at which a sample of the direction's queue found it empty, in order."""
    rows = run.table("queues").filter(
        (pl.col("link") == what.link)
        & (pl.col("towards") == what.towards)
        & (pl.col("qdisc") == "queue")
    )
    return rows.filter(pl.col("backlog_packets") == 0)["t_ns"].sort().to_list()


def asked_rates(run: RunData, link: str, towards: str) -> list[tuple[int, int]]:
    """Return (from when in ns, rate in bit/s) of one direction over the run.

    Neighbouring rates differ. Empty when it has no rate at some time.
    """
    steps: list[tuple[int, int]] = []
    for epoch in find_rate_epochs(run):
        if (epoch.link, epoch.towards) != (link, towards):
            continue
        if epoch.direction.rate_bps is None:
            return []
        if not steps or steps[-1][1] != epoch.direction.rate_bps:
            steps.append((epoch.from_ns, epoch.direction.rate_bps))
    return steps


def varying_rates(run: RunData) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Return the asked rates of each direction whose rate changes, by (link, towards)."""
    ends = [
        (link.name, towards)
        for link in run.plan.network.links
        for towards in (link.b.node, link.a.node)
    ]
    return {end: steps for end in ends if len(steps := asked_rates(run, *end)) > 1}


def delivered(run: RunData, link: str, towards: str, bin_ns: int) -> pl.DataFrame:
    """Return what the shaper let pass per bin: ``t_ns`` (its middle) and ``rate_bps``, from the
    queue's own counter of bytes.
    """
    rows = (
        run.table("queues")
        .filter(
            (pl.col("link") == link) & (pl.col("towards") == towards) & (pl.col("qdisc") == "queue")
        )
        .sort("t_ns")
    )
    last = rows.group_by((pl.col("t_ns") // bin_ns).alias("bin"), maintain_order=True).agg(
        pl.col("t_ns").last(), pl.col("sent_bytes").last()
    )
    spans = last.with_columns(
        span=pl.col("t_ns").diff(),
        rate_bps=pl.col("sent_bytes").diff() * 8e9 / pl.col("t_ns").diff(),
    )
    return spans.filter(pl.col("span") > 0).select(
        (pl.col("t_ns") - pl.col("span") // 2).alias("t_ns"), "rate_bps"
    )
