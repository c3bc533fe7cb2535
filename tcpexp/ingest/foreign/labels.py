"""Wireshark's labels, bytes in flight and round-trip times of a foreign capture's segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tcpexp.ingest.columnar import nullable
from tcpexp.ingest.foreign.table import Segments
from tcpexp.ingest.pcap import Int64
from tcpexp.ingest.tcpanalysis import Analysis
from tcpexp.ingest.tshark import LABELS
from tcpexp.ingest.unacked import NO_RTT
from tcpexp.store.frames import schema_of


@dataclass(frozen=True)
class Judged:
    """``rows`` has ``number``, ``labels``, ``in_flight_bytes`` and ``rtt_ns`` of each segment.

    ``strange`` are the connections (stream and group) about which tshark would have to be asked.
    """

    rows: pl.DataFrame
    strange: set[tuple[int, int]]


def judge(pieces: Sequence[Segments], groups: dict[int, int]) -> Judged:
    """Return Wireshark's labels and what goes with them for each segment.

    ``groups`` tells which interfaces are looked at together: what one of them shows is not what
    another shows again.
    """
    analysis = Analysis()
    known: dict[tuple[int, int], int] = {}
    numbers, judged = [], []
    for piece in pieces:
        if not piece.columns:
            continue
        stream, *rest = piece.columns
        group = np.array([groups[one] for one in piece.interface.tolist()], dtype=np.int64)
        both, which = np.unique(np.stack([stream, group]), axis=1, return_inverse=True)
        dense = [known.setdefault((int(one), int(two)), len(known)) for one, two in both.T]
        own = np.array(dense, dtype=np.int64)[which.ravel()]
        columns = (own, *rest)
        numbers.append(piece.number)
        judged.append(
            np.array(
                analysis.judge(zip(*(column.tolist() for column in columns), strict=True)),
                dtype=np.int64,
            )
        )
    if not judged:
        kinds = schema_of("packets")
        wanted = ("number", "labels", "in_flight_bytes", "rtt_ns")
        return Judged(pl.DataFrame(schema={name: kinds[name] for name in wanted}), set())
    rows = np.concatenate(judged)
    frame = pl.DataFrame(
        {
            "number": np.concatenate(numbers),
            "labels": _label_lists(rows[:, 0]),
            "in_flight_bytes": nullable(rows[:, 1]),
            "rtt_ns": nullable(rows[:, 2], NO_RTT),
        }
    )
    return Judged(frame, {both for both, number in known.items() if number in analysis.strange})


def _label_lists(bits: Int64) -> pl.Series:
    different, which = np.unique(bits, return_inverse=True)
    lists = [
        [word for at, word in enumerate(LABELS) if mask >> at & 1] for mask in different.tolist()
    ]
    return pl.Series(lists, dtype=pl.List(pl.String)).gather(which)
