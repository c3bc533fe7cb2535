"""The certificate's second half: were actions on time, is the record complete, was the machine fast
enough?
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tcpexp.analysis.conservation import judge_conservation
from tcpexp.analysis.items import Item
from tcpexp.ingest.pcap import count_records
from tcpexp.late import polars as pl
from tcpexp.places.registry import find_kind
from tcpexp.record import files
from tcpexp.store.rundata import NANOSECONDS, RunData

#: How late an action may begin, ns.
LATENESS_NS = {"virtual": 5_000_000, "real": 50_000_000}
#: How late it may be in all on a virtual clock, ns, where the rest is the engine's own work on what
#: was due before.
BEHIND_NS = 50_000_000
#: A sampler may miss this share of its ticks, and leave this many intervals between two samples.
SAMPLES_MISSED = 0.01
GAP_INTERVALS = 3
BUSY_LIMIT = 0.80
BUSY_WINDOW_NS = NANOSECONDS
#: The recorders that take samples in the engine itself.
SAMPLED = {"ss", "qdisc", "counters", "cpu"}
NAME_OF_LATENESS = "lateness of actions"


def certify_recording(run: RunData, clock: str) -> Iterator[Item]:
    """Yield the items on actions, samplers, captures, trace, processor and the conservation of
    packets.
    """
    yield judge_lateness(run, clock)
    yield from judge_samplers(run)
    yield from judge_captures(run)
    yield from judge_snaplen(run)
    yield from judge_trace(run)
    yield judge_cpu(run)
    yield from judge_conservation(run)


def judge_lateness(run: RunData, clock: str) -> Item:
    """Actions must begin when planned. One that was due while the timeline waited for a condition
    is meant to be late.

    On a virtual clock nothing but the engine itself can delay an action: what its work on earlier
    actions of the same instant took (``behind_ns``) is a cost of the plan, known and the same in
    every run, and is allowed up to :data:`BEHIND_NS` in all.
    """
    limit_ns = LATENESS_NS[clock]
    events = run.table("events").filter(
        pl.col("planned_ns").is_not_null() & (pl.col("planned_ns") >= 0)
    )
    # A process ends when it is done, not when planned: its end says nothing about the engine.
    events = events.filter(
        (pl.col("event") == "start") | ((pl.col("event") == "end") & (pl.col("kind") != "spawn"))
    )
    asked = f"at most {limit_ns / 1e6:g} ms late"
    for begin, end in _waits(run):
        events = events.filter(
            ~pl.col("planned_ns").is_between(begin, end) | (pl.col("kind") == "wait_for")
        )
    events = events.filter(~((pl.col("kind") == "wait_for") & (pl.col("event") == "end")))
    if events.is_empty():
        return Item(NAME_OF_LATENESS, asked, "", "not measured", "no action was planned at a time")
    if clock == "virtual":
        own = pl.min_horizontal(pl.col("behind_ns").fill_null(0), pl.col("lateness_ns"))
        beyond = pl.max_horizontal(
            pl.col("lateness_ns") - own, (pl.col("lateness_ns") - (BEHIND_NS - limit_ns)).clip(0)
        )
        events = events.with_columns(own=own, judged=beyond)
    else:
        events = events.with_columns(own=pl.lit(0), judged=pl.col("lateness_ns"))
    worst = events.sort("judged", "lateness_ns", descending=True, nulls_last=True).row(
        0, named=True
    )
    late, own_ns = int(worst["lateness_ns"] or 0), int(worst["own"] or 0)
    latest = int(events["lateness_ns"].max() or 0)  # type: ignore[arg-type]
    note = f"of it {own_ns / 1e6:.3f} ms the engine's work on what was due before" if own_ns else ""
    if int(worst["judged"] or 0) > limit_ns:
        why = (
            f"'{worst['label'] or worst['step']}' planned at {worst['planned_ns'] / 1e9:g} s was"
            f" {late / 1e6:.1f} ms late" + (f", {note}" if note else "")
        )
        return Item(NAME_OF_LATENESS, asked, f"{late / 1e6:.3f} ms", "suspect", why)
    note = (
        "all of it, or nearly, the engine's own work on what was due at the same instant"
        if latest > limit_ns
        else ""
    )
    return Item(NAME_OF_LATENESS, asked, f"{latest / 1e6:.3f} ms", "ok", note)


def _waits(run: RunData) -> list[tuple[int, int]]:
    rows = run.table("events").filter(pl.col("kind") == "wait_for")
    spans = rows.group_by("step").agg(begin=pl.col("t_ns").min(), end=pl.col("t_ns").max())
    return [(int(begin), int(end)) for begin, end in spans.select("begin", "end").iter_rows()]


def judge_samplers(run: RunData) -> Iterator[Item]:
    """Samplers must take their samples without gaps.

    Each that the plan has must have left its numbers.
    """
    intervals = {
        recorder.kind: recorder.interval_ns
        for recorder in run.plan.recorders
        if recorder.interval_ns
    }
    samplers = run.engine.get("samplers") or {}
    for kind in sorted(SAMPLED & set(intervals) - set(samplers)) if samplers else ():
        yield Item(
            f"samples of {kind}", "taken", "", "suspect", "the engine left no numbers about them"
        )
    for kind, numbers in sorted(samplers.items()):
        planned, taken = int(numbers.get("planned") or 0), int(numbers.get("taken") or 0)
        gap = int(numbers.get("largest_gap_ns") or 0)
        interval = intervals.get(kind) or 0
        why = ""
        if taken < planned * (1 - SAMPLES_MISSED) - 1:
            why = f"{planned - taken} of {planned} samples are missing"
        elif interval and gap > GAP_INTERVALS * interval:
            why = (
                f"{gap / 1e6:.0f} ms between two samples that should be {interval / 1e6:g} ms apart"
            )
        measured = f"{taken} samples, largest gap {gap / 1e6:.1f} ms"
        yield Item(
            f"samples of {kind}", f"{planned} samples", measured, "suspect" if why else "ok", why
        )


def judge_captures(run: RunData) -> Iterator[Item]:
    """Captures must exist and must not have dropped packets."""
    known = run.engine.get("captures") or {}
    names = set(known)
    for recorder in run.plan.recorders:
        if recorder.kind == "capture" and recorder.interface:
            node = recorder.node or recorder.interface
            names.add(
                recorder.interface
                if recorder.interface.startswith(f"{node}-")
                else f"{node}-{recorder.interface}"
            )
    for name in sorted(names):
        title, asked = f"capture {name}", "nothing dropped"
        dropped = (known.get(name) or {}).get("dropped")
        cut = (known.get(name) or {}).get("error")
        if not (run.path / "raw" / f"{name}.pcap").is_file():
            yield Item(title, asked, "", "suspect", f"raw/{name}.pcap is missing")
        elif cut:
            yield Item(title, asked, "cut off", "suspect", f"raw/{name}.pcap is cut off: {cut}")
        elif dropped is None:
            yield Item(
                title, asked, "", "suspect", "tcpdump did not say how many packets it dropped"
            )
        elif (kept := _frames_kept(run, name)) is not None and kept < int(
            known[name].get("captured") or 0
        ):
            yield Item(
                title,
                asked,
                f"{kept} of {known[name]['captured']} packets",
                "suspect",
                f"raw/{name}.pcap is cut off: it holds {kept} packets",
            )
        else:
            why = f"tcpdump lost {dropped} packets that passed" if dropped else ""
            yield Item(title, asked, f"{dropped} dropped", "suspect" if dropped else "ok", why)


def _frames_kept(run: RunData, name: str) -> int | None:
    """Return how many packets a capture's file holds.

    It is counted only where the tables do not tell already that all are there.
    """
    captured = ((run.engine.get("captures") or {}).get(name) or {}).get("captured") or 0
    last = run.table("packets").filter(pl.col("capture") == name)["number"].max()
    return (
        captured
        if isinstance(last, int) and last >= captured
        else count_records(run.path / "raw" / f"{name}.pcap")
    )


def judge_trace(run: RunData) -> Iterator[Item]:
    """The kernel's trace must not have overrun.

    A tracepoint that the kernel lacks was not recorded at all.
    """
    trace = run.engine.get("trace") or _trace_file(run)
    if not any(recorder.kind == "trace" for recorder in run.plan.recorders):
        return
    if not isinstance(trace, dict) or not trace:
        yield Item(
            "trace", "recorded", "", "suspect", "the engine left no record of the kernel's trace"
        )
        return
    missing = trace.get("missing") or []
    if missing:
        yield Item(
            "tracepoints",
            "recorded",
            f"{len(missing)} missing",
            "not measured",
            f"this kernel lacks {', '.join(missing)}",
        )
    if trace.get("events"):
        lost = int(trace.get("overrun") or 0)
        yield Item(
            "trace",
            "nothing lost",
            f"{lost} events lost",
            "suspect" if lost else "ok",
            "the kernel's buffer overran" if lost else "",
        )


def _trace_file(run: RunData) -> dict[str, Any]:
    path = run.path / files.RAW / files.TRACE / files.TRACE_SUMMARY
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def computes_in_no_time(run: RunData) -> bool:
    """Whether the run's clock stands while programs compute: the place is a kernel in user space
    whose time only system calls and waiting move.
    """
    kind = find_kind(str((run.manifest or {}).get("where", "")).partition(":")[0])
    return kind is not None and not kind.computing_takes_time


def judge_snaplen(run: RunData) -> Iterator[Item]:
    """Say what is not known because captures hold only the first bytes of each packet."""
    cut = (
        run.table("packets").filter(pl.col("options_cut")).group_by("capture").len().sort("capture")
    )
    if cut.height:
        where = ", ".join(f"{count} packets of {capture}" for capture, count in cut.iter_rows())
        unknown = (
            "what SACK blocks, time stamps and other TCP options said, so how losses were noticed"
            " (unless by a timeout, a mark or a probe), DSACKs, "
        )
        unknown += "RTT samples that end at a SACK, and the window's scale where a SYN was cut"
        yield Item(
            "TCP options",
            "captured whole",
            "",
            "not measured",
            f"snaplen cut them off ({where}); not known: {unknown}",
        )


def judge_cpu(run: RunData) -> Item:
    """The place's processor must not be busy above 80 % in any one-second window: then packets wait
    for it, not for the link.

    Not so where computing takes no time (``uml``): there a timer is served within a system call,
    some 300 ns, however much the programs do (measured beside a program that computes without
    pause: frames at 10 Mbit/s left 1,211,015 to 1,211,616 ns apart, 1,211,200 asked).

    Only while there are packets: what a program does before the first or after the last captured
    one delays none. A sample counts when more than half of it lies between the two; in a run
    shorter than a sample, when any of it does.
    """
    asked = f"at most {BUSY_LIMIT:.0%} busy in any second"
    length = (
        pl.col("t_ns").diff().fill_null(pl.col("t_ns").diff().median()).fill_null(BUSY_WINDOW_NS)
    )
    samples = run.table("cpu").drop_nulls().with_columns(length=length)
    if samples.is_empty():
        interval = next(
            (recorder.interval_ns for recorder in run.plan.recorders if recorder.kind == "cpu"),
            None,
        )
        if interval is None:
            return Item(
                "processor", asked, "", "not measured", "its load is not recorded (record: cpu)"
            )
        short = run.end_ns < 2 * interval
        return Item(
            "processor",
            asked,
            "",
            "not measured" if short else "suspect",
            "the run is shorter than two samples" if short else "it was not sampled",
        )
    packets = run.table("packets")["t_ns"]
    if packets.len():
        touching = samples.filter(
            (pl.col("t_ns") >= packets.min()) & (pl.col("t_ns") - pl.col("length") <= packets.max())
        )
        mostly_within = touching.filter(
            (pl.col("t_ns") - pl.col("length") / 2).is_between(packets.min(), packets.max())
        )
        samples = mostly_within if mostly_within.height else touching
    if samples.is_empty():
        return Item(
            "processor",
            asked,
            "",
            "not measured",
            "its load was not sampled while there were packets",
        )
    weighted = samples.with_columns(
        work=pl.col("busy") * pl.col("length"), second=pl.from_epoch("t_ns", time_unit="ns")
    )
    window = weighted.rolling(index_column="second", period="1s").agg(
        pl.col("work", "length").sum(), pl.col("t_ns").last()
    )
    whole = (
        window.filter(pl.col("length") >= 0.9 * BUSY_WINDOW_NS)
        if window["length"].max() is not None
        else window
    )
    windows = (whole if whole.height else window).with_columns(
        busy=pl.col("work") / pl.col("length")
    )
    worst = windows.sort("busy", descending=True).row(0, named=True)
    over = windows.filter(pl.col("busy") > BUSY_LIMIT)
    why = ""
    if over.height and computes_in_no_time(run):
        note = (
            "programs waited for one another; packets did not, because computing takes no time on"
            " this clock"
        )
        return Item(
            "processor",
            asked,
            f"{worst['busy']:.0%} at most, at {worst['t_ns'] / 1e9:.1f} s",
            "ok",
            note,
        )
    if over.height:
        first, last = int(over["t_ns"][0]), int(over["t_ns"][-1])
        why = (
            f"busy up to {worst['busy']:.0%} between {(first - BUSY_WINDOW_NS) / 1e9:.1f} s and"
            f" {last / 1e9:.1f} s: packets waited for the processor"
        )
    return Item(
        "processor",
        asked,
        f"{worst['busy']:.0%} at most, at {worst['t_ns'] / 1e9:.1f} s",
        "suspect" if why else "ok",
        why,
    )
