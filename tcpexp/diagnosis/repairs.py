"""Findings about what was sent again: lost where, repaired how, needed or not.

Where a capture stands decides what it can know. Of a packet that was lost before the capture it
sees the repair only, which fills a gap. Of one that was lost behind it, it sees both, which looks
like a packet that was sent again without need; whether it was needed the receiver says, if at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tcpexp.diagnosis.finding import Finding, Side, Sure, packets_text
from tcpexp.diagnosis.segments import LANE
from tcpexp.diagnosis.summary import is_dsack
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.words.measured import time_words

#: RFC 5681 section 3.2: the third duplicate ACK asks for a fast retransmission.
_DUPLICATES = 3
#: Linux's smallest RTO (TCP_RTO_MIN in include/net/tcp.h); RFC 6298 section 2.4 asks for 1 s.
_RTO_MIN_NS = 200_000_000
#: A tail loss probe waits for two round-trip times at least (RFC 8985 section 7.2); below this no
#: timer is that fast.
_PROBE_MIN_NS = 3_000_000
_REPAIRS = {
    "fast": ("by fast retransmission", "RFC 5681 section 3.2, RFC 6675"),
    "timeout": ("after a timeout", "RFC 6298 section 5"),
    "probe": ("by a tail loss probe, or a timer like it", "RFC 8985 section 7"),
    "syn_data": ("because the other end did not take the data of its SYN", "RFC 7413 section 4.1"),
    "other": ("in a way that the packets do not tell", ""),
}
Row = dict[str, Any]


def with_repairs(segments: pl.DataFrame) -> pl.DataFrame:
    """Return the packets with the verdict ``resent``, with ``place``, ``repair`` and ``needless``.

    ``place`` is ``before`` the capture, or ``behind`` it: where the first one was lost, if it was.
    ``repair`` is a word of ``_REPAIRS``. ``needless`` says how it is known that the receiver had
    all of it already: ``acked`` (the capture had seen the ACK), ``dsack`` (RFC 2883), ``eifel``
    (RFC 3522: the next ACK echoes a stamp from before), or null.
    """
    sacked = segments.with_columns(top_sack=_highest_sack())
    sacked = sacked.with_columns(
        sacked_to=pl.when("from_client")
        .then(_last_of(~pl.col("from_client")))
        .otherwise(_last_of(pl.col("from_client"))),
        silent_ns=pl.col("t_ns")
        - pl.when("from_client")
        .then(_heard(~pl.col("from_client")))
        .otherwise(_heard(pl.col("from_client"))),
        way_ns=pl.col("rtt_ns").filter(pl.col("timed") == "sample").max().over(LANE),
    )
    rows = sacked.filter("resent", ~pl.col("syn"), pl.col("payload_bytes") > 0)
    opened = (
        segments.filter("syn", pl.col("payload_bytes") > 0)
        .group_by(LANE)
        .agg(syn_to=pl.col("end").max())
    )
    rows = rows.join(opened, on=list(LANE), how="left", maintain_order="left")
    of_syn = (pl.col("begin") < pl.col("syn_to")) & (pl.col("acked") <= 1)
    asked = (pl.col("duplicates") >= _DUPLICATES) | (pl.col("sacked_to") > pl.col("end"))
    since = pl.coalesce("gap_ns", "above_ns")
    last = pl.col("end") == pl.col("top")
    # what a timer sends again does not wait for an ACK, whatever was asked for before
    timer = (since >= _RTO_MIN_NS) & (
        pl.col("silent_ns") >= pl.max_horizontal(_RTO_MIN_NS, 2 * pl.col("way_ns"))
    )
    # ... and all that was under way then goes again as ACKs come in (RFC 5681 section 3.1)
    recover = pl.when(timer.fill_null(False)).then("top").cum_max().forward_fill().over(LANE)
    after = (pl.col("end") <= recover) & (pl.col("acked") < recover)
    repair = (
        pl.when(of_syn.fill_null(False)).then(pl.lit("syn_data"))
        .when((timer | after).fill_null(False)).then(pl.lit("timeout"))
        .when(asked.fill_null(False)).then(pl.lit("fast"))
        .when(since >= _RTO_MIN_NS).then(pl.lit("timeout"))
        .when(last & (since >= _PROBE_MIN_NS)).then(pl.lit("probe"))
        .otherwise(pl.lit("other"))
    )  # fmt: skip
    rows = rows.with_columns(
        repair=repair,
        place=pl.when("fills").then(pl.lit("before")).otherwise(pl.lit("behind")),
        had=(pl.col("end") <= pl.col("acked")).fill_null(False),
    )
    return rows.with_columns(needless=_needless(segments, rows))


def _highest_sack() -> pl.Expr:
    """Return the highest right edge of a packet's SACK blocks, as a position in the other end's
    numbers.
    """
    edges = pl.col("sack_blocks").list.eval(pl.element())
    offset = ((edges.list.get(1, null_on_oob=True) - pl.col("ack_rel") + 2**31) % 2**32) - 2**31
    return pl.when(pl.col("sack_blocks").list.len() >= 2).then(pl.col("ack_to") + offset)


def _last_of(sender: pl.Expr) -> pl.Expr:
    told = pl.when(sender & pl.col("ack_to").is_not_null()).then(
        pl.max_horizontal("top_sack", "ack_to")
    )
    return told.forward_fill().over("connection")


def _heard(sender: pl.Expr) -> pl.Expr:
    """Return when an ACK of one end was last seen."""
    return (
        pl.when(sender & pl.col("ack_to").is_not_null())
        .then("t_ns")
        .forward_fill()
        .over("connection")
    )


def _needless(segments: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
    """Return how each of ``rows`` is known to have been needless, null where it is not."""
    found: list[str | None] = ["acked" if had else None for had in rows["had"].to_list()]
    at = {tuple(key): index for key, index in _lanes(rows)}
    told = segments.select(*LANE, "number", "ack_to", "ack_rel", "ts_ecr", "sack_blocks")
    acks = told.filter(pl.col("ack_to").is_not_null()).join(
        rows.select("connection").unique(), on="connection", how="semi", maintain_order="left"
    )
    acks = acks.with_columns(lane=~pl.col("from_client"), dsack=is_dsack())
    for (connection, lane), few in acks.group_by("connection", "lane", maintain_order=True):
        indexes = at.get((connection, lane))
        if indexes is None:
            continue
        part = rows[indexes]
        _by_stamps(part, few, indexes, found)
        _by_dsack(part, few.filter("dsack"), indexes, found)
    return pl.Series("needless", found, dtype=pl.String)


def _lanes(rows: pl.DataFrame) -> Iterator[tuple[tuple[Any, ...], list[int]]]:
    numbered = rows.select(LANE).with_row_index("index")
    for key, part in numbered.group_by(LANE, maintain_order=True):
        yield key, part["index"].to_list()


def _by_stamps(
    part: pl.DataFrame, acks: pl.DataFrame, indexes: Sequence[int], found: list[str | None]
) -> None:
    """Eifel detection (RFC 3522 section 3.2): the first ACK behind the repair that covers it echoes
    a stamp that is older than the repair's.
    """
    highest = np.maximum.accumulate(acks["ack_to"].to_numpy())
    numbers = acks["number"].to_numpy()
    echoes = acks["ts_ecr"].to_list()
    for index, row in zip(indexes, part.iter_rows(named=True), strict=True):
        if row["ts_val"] is None or found[index] or row["fills"]:
            continue
        # the first that covers it, and not before it was sent
        first = int(np.searchsorted(highest, row["end"]))
        first = max(first, int(np.searchsorted(numbers, row["number"])))
        if first < len(echoes) and echoes[first] is not None:
            behind = (row["ts_val"] - echoes[first]) % 2**32
            if 0 < behind < 2**31:
                found[index] = "eifel"


def _by_dsack(
    part: pl.DataFrame, acks: pl.DataFrame, indexes: Sequence[int], found: list[str | None]
) -> None:
    """The receiver reports what arrived a second time (RFC 2883 section 4).

    Each report is for one arrival: that of the last repair of these bytes. A repair of which a part
    was new to the receiver was needed.
    """
    rows = list(zip(indexes, part.iter_rows(named=True), strict=True))
    told: dict[int, list[tuple[int, int]]] = {}
    for ack in acks.iter_rows(named=True):
        left, right = (
            ack["ack_to"] + (edge - ack["ack_rel"] + 2**31) % 2**32 - 2**31
            for edge in ack["sack_blocks"][:2]
        )
        for index, row in reversed(rows):
            if row["number"] < ack["number"] and row["begin"] < right and left < row["end"]:
                told.setdefault(index, []).append((left, right))
                if found[index] in (None, "eifel") and _covers(told[index], row):
                    found[index] = "dsack"
                break


def _covers(ranges: Sequence[tuple[int, int]], row: Row) -> bool:
    """Return whether ranges hold all of a packet: of one that was cut on its way several tell."""
    reached: int = row["begin"]
    for left, right in sorted(ranges):
        if left <= reached:
            reached = max(reached, right)
    return reached >= int(row["end"])


@dataclass(frozen=True)
class _Group:
    """What was sent again in one direction, for one reason."""

    connection: int
    by: Side
    capture: str
    rows: Sequence[Row]

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(row["number"] for row in self.rows)


def find_repairs(repairs: pl.DataFrame) -> Iterator[Finding]:
    """Yield findings about what ``with_repairs`` found, a few for each direction."""
    for (connection, from_client), part in repairs.group_by(LANE, maintain_order=True):
        rows = part.to_dicts()
        side: Side = "client" if from_client else "server"
        group = _Group(int(str(connection)), side, rows[0]["capture"], rows)
        yield from _lost(group)
        yield from _spurious(group)


def _lost(group: _Group) -> Iterator[Finding]:
    for place in ("before", "behind"):
        rows = [row for row in group.rows if row["place"] == place and row["needless"] is None]
        for repair, (words, source) in _REPAIRS.items():
            few = [row for row in rows if row["repair"] == repair]
            if few:
                yield _lost_finding(_Group(group.connection, group.by, group.capture, few), words,
                                    place, source)  # fmt: skip


def _lost_finding(group: _Group, words: str, place: str, source: str) -> Finding:
    count, one = len(group.rows), len(group.rows) == 1
    waits = sorted(
        wait
        for row in group.rows
        for wait in [row["gap_ns"] if row["gap_ns"] is not None else row["above_ns"]]
        if wait is not None
    )
    took = f", {time_words(waits[0])}" if waits else ""
    if waits and waits[-1] != waits[0]:
        took += f" to {time_words(waits[-1])}"
    what = "segment" if one else "segments"
    if place == "before":
        sentence = (
            f"{count} {what} of the {group.by} {'is' if one else 'are'} missing at first and"
            f" {'comes' if one else 'come'} later, {words}{took} behind what shows the gap."
        )
        sure: Sure = "certain" if all(row["why"] == "stamps" for row in group.rows) else "likely"
        because = "lost between the sender and the capture; " + _told_by(group.rows)
    else:
        sentence = (
            f"{count} {what} of the {group.by} {'was' if one else 'were'} sent again,"
            f" {words}{took} after the last time."
        )
        sure = "certain" if group.rows[0]["repair"] == "syn_data" else "likely"
        because = (
            "the ACK of the SYN did not cover them"
            if sure == "certain"
            else "lost behind the capture, on the way to the receiver; or their ACKs were, or they"
            " were not needed and nothing says so"
        )
    return Finding(
        group.connection, "lost_segments", sentence, group.numbers, group.capture, sure, because,
        source, group.by,
    )  # fmt: skip


def _told_by(rows: Sequence[Row]) -> str:
    words = {
        "stamps": "the time stamps show that they were sent later than what is above the gap",
        "ids": "the IP ids show that they were sent later than what is above the gap",
        "time": "they come too late for packets that were only overtaken",
        "repeated": "a part of what they hold had been seen",
    }
    return "; ".join(words[why] for why in words if any(row["why"] == why for row in rows))


def _spurious(group: _Group) -> Iterator[Finding]:
    reasons: dict[str, tuple[str, Sure, str]] = {
        "dsack": ("the receiver reports them as duplicates (DSACK)", "certain", "RFC 2883"),
        "eifel": (
            "the next ACK echoes the time stamp of the first transmission (Eifel)",
            "certain",
            "RFC 3522 section 3.2",
        ),
        "acked": (
            "their ACK was on its way: the capture had seen it",
            "certain",
            "RFC 9293 section 3.10.7.4",
        ),
    }
    for reason, (because, sure, source) in reasons.items():
        rows = [row for row in group.rows if row["needless"] == reason]
        if rows:
            count = len(rows)
            text = packets_text(row["number"] for row in rows)
            yield Finding(
                group.connection,
                "spurious_retransmissions",
                f"{count} segment{'s' if count > 1 else ''} of the {group.by} sent again without"
                f" need ({text}): the receiver had the data.",
                tuple(row["number"] for row in rows),
                group.capture,
                sure,
                because,
                source,
                group.by,
            )
