"""The certificate's second half: were actions on time, is the record complete, was the machine fast enough?"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from tcpexp.analysis.faults import count_faults
from tcpexp.analysis.links import UNRECOGNISABLE_BYTES, count_drops, find_epochs, journeys_of
from tcpexp.plan.paths import Paths
from tcpexp.plan.types import LinkState
from tcpexp.store.rundata import NANOSECONDS, RunData

#: How late an action may begin, ns.
LATENESS_NS = {"virtual": 5_000_000, "real": 50_000_000}
#: A sampler may miss this share of its ticks, and leave this many intervals between two samples.
SAMPLES_MISSED = 0.01
GAP_INTERVALS = 3
BUSY_LIMIT = 0.80
BUSY_WINDOW_NS = NANOSECONDS
#: Packets still on their way, or seen twice, at the end of recording.
CONSERVATION_SLACK = 3
CONSERVED = "sent = received + dropped"
_SETTLE_NS = 500_000_000


@dataclass(frozen=True)
class Item:
    """One line of the certificate."""

    name: str
    asked: str
    measured: str
    verdict: Literal["ok", "suspect", "not measured"]
    why: str = ""


def certify_recording(run: RunData, clock: str) -> Iterator[Item]:
    """Yield the items on actions, samplers, captures, trace, processor and the conservation of packets."""
    yield judge_lateness(run, LATENESS_NS[clock])
    yield from judge_samplers(run)
    yield from judge_captures(run)
    yield from judge_trace(run)
    yield judge_cpu(run)
    yield from judge_conservation(run)


def judge_lateness(run: RunData, limit_ns: int) -> Item:
    """Actions must begin when planned. One that was due while the timeline waited for a condition is meant to be late."""
    events = run.table("events").filter(pl.col("planned_ns").is_not_null() & (pl.col("planned_ns") >= 0))
    # A process ends when it is done, not when planned: its end says nothing about the engine.
    events = events.filter((pl.col("event") == "start") | ((pl.col("event") == "end") & (pl.col("kind") != "spawn")))
    asked = f"at most {limit_ns / 1e6:g} ms late"
    for begin, end in _waits(run):
        events = events.filter(~pl.col("planned_ns").is_between(begin, end) | (pl.col("kind") == "wait_for"))
    events = events.filter(~((pl.col("kind") == "wait_for") & (pl.col("event") == "end")))
    if events.is_empty():
        return Item("lateness of actions", asked, "", "not measured", "no action was planned at a time")
    worst = events.sort("lateness_ns", descending=True, nulls_last=True).row(0, named=True)
    late = int(worst["lateness_ns"] or 0)
    why = f"'{worst['label'] or worst['step']}' planned at {worst['planned_ns'] / 1e9:g} s was {late / 1e6:.1f} ms late" if late > limit_ns else ""
    return Item("lateness of actions", asked, f"{late / 1e6:.3f} ms", "suspect" if why else "ok", why)


def _waits(run: RunData) -> list[tuple[int, int]]:
    rows = run.table("events").filter(pl.col("kind") == "wait_for")
    spans = rows.group_by("step").agg(begin=pl.col("t_ns").min(), end=pl.col("t_ns").max())
    return [(int(begin), int(end)) for begin, end in spans.select("begin", "end").iter_rows()]


def judge_samplers(run: RunData) -> Iterator[Item]:
    """Samplers must take their samples without gaps."""
    intervals = {recorder.kind: recorder.interval_ns for recorder in run.plan.recorders if recorder.interval_ns}
    for kind, numbers in sorted((run.engine.get("samplers") or {}).items()):
        planned, taken = int(numbers.get("planned") or 0), int(numbers.get("taken") or 0)
        gap = int(numbers.get("largest_gap_ns") or 0)
        interval = intervals.get(kind) or 0
        why = ""
        if taken < planned * (1 - SAMPLES_MISSED) - 1:
            why = f"{planned - taken} of {planned} samples are missing"
        elif interval and gap > GAP_INTERVALS * interval:
            why = f"{gap / 1e6:.0f} ms between two samples that should be {interval / 1e6:g} ms apart"
        measured = f"{taken} samples, largest gap {gap / 1e6:.1f} ms"
        yield Item(f"samples of {kind}", f"{planned} samples", measured, "suspect" if why else "ok", why)


def judge_captures(run: RunData) -> Iterator[Item]:
    """Captures must exist and must not have dropped packets."""
    known: dict[str, Any] = run.engine.get("captures") or {}
    names = set(known)
    for recorder in run.plan.recorders:
        if recorder.kind == "capture" and recorder.interface:
            node = recorder.node or recorder.interface
            names.add(recorder.interface if recorder.interface.startswith(f"{node}-") else f"{node}-{recorder.interface}")
    for name in sorted(names):
        title, asked = f"capture {name}", "nothing dropped"
        dropped = (known.get(name) or {}).get("dropped")
        if not (run.path / "raw" / f"{name}.pcap").is_file():
            yield Item(title, asked, "", "suspect", f"raw/{name}.pcap is missing")
        elif dropped is None:
            yield Item(title, asked, "", "not measured", "tcpdump did not say how many packets it dropped")
        else:
            why = f"tcpdump lost {dropped} packets that passed" if dropped else ""
            yield Item(title, asked, f"{dropped} dropped", "suspect" if dropped else "ok", why)


def judge_trace(run: RunData) -> Iterator[Item]:
    """The kernel's trace must not have overrun; a tracepoint that the kernel lacks was not recorded at all."""
    trace = run.engine.get("trace") or _trace_file(run)
    if not any(recorder.kind == "trace" for recorder in run.plan.recorders) or not isinstance(trace, dict):
        return
    missing = trace.get("missing") or []
    if missing:
        yield Item("tracepoints", "recorded", f"{len(missing)} missing", "not measured", f"this kernel lacks {', '.join(missing)}")
    if trace.get("events"):
        lost = int(trace.get("overrun") or 0)
        yield Item("trace", "nothing lost", f"{lost} events lost", "suspect" if lost else "ok", "the kernel's buffer overran" if lost else "")


