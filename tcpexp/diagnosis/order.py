"""Findings about packets that overtook each other, that the capture has twice, or that it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.diagnosis.lanes import Row, lanes_with, many, numbers_of
from tcpexp.diagnosis.segments import LANE
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.words.measured import time_words

_TOLD = {
    "stamps": ("certain", "their time stamps are older than those seen before"),
    "ids": ("likely", "their IP ids are lower than those seen before"),
    "time": ("unsure", "they came soon; a fast retransmission over a short path looks the same"),
}


def with_extent(segments: pl.DataFrame) -> pl.DataFrame:
    """Return the overtaken packets with ``extent``: how many packets with data the capture shows
    between where each belongs and where it came (RFC 4737 section 4.2.1).
    """
    sent = (pl.col("takes") > 0) & ~pl.col("rst") & ~pl.col("copy")
    few = segments.filter(sent & (pl.col("verdict") == "overtaken"))
    data = segments.select(*LANE, "number", "begin", "takes", "rst", "copy").filter(sent)
    found = np.zeros(few.height, dtype=np.int64)
    numbered = few.select(*LANE, "number", "end").with_row_index("row")
    lanes = data.join(few.select(LANE).unique(), on=list(LANE), how="semi", maintain_order="left")
    parts = {key: part for key, part in lanes.group_by(LANE, maintain_order=True)}
    for key, late in numbered.group_by(LANE, maintain_order=True):
        number, begin = (parts[key][name].to_numpy() for name in ("number", "begin"))
        highest = np.maximum.accumulate(begin)
        for row, own, end in late.select("row", "number", "end").iter_rows():
            # before the first that lies above it nothing does
            first, last = np.searchsorted(highest, end), np.searchsorted(number, own)
            found[row] = np.count_nonzero(begin[first:last] >= end)
    return few.with_columns(extent=pl.Series(found))


def find_order(segments: pl.DataFrame) -> Iterator[Finding]:
    """Yield what is out of order, double or missing in each direction."""
    yield from _overtaken(segments)
    yield from _copies(segments)
    yield from _unseen(segments)
    yield from _acked_unseen(segments)


def _overtaken(segments: pl.DataFrame) -> Iterator[Finding]:
    extents = with_extent(segments)
    for lane, rows in lanes_with(extents, pl.lit(True)):
        for why, (sure, because) in _TOLD.items():
            few = [row for row in rows if row["why"] == why]
            if few:
                late = [row["above_ns"] for row in few if row["above_ns"] is not None]
                yield lane.say(
                    "reordered",
                    f"{many(len(few), 'packet')} of the {lane.by}"
                    f" {'was' if len(few) == 1 else 'were'} overtaken, by up to"
                    f" {max(row['extent'] for row in few)} others"
                    + (f" and {time_words(max(late))}." if late else "."),
                    numbers_of(few),
                    sure=sure,  # type: ignore[arg-type]
                    because=because,
                    source="RFC 4737 section 4.2.1",
                )


def _copies(segments: pl.DataFrame) -> Iterator[Finding]:
    for lane, rows in lanes_with(segments, pl.col("copy")):
        whole = segments.filter(
            pl.col("connection") == lane.connection,
            pl.col("from_client") == (lane.by == "client"),
        )
        left = whole.height - len(rows)
        every = " Nearly every packet is there more than once." if len(rows) > 0.9 * left else ""
        ids = sum(bool(row["ip_id"]) for row in rows) > len(rows) / 2
        yield lane.say(
            "copies",
            f"{many(len(rows), 'packet')} of the {lane.by} {'is' if len(rows) == 1 else 'are'}"
            f" in the capture a second time ({packets_text(numbers_of(rows))}).{every}",
            numbers_of(rows),
            sure="certain" if ids else "likely",
            because="the same IP id, numbers and checksum: the sender did not send them again; a"
            " mirror port, a capture on several interfaces, or the network doubled them"
            if ids
            else "the same numbers and checksum within half a millisecond",
            source="RFC 6864 section 4.1",
        )


def _unseen(segments: pl.DataFrame) -> Iterator[Finding]:
    """Gaps that nothing filled, of which the receiver got everything."""
    gaps = pl.col("begin") > pl.col("top")
    gap = (gaps & ~pl.col("rst") & ~pl.col("damaged")).fill_null(False)
    whole = (
        segments.select(*LANE, "fills", "begin", "end", "ack_to")
        .join(segments.filter(gap).select("connection").unique(), on="connection",
              how="semi", maintain_order="left")
        .partition_by("connection", as_dict=True)
    )  # fmt: skip
    for lane, rows in lanes_with(segments, gap):
        left = _unfilled(whole[(lane.connection,)], rows)
        if left:
            missing = sum(row["missing"] for row in left)
            yield lane.say(
                "not_captured",
                f"In front of {packets_text(numbers_of(left))} of the {lane.by} are"
                f" {many(missing, 'byte')} that the capture never shows.",
                numbers_of(left),
                sure="likely",
                because="the other end acknowledged them: the capture lost them, or they took"
                " another way"
                if all(row["got"] for row in left)
                else "they were lost before the capture and never repeated, or the capture lost"
                " them",
                source="RFC 9293 section 3.4",
            )


def _unfilled(segments: pl.DataFrame, rows: list[Row]) -> list[Row]:
    """Return those of the packets behind a gap whose gap stayed, with ``missing``
    bytes, and ``got``: they were acknowledged. ``segments`` are those of the connection.
    """
    lane = segments.filter(pl.col("from_client") == rows[0]["from_client"])
    filled = _filled_below(lane.filter("fills").sort("begin").select("begin", "end").to_numpy())
    acked = segments.filter(pl.col("from_client") != rows[0]["from_client"])["ack_to"].max()
    found = []
    for row in rows:
        missing = row["begin"] - row["top"] - filled(row["begin"]) + filled(row["top"])
        if missing > 0:
            got = isinstance(acked, int) and acked >= row["begin"]
            found.append({**row, "got": got, "missing": missing})
    return found


def _filled_below(fillers: Any) -> Callable[[int], int]:
    """Return how many bytes below a position the packets that fill gaps hold, each once.

    ``fillers`` are their begins and ends, by begin.
    """
    if not len(fillers):
        return lambda position: 0
    ends = np.maximum.accumulate(fillers[:, 1])
    # what an earlier one reaches to is not counted again
    begins = np.maximum(fillers[:, 0], np.concatenate([fillers[:1, 0], ends[:-1]]))
    sizes = np.maximum(ends - begins, 0)
    total = np.concatenate([[0], np.cumsum(sizes)])

    def below(position: int) -> int:
        whole = int(np.searchsorted(begins, position))
        over = max(0, int(ends[whole - 1]) - position) if whole else 0
        return int(total[whole]) - over

    return below


def _acked_unseen(segments: pl.DataFrame) -> Iterator[Finding]:
    """ACKs of data that the capture had not seen: beyond what the other end had sent so far, or,
    before its first packet, beyond the first ACK.
    """
    client = pl.col("from_client")
    top = pl.when(client).then(_highest(~client)).otherwise(_highest(client))
    first = pl.when(client).then(_first_sent(~client)).otherwise(_first_sent(client))
    begun = pl.col("ack_to").drop_nulls().first().over(LANE)
    # an ACK of what comes next in the capture was only written too early
    unseen = pl.min_horizontal("ack_to", first) > begun
    rows = segments.with_columns(
        sent_to=pl.coalesce(top, pl.when(unseen & first.is_not_null()).then(begun))
    )
    ahead = (pl.col("ack_to") > pl.col("sent_to")) & ~pl.col("rst")
    for lane, few in lanes_with(rows, ahead.fill_null(False)):
        most = max(row["ack_to"] - row["sent_to"] for row in few)
        yield lane.say(
            "acked_unseen",
            f"{many(len(few), 'ACK')} of the {lane.by} {'covers' if len(few) == 1 else 'cover'} up"
            f" to {many(most, 'byte')} that the capture had not shown"
            f" ({packets_text(numbers_of(few))}).",
            numbers_of(few),
            because="the data went by: the capture lost it, writes packets in another order, or"
            " sees only a part of the way",
            source="RFC 9293 section 3.4",
        )


def _first_sent(sender: pl.Expr) -> pl.Expr:
    """Return where the data of an end begin that the capture has."""
    return pl.col("begin").filter(sender & ~pl.col("rst")).first().over("connection")


def _highest(sender: pl.Expr) -> pl.Expr:
    sent = pl.when(sender & ~pl.col("rst")).then("end")
    return sent.cum_max().forward_fill().over("connection")
