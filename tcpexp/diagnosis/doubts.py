"""What a capture cannot tell, and why: one direction only, checksums left to the card, a clock that
was set, packets that it lost, packets that it cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.diagnosis.lanes import lanes_with, many, numbers_of
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.words.measured import time_words

if TYPE_CHECKING:
    from tcpexp.ingest.foreign.notes import CaptureNotes, Notes


#: From this step on a clock is called coarse, ns; so many packets show it.
_COARSE_NS, _FEW = 1_000_000, 10


def find_doubts(segments: pl.DataFrame) -> Iterator[Finding]:
    """Yield what cannot be known about connections."""
    yield from _one_way(segments)
    yield from _damaged(segments)


def find_clocks(seen: pl.DataFrame) -> Iterator[Finding]:
    """Yield what is wrong with a capture's clock, by ``t_ns`` of its packets."""
    yield from _clock(seen)
    yield from _coarse(seen)


def _one_way(segments: pl.DataFrame) -> Iterator[Finding]:
    ends = segments.group_by("connection", maintain_order=True).agg(
        pl.col("from_client").n_unique().alias("ends"),
        pl.col("from_client").first(),
        pl.col("capture").first(),
        first=pl.col("number").first(),
        data=pl.col("payload_bytes").sum(),
        acked=pl.col("ack_to").n_unique(),
        packets=pl.len(),
    )
    for row in ends.filter(pl.col("ends") == 1, pl.col("packets") > 1).iter_rows(named=True):
        by = "client" if row["from_client"] else "server"
        if row["acked"] <= 1 and not row["data"]:
            continue
        yield Finding(
            row["connection"],
            "one_direction",
            f"Only packets of the {by} were captured.",
            (row["first"],),
            row["capture"],
            "certain",
            "the other direction goes another way, or a filter left it out: round-trip times,"
            " losses and their repairs, and windows cannot be told",
            "",
            by,  # type: ignore[arg-type]
        )


def find_unset(seen: pl.DataFrame) -> Iterator[Finding]:
    """Yield whose checksums say nothing, by those of all packets of a capture."""
    bad = pl.col("checksum_bad").fill_null(False)
    small = pl.col("payload_bytes") == 0
    judged = seen.with_columns(
        none_right=~(~bad & small).any().over("capture"),
        mostly=((bad & small).sum() > (~bad & small).sum()).over("capture", "src"),
    )
    by_sender = (
        judged.filter(bad, ~pl.col("damaged"))
        .group_by("capture", "src", maintain_order=True)
        .agg(pl.col("none_right", "mostly").first(), pl.col("number"))
    )
    for row in by_sender.iter_rows(named=True):
        yield Finding(
            None,
            "checksums_unset",
            f"The checksums of {many(len(row['number']), 'packet')} from {row['src']} are wrong.",
            tuple(row["number"]),
            row["capture"],
            "likely",
            "those of all senders that could be tested: addresses were changed after the capture"
            " was made, or it was made inside one machine; nothing was damaged"
            if row["none_right"]
            else "nearly all of this sender's: its card computes them behind the capture (checksum"
            " offload); nothing was damaged"
            if row["mostly"]
            else "larger than its other packets: cards or kernels joined them or will cut them, and"
            " their checksum is that of a part",
            "RFC 9293 section 3.1",
        )


def _damaged(segments: pl.DataFrame) -> Iterator[Finding]:
    for lane, rows in lanes_with(segments, pl.col("damaged")):
        yield lane.say(
            "damaged",
            f"{many(len(rows), 'packet')} of the {lane.by} {'has' if len(rows) == 1 else 'have'}"
            f" a wrong checksum ({packets_text(numbers_of(rows))}): damaged before the capture.",
            numbers_of(rows),
            sure="likely",
            because="few packets of this sender: its receiver drops them",
            source="RFC 9293 section 3.1",
        )


def _clock(seen: pl.DataFrame) -> Iterator[Finding]:
    back = seen.with_columns(step=pl.col("t_ns").diff().over("capture"))
    for capture, rows in back.filter(pl.col("step") < 0).group_by("capture", maintain_order=True):
        most = -int(rows["step"].min() or 0)  # type: ignore[arg-type]
        numbers = tuple(rows["number"].to_list())
        yield Finding(
            None,
            "clock_back",
            f"The capture's clock goes back {many(len(numbers), 'time')}, by up to"
            f" {time_words(most)} ({packets_text(numbers)}).",
            numbers,
            str(capture[0]),
            "certain",
            "the machine's clock was set, or several processors or interfaces stamped the packets:"
            " times across these packets are not to be trusted",
        )


def _coarse(seen: pl.DataFrame) -> Iterator[Finding]:
    """Clocks whose steps are long beside what is measured by them."""
    for (capture,), part in seen.group_by("capture", maintain_order=True):
        times = part["t_ns"].to_numpy()
        step = int(np.gcd.reduce(times - times[0]))
        if times.size < (_FEW if step else 2) or 0 < step < _COARSE_NS:
            continue
        yield Finding(
            None,
            "clock_coarse",
            f"The capture's clock counts in steps of {time_words(step)}."
            if step
            else "All packets bear the same time.",
            (),
            str(capture),
            "certain",
            "what takes less than a step is told as 0 or as a whole step: round-trip times, delays,"
            " and rates of short transfers"
            if step
            else "the capture was made by a program, or lost its times: how long anything took is"
            " not known",
        )


def find_of_captures(notes: Notes) -> Iterator[Finding]:
    """Yield what the notes on captures say that bears on every statement about them."""
    for capture in notes.captures:
        for name in capture.captures[:1]:
            yield from _of_capture(capture, name)


def _of_capture(notes: CaptureNotes, name: str) -> Iterator[Finding]:
    if notes.dropped:
        yield Finding(
            None, "capture_dropped",
            f"{many(notes.dropped, 'packet')} were dropped while capturing, as"
            f" {notes.dropped_by or 'the file'} says.",
            (), name, "certain",
            "what seems lost may have been lost by the capture alone",
        )  # fmt: skip
    if notes.cut_packets:
        headers = (
            f" Of {notes.cut_headers} not even all headers were kept." if notes.cut_headers else ""
        )
        yield Finding(
            None, "capture_cut",
            f"{many(notes.cut_packets, 'packet')} were not captured whole.{headers}",
            (), name, "certain",
            "checksums of cut packets cannot be tested; lengths are those that headers tell",
        )  # fmt: skip
    left = notes.checksums.get("left to the network card", 0)
    if left:
        yield Finding(
            None, "checksums_unset",
            f"The checksums of {many(left, 'packet')} are not complete: the network card does the"
            " rest.",
            (), name, "certain",
            "captured in the machine that sent them, before its card (checksum offload); nothing"
            " was damaged", "RFC 9293 section 3.1",
        )  # fmt: skip
    if notes.damage:
        yield Finding(
            None, "capture_damaged", f"The file could not be read to its end: {notes.damage}.",
            (), name, "certain", "packets behind that place are not in any statement",
        )  # fmt: skip