def _trace_file(run: RunData) -> dict[str, Any]:
    path = run.path / "raw" / "trace" / "trace.json"
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def judge_cpu(run: RunData) -> Item:
    """The place's processor must not be busy above 80 % in any one-second window: then packets wait for it, not for the link.

    Only while there are packets: what a program does before the first or after the last captured one delays none. A sample counts when
    more than half of it lies between the two; in a run shorter than a sample, when any of it does.
    """
    asked = f"at most {BUSY_LIMIT:.0%} busy in any second"
    length = pl.col("t_ns").diff().fill_null(pl.col("t_ns").diff().median()).fill_null(BUSY_WINDOW_NS)
    samples = run.table("cpu").drop_nulls().with_columns(length=length)
    if samples.is_empty():
        return Item("processor", asked, "", "not measured", "its load was not sampled")
    packets = run.table("packets")["t_ns"]
    if packets.len():
        touching = samples.filter((pl.col("t_ns") >= packets.min()) & (pl.col("t_ns") - pl.col("length") <= packets.max()))
        mostly_within = touching.filter((pl.col("t_ns") - pl.col("length") / 2).is_between(packets.min(), packets.max()))
        samples = mostly_within if mostly_within.height else touching
    if samples.is_empty():
        return Item("processor", asked, "", "not measured", "its load was not sampled while there were packets")
    weighted = samples.with_columns(work=pl.col("busy") * pl.col("length"), second=pl.from_epoch("t_ns", time_unit="ns"))
    window = weighted.rolling(index_column="second", period="1s").agg(pl.col("work", "length").sum(), pl.col("t_ns").last())
    whole = window.filter(pl.col("length") >= 0.9 * BUSY_WINDOW_NS) if window["length"].max() is not None else window
    windows = (whole if whole.height else window).with_columns(busy=pl.col("work") / pl.col("length"))
    worst = windows.sort("busy", descending=True).row(0, named=True)
    over = windows.filter(pl.col("busy") > BUSY_LIMIT)
    why = ""
    if over.height:
        first, last = int(over["t_ns"][0]), int(over["t_ns"][-1])
        why = f"busy up to {worst['busy']:.0%} between {(first - BUSY_WINDOW_NS) / 1e9:.1f} s and {last / 1e9:.1f} s: packets waited for the processor"
    return Item("processor", asked, f"{worst['busy']:.0%} at most, at {worst['t_ns'] / 1e9:.1f} s", "suspect" if why else "ok", why)


