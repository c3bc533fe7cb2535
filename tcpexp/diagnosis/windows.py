"""Findings about receive windows: closed, full, silly, or of unknown scale (RFC 9293 3.8.6)."""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.diagnosis.lanes import lane_of, lanes_with, many, numbers_of, with_facts
from tcpexp.diagnosis.scale import with_scale
from tcpexp.diagnosis.segments import LANE
from tcpexp.late import polars as pl
from tcpexp.words.measured import size_words, time_words

_MANAGING = "RFC 9293 section 3.8.6"


def find_windows(segments: pl.DataFrame) -> Iterator[Finding]:
    """Yield what is to be said of the windows that each end offered."""
    rows = with_scale(segments)
    yield from _unknown_scale(rows)
    yield from _zero(rows)
    yield from _full(rows)
    yield from _silly(rows)


def _unknown_scale(rows: pl.DataFrame) -> Iterator[Finding]:
    told = rows.select("connection", "capture", "number", "scale", "syn", "has_ack", "rst")
    offered = told.filter(pl.col("scale") == "unknown", ~pl.col("syn"), "has_ack", ~pl.col("rst"))
    for row in offered.unique("connection", keep="first", maintain_order=True).to_dicts():
        yield Finding(
            row["connection"],
            "scale_unknown",
            "By which factor the windows are scaled is not known: the capture lacks a SYN, or"
            " its options.",
            (row["number"],),
            row["capture"],
            "certain",
            "windows in this capture may be up to 16384 times as large as they look; whether one"
            " was full cannot be said, one of 0 is 0 all the same",
            "RFC 7323 section 2.2",
        )


def _zero(rows: pl.DataFrame) -> Iterator[Finding]:
    """Spans in which an end offered no window."""
    told = rows.select(
        *LANE, "capture", "number", "t_ns", "has_ack", "rst", "syn", closed=pl.col("offered") == 0
    ).filter("has_ack", ~pl.col("rst"), ~pl.col("syn"))
    told = told.with_columns(
        span=(pl.col("closed") & ~pl.col("closed").shift().over(LANE).fill_null(False))
        .cum_sum()
        .over(LANE)
    )
    some = told.filter("closed").select(LANE).unique()
    told = told.join(some, on=list(LANE), how="semi", maintain_order="left")
    probes = rows.filter(pl.col("verdict") == "probe")
    for _, part in told.group_by(LANE, maintain_order=True):
        lane = lane_of(part.row(0, named=True))
        closed = part.filter("closed")
        spans = []
        still = False
        for _, one in part.filter(pl.col("span") > 0).group_by("span", maintain_order=True):
            opened = one.filter(~pl.col("closed"))
            still = opened.is_empty()
            end = one["t_ns"][-1] if still else opened["t_ns"][0]
            spans.append(end - one["t_ns"][0])
        asked = probes.filter(
            pl.col("connection") == lane.connection,
            pl.col("from_client") != (lane.by == "client"),
        )
        numbers = closed["number"].to_list()
        more = f" The other end probed {many(asked.height, 'time')}." if asked.height else ""
        last = " The capture ends before it opens again." if still else ""
        yield lane.say(
            "zero_window",
            f"The {lane.by} closed its window {many(len(spans), 'time')}, for"
            f" {time_words(sum(spans))} in all ({packets_text(numbers)}).{more}{last}",
            numbers + asked["number"].to_list(),
            because=f"the program at the {lane.by} does not read as fast as data arrive",
            source=f"{_MANAGING}.1",
        )


def _full(rows: pl.DataFrame) -> Iterator[Finding]:
    """Segments that use the offered window to its end."""
    edge = pl.col("acked") + pl.col("peer_window")
    full = (
        (pl.col("payload_bytes") > 0)
        & (pl.col("end") == edge)
        & (pl.col("scale") != "unknown")
        & (pl.col("peer_window") > 0)
        & pl.col("verdict").is_null()
    )
    for lane, few in lanes_with(rows, full.fill_null(False)):
        yield lane.say(
            "window_full",
            f"{many(len(few), 'segment')} of the {lane.by} filled the window that the {lane.other}"
            f" offered ({packets_text(numbers_of(few))}).",
            numbers_of(few),
            because="no more may be sent until the window moves: the receiver limits the rate here",
            source=f"{_MANAGING}.1",
        )
    beyond = (
        (pl.col("payload_bytes") > 1)
        & (pl.col("end") > edge)
        & (pl.col("scale") != "unknown")
        & (pl.col("peer_window") > 0)
        & pl.col("verdict").is_null()
    )
    for lane, few in lanes_with(rows, beyond.fill_null(False)):
        most = max(row["end"] - row["acked"] - row["peer_window"] for row in few)
        yield lane.say(
            "beyond_window",
            f"{many(len(few), 'segment')} of the {lane.by} end up to {many(most, 'byte')} beyond"
            f" the window that the {lane.other} had offered at the capture.",
            numbers_of(few),
            sure="unsure",
            because="the sender had an ACK that the capture did not see before, or the window was"
            " taken back",
            source=f"{_MANAGING}",
        )


def _silly(rows: pl.DataFrame) -> Iterator[Finding]:
    """Windows below a segment, and segments sent into them (RFC 9293 section 3.8.6.2)."""
    sizes = (
        rows.select(*LANE, "payload_bytes")
        .filter(pl.col("payload_bytes") > 0)
        .group_by("connection", from_client=~pl.col("from_client"))
        .agg(full=pl.col("payload_bytes").max(), segments=pl.len())
    )
    told = with_facts(rows, sizes)
    small = (
        (pl.col("offered") > 0)
        & (pl.col("offered") < pl.min_horizontal("full", 536))
        & (pl.col("scale") != "unknown")
        & ~pl.col("syn")
        & ~pl.col("rst")
        & (pl.col("segments") >= _SILLY)
    )
    for lane, few in lanes_with(told, small.fill_null(False)):
        if len(few) >= _SILLY:
            least = min(row["offered"] for row in few)
            yield lane.say(
                "silly_window",
                f"The {lane.by} offered windows smaller than a segment"
                f" {many(len(few), 'time')}, down to {size_words(least)}.",
                numbers_of(few),
                because="a receiver should wait until it has room for a segment, or half its"
                " buffer",
                source=f"{_MANAGING}.2.2",
            )


#: Fewer small windows are the end of a transfer, not the syndrome.
_SILLY = 3
