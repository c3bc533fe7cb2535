"""The few packets of a capture that decide what was sent again: so that a large capture need not be
looked at whole by what is made for runs.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
_WRAP, _HALF = 1 << 32, 1 << 31


def deciding_packets(tcp: pl.DataFrame) -> pl.DataFrame:
    """Return those packets of one capture (TCP, in its order) that are needed to say what was sent
    again: these themselves, what they repeat, the ACK before each of them, and all SYNs.

    Nothing where nothing was sent again.
    """
    rows = tcp.filter(pl.col("connection").is_not_null())
    if rows.is_empty():
        return rows
    forth = (pl.col("src") < pl.col("dst")) | (
        (pl.col("src") == pl.col("dst")) & (pl.col("src_port") < pl.col("dst_port"))
    )
    flags = pl.col("flags").str
    lean = rows.select(
        lane=pl.col("connection") * 2 + forth.cast(pl.Int64),
        t_ns="t_ns",
        seq="seq",
        length=pl.col("payload_bytes")
        + flags.contains("S").cast(pl.Int64)
        + flags.contains("F").cast(pl.Int64),
        syn=flags.contains("S"),
        reset=flags.contains("R"),
        has_ack=flags.contains("A"),
    ).with_row_index("row")
    wanted = np.zeros(rows.height, dtype=bool)
    wanted[lean.filter("syn")["row"].to_numpy()] = True
    sent = lean.filter((pl.col("length") > 0) & ~pl.col("reset") & pl.col("seq").is_not_null())
    candidates = _going_back(sent)
    if candidates.is_empty():
        return rows.clear()
    lanes = candidates["lane"].unique()
    acks = lean.filter("has_ack").select("lane", "row", "t_ns")
    by_lane = sent.filter(pl.col("lane").is_in(lanes.implode())).partition_by(
        "lane", as_dict=True, maintain_order=True
    )
    answered = pl.Series([lane ^ 1 for lane in lanes.to_list()], dtype=pl.Int64)
    others = acks.filter(pl.col("lane").is_in(answered.implode())).partition_by(
        "lane", as_dict=True, maintain_order=True
    )
    for (lane,), part in by_lane.items():
        again = _mark(part, wanted)
        back = others.get((int(str(lane)) ^ 1,))
        if back is not None and again.size:
            at = np.searchsorted(back["row"].to_numpy(), again) - 1
            wanted[back["row"].to_numpy()[at[at >= 0]]] = True
    return rows.filter(pl.Series(wanted))


def _going_back(sent: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose number does not lie behind what their lane sent just before."""
    step = (pl.col("seq") - pl.col("seq").shift().over("lane") + _HALF + _WRAP) % _WRAP - _HALF
    return sent.filter((step < pl.col("length").shift().over("lane")).fill_null(False))


def _mark(part: pl.DataFrame, wanted: NDArray[np.bool_]) -> Int64:
    """Mark what was sent again in one direction, and what it repeats; return the former's rows."""
    rows, seq, length = (part[name].to_numpy() for name in ("row", "seq", "length"))
    syn = part["syn"].to_numpy()
    life = np.cumsum(syn & (np.diff(seq, prepend=-1) != 0))
    found = []
    for number in np.unique(life).tolist():
        own = np.flatnonzero(life == number)
        step = (np.diff(seq[own], prepend=seq[own][0]) + _HALF) % _WRAP - _HALF
        begin = np.cumsum(step)
        end = begin + length[own]
        highest = np.maximum.accumulate(end)
        again = np.zeros(own.size, dtype=bool)
        again[1:] = end[1:] <= highest[:-1]
        if not again.any():
            continue
        # what had been sent before it, in number if not in time
        before = np.maximum.accumulate(np.where(again, 0, np.arange(own.size)))
        wanted[rows[own[before[again]]]] = True
        first = np.flatnonzero(~again)  # their ends rise
        low = np.searchsorted(end[first], begin[again], side="right")
        high = np.searchsorted(np.maximum.accumulate(begin[first]), end[again], side="left")
        cover = np.zeros(first.size + 1, dtype=np.int64)
        np.add.at(cover, low, 1)
        np.add.at(cover, np.maximum(high, low), -1)
        wanted[rows[own[first[np.cumsum(cover)[:-1] > 0]]]] = True
        wanted[rows[own[again]]] = True
        found.append(rows[own[again]])
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
