"""Captures to the table ``packets``, and notes on what the table cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest.columnar import nullable
from tcpexp.ingest.foreign.asked import COLUMNS, ask_tshark, can_ask
from tcpexp.ingest.foreign.captured import Captured, How, read_file
from tcpexp.ingest.foreign.labels import judge
from tcpexp.ingest.foreign.naming import names_of_files
from tcpexp.ingest.foreign.notes import Notes
from tcpexp.ingest.tshark import without_unknown_scale
from tcpexp.store.frames import conform, empty_frame, schema_of
from tcpexp.telling import Say, say_nothing


@dataclass(frozen=True)
class Foreign:
    """Other people's captures as our tables.

    ``packets`` is the table of that name, without what packets alone cannot tell (``node``,
    ``flow``, ``connection`` and ``ace``); ``epoch_ns`` the time of its zero, in nanoseconds since
    1970.
    """

    packets: pl.DataFrame
    epoch_ns: int
    notes: Notes


def read_foreign(
    paths: Sequence[Path],
    say: Say | None = None,
    *,
    labels: bool = True,
    inner: bool = True,
    piece_bytes: int | None = None,
) -> Foreign:
    """Return the packets of captures that anybody made, with all that can be read of them.

    ``t_ns`` counts from the first packet of all. ``capture`` is the file's name without its
    endings, followed by ``/`` and the interface where several show the same packets. Without
    ``labels`` the columns ``labels``, ``in_flight_bytes`` and ``rtt_ns`` stay null, which saves
    most of the time. Of packets in tunnels the ``inner`` ones are taken, or else the tunnel's own.
    ``window_bytes`` is null where no SYN tells the scale. ``piece_bytes`` of a file are looked at
    at once.

    Raises ``DataError`` for a file that cannot be opened or is no capture.
    """
    if not paths:
        raise DataError("no capture is named")
    tell = say or say_nothing
    files: list[Captured] = []
    for path, name in zip(paths, names_of_files(paths), strict=True):
        tell(f"reading {path.name}")
        files.append(read_file(path, name, How(labels, inner, piece_bytes)))
    zero = min((file.first_ns for file in files if file.first_ns is not None), default=0)
    frames, notes = [], []
    # what a file needed is given back before the next one is looked at
    for file in (files.pop(0) for _ in paths):
        if labels and file.packets.height:
            tell(f"labelling {file.path.name}")
        frame, unsure = _finished(file, zero, labels)
        frames.append(frame)
        notes.append(replace(file.notes, unsure_labels=unsure))
    return Foreign(pl.concat(frames), zero, Notes(tuple(notes)))


def _finished(file: Captured, zero: int, labels: bool) -> tuple[pl.DataFrame, int]:
    """Return a file's packets as rows of the table, and how many connections have labels that may
    differ from Wireshark's.
    """
    if not file.captures:
        return empty_frame("packets"), 0
    names = list(dict.fromkeys(file.captures.values()))
    named = {
        "capture": pl.col("interface").replace_strict(file.captures, return_dtype=pl.String),
        "t_ns": pl.col("epoch_ns") - zero,
    }
    packets, strange = file.packets, set[tuple[int, int]]()
    if labels:
        judged, strange = _judged(file, names)
        packets = packets.hstack(judged)
    # packets of one capture are in order as they are
    whole = packets.select(
        named.get(column, pl.col(column) if column in packets.columns else pl.lit(None))
        .cast(kind)
        .alias(column)
        for column, kind in schema_of("packets").items()
    )
    whole = without_unknown_scale(whole)
    unsure = 0
    for at, name in enumerate(names):
        streams = [stream for stream, group in strange if group == at]
        if streams:
            whole, unsure = _asked(whole, name, streams, unsure)
    return whole if len(names) < 2 else conform(whole, "packets"), unsure


def _judged(file: Captured, names: list[str]) -> tuple[pl.DataFrame, set[tuple[int, int]]]:
    """Return Wireshark's labels and what goes with them, a row for each packet of the file."""
    groups = {number: names.index(name) for number, name in file.captures.items()}
    judged = judge(file.segments, groups)
    rows = judged.rows
    if rows.height == file.packets.height:
        return rows.drop("number"), judged.strange
    at = np.full(file.packets.height, -1, dtype=np.int64)
    at[rows["number"].to_numpy() - 1] = np.arange(rows.height)
    return rows.drop("number").select(pl.all().gather(nullable(at))), judged.strange


def _asked(
    packets: pl.DataFrame, capture: str, streams: list[int], unsure: int
) -> tuple[pl.DataFrame, int]:
    """Return the packets with tshark's labels for some connections of a capture, and for how many
    it could not be asked, ``unsure`` before.
    """
    own = pl.col("capture") == capture
    tcp = packets.lazy().with_row_index("row").filter(own & (pl.col("protocol") == "tcp"))
    # tshark knows a connection by its ends: all between the same ones go with it
    lower = pl.min_horizontal(pl.concat_str("src", pl.lit(" "), "src_port"), _TARGET)
    higher = pl.max_horizontal(pl.concat_str("src", pl.lit(" "), "src_port"), _TARGET)
    tcp = tcp.with_columns(lower=lower, higher=higher)
    strange = tcp.filter(pl.col("stream").is_in(streams)).select("lower", "higher").unique()
    rows = tcp.join(strange, on=["lower", "higher"], how="semi", maintain_order="left").collect()
    try:
        found = ask_tshark(rows).with_columns(row=rows["row"]) if can_ask(rows) else None
    except DataError:  # a tshark that reads otherwise: our own labels stay
        found = None
    if found is None:
        return packets, unsure + len(streams)
    joined = packets.with_row_index("row").join(
        found, on="row", how="left", suffix="_asked", maintain_order="left"
    )
    is_asked = pl.col("labels_asked").is_not_null()
    chosen = [
        pl.when(is_asked).then(pl.col(f"{name}_asked")).otherwise(pl.col(name)).alias(name)
        for name in COLUMNS
    ]
    return joined.with_columns(chosen).select(packets.columns), unsure


_TARGET = pl.concat_str("dst", pl.lit(" "), "dst_port")
