"""Findings about packets that only ask whether the other end is there, or has room again."""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.diagnosis.lanes import lanes_with, many, numbers_of
from tcpexp.late import polars as pl


def find_probes(segments: pl.DataFrame) -> Iterator[Finding]:
    """Yield the keep-alives of each end (RFC 9293 section 3.8.4) and what it sent into a window of
    0 (section 3.8.6.1).
    """
    for lane, rows in lanes_with(segments, pl.col("verdict") == "keep_alive"):
        yield lane.say(
            "probe",
            f"The {lane.by} sent {many(len(rows), 'keep-alive')}"
            f" ({packets_text(numbers_of(rows))}).",
            numbers_of(rows),
            sure="likely",
            because="its number is one below the next, and nothing is under way",
            source="RFC 9293 section 3.8.4",
        )
    for lane, rows in lanes_with(segments, pl.col("verdict") == "probe"):
        yield lane.say(
            "probe",
            f"The {lane.by} sent {many(len(rows), 'packet')} although the {lane.other}'s window"
            f" was 0 ({packets_text(numbers_of(rows))}).",
            numbers_of(rows),
            because="zero-window probes, which Linux sends with a number that was acknowledged; or"
            " what was under way when the window closed",
            source="RFC 9293 section 3.8.6.1",
        )