def judge_conservation(run: RunData) -> Iterator[Item]:
    """What one host sent must have arrived at the other or have been dropped by a qdisc that says so."""
    if any(isinstance(step.do, LinkState) for step in run.plan.steps):
        return  # a link that is down swallows packets without counting them
    journeys = run.table("journeys").filter(pl.col("sent_ns") <= run.end_ns - _SETTLE_NS)
    paths = Paths(run.plan.network)
    per_direction: dict[tuple[str, str], list[int]] = {}
    for source, target, sent, missing in (
        journeys.group_by("from_node", "to_node").agg(pl.len(), missing=(pl.col("copies") == 0).sum()).sort("from_node", "to_node").iter_rows()
    ):
        hops = paths.between(source, target) or ()
        if len(hops) != 1:
            continue  # where several paths share a link, its drops cannot be told apart
        totals = per_direction.setdefault(hops[0].key, [0, 0])
        totals[0] += sent
        totals[1] += missing
    for (link, towards), (sent, missing) in per_direction.items():
        if _segments_change(run, link):
            why = "a host cuts or joins segments (offloads: true), so packets at both ends are not the same"
            yield Item(f"packets of {link} towards {towards}", CONSERVED, f"{sent} sent", "not measured", why)
        else:
            yield _judge_direction(run, link, towards, sent, missing)


def _segments_change(run: RunData, name: str) -> bool:
    """Whether an interface at either end of a link has segmentation offloads."""
    link = run.plan.network.link(name)
    ends = {(end.node, end.interface) for end in (link.a, link.b)}
    return any(each.offloads for node in run.plan.network.nodes for each in node.interfaces if (node.name, each.name) in ends)


def _judge_direction(run: RunData, link: str, towards: str, sent: int, missing: int) -> Item:
    dropped = sum(count_drops(run, link, towards, qdisc, 0, run.end_ns) for qdisc in ("queue", "netem"))
    chosen = count_faults(run, link, towards, "drop", 0, run.end_ns - _SETTLE_NS)
    unexplained = missing - dropped - chosen
    name = f"packets of {link} towards {towards}"
    measured = f"{sent} sent, {missing} missing, {dropped} dropped by qdiscs" + (f", {chosen} by faults on chosen segments" if chosen else "")
    slack = CONSERVATION_SLACK + _in_flight(run) + _unrecognisable(run, link, towards)
    if abs(unexplained) <= slack:
        return Item(name, CONSERVED, measured, "ok")
    word = "vanished without being counted" if unexplained > 0 else "were dropped but not missed"
    return Item(name, CONSERVED, measured, "suspect", f"{abs(unexplained)} packets {word}")


def _in_flight(run: RunData) -> int:
    """Return how many drops may belong to packets of the last half second, which are not judged."""
    late = run.table("journeys").filter((pl.col("sent_ns") > run.end_ns - _SETTLE_NS) & (pl.col("copies") == 0))
    return late.height


def _unrecognisable(run: RunData, link: str, towards: str) -> int:
    """Return how many packets may be missing because a bit that was flipped on purpose made them somebody else's."""
    expected = 0.0
    for epoch in find_epochs(run):
        if (epoch.link, epoch.towards) == (link, towards) and epoch.direction.corrupt:
            frames = journeys_of(run, epoch)["frame_bytes"]
            expected += epoch.direction.corrupt * float((UNRECOGNISABLE_BYTES[run.plan.network.ip] / frames).sum())
    return math.ceil(expected + 3 * math.sqrt(expected))
