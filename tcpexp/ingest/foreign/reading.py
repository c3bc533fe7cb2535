"""Captures to the table ``packets``, and notes on what the table cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest.foreign.captured import Captured, read_file
from tcpexp.ingest.foreign.labels import judge
from tcpexp.ingest.foreign.naming import names_of_files
from tcpexp.ingest.foreign.notes import Notes
from tcpexp.store.frames import conform, empty_frame
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
        files.append(read_file(path, name, inner, piece_bytes))
    starts = [file.first_ns for file in files if file.first_ns is not None]
    zero = min(starts, default=0)
    frames = []
    for file in files:
        if labels and file.packets.height:
            tell(f"labelling {file.path.name}")
        frames.append(_finished(file, zero, labels))
    packets = pl.concat(frames) if frames else empty_frame("packets")
    return Foreign(packets, zero, Notes(tuple(file.notes for file in files)))


def _finished(file: Captured, zero: int, labels: bool) -> pl.DataFrame:
    """Return a file's packets as rows of the table."""
    packets = file.packets.with_columns(
        capture=pl.col("interface").replace_strict(file.captures, return_dtype=pl.String),
        t_ns=pl.col("epoch_ns") - zero,
    )
    if labels:
        order = {name: at for at, name in enumerate(dict.fromkeys(file.captures.values()))}
        groups = {number: order[name] for number, name in file.captures.items()}
        judged = judge(file.segments, groups)
        at = np.full(packets.height, -1, dtype=np.int64)
        at[judged["number"].to_numpy() - 1] = np.arange(judged.height)
        places = pl.Series(at)
        places = places.set(places < 0, None)
        packets = packets.with_columns(
            judged[name].gather(places).alias(name)
            for name in ("labels", "in_flight_bytes", "rtt_ns")
        )
    return conform(packets, "packets")
