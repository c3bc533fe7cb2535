"""Segments with what became of them: repeated, late, copied, acknowledged and timed.

Directions that are in order are computed by columns. The others go packet by packet through
``Pieces``.
"""

from __future__ import annotations

from typing import Any

from tcpexp.diagnosis.pieces import NEW, Added, Pieces
from tcpexp.diagnosis.segments import LANE
from tcpexp.late import polars as pl

#: Two packets that are the same, within this time, are one packet that was captured twice: its
#: sender would have given another IP id to a second one.
_COPY_NS = 100_000_000
#: Where the IP header has no id (IPv6, or 0 as RFC 6864 allows), only within this time: faster than
#: anybody repeats.
_COPY_WITHOUT_ID_NS = 500_000
#: From this share of the packets with data on, ACKs are taken for copies as well.
_DOUBLED = 0.2


def _found_types() -> dict[str, Any]:
    """Return the columns that are added, with their types."""
    return {
        "repeated": pl.Int64,
        "late": pl.Boolean,
        "filled": pl.Int64,
        "gap_ns": pl.Int64,
        "above_ns": pl.Int64,
        "timed": pl.String,
        "rtt_ns": pl.Int64,
    }


def with_copies(segments: pl.DataFrame) -> pl.DataFrame:
    """Add ``copy``: the capture holds the packet a second time.

    The key is all that would differ between two packets of one sender: IP id, numbers, flags,
    window, checksum. A TTL may differ: a capture on both sides of a router.
    """
    key = (*LANE, "ip_id", "seq", "payload_bytes")
    twins = segments.filter(pl.len().over(key) > 1)
    whole = (*key, "ack", "flags", "window", "checksum", "ts_val")
    since = pl.col("t_ns") - pl.col("t_ns").shift().over(whole)
    no_id = pl.col("ip_id").fill_null(0) == 0
    copy = pl.when(~no_id).then(since <= _COPY_NS).otherwise(since <= _COPY_WITHOUT_ID_NS)
    found = twins.with_columns(copy=copy.fill_null(False)).filter("copy")
    takes = pl.col("takes") > 0
    data = segments.group_by("connection").agg(takes=takes.sum())
    doubled = found.group_by("connection").agg(doubled=takes.sum()).join(data, on="connection")
    many = doubled.filter(pl.col("doubled") > _DOUBLED * pl.col("takes")).select("connection")
    # ACKs that are the same are duplicate ACKs (RFC 5681), unless data are there twice as well
    surely = takes | (pl.col("ip_id").fill_null(0) != 0)
    found = pl.concat(
        [found.filter(surely), found.filter(~surely).join(many, on="connection", how="semi")]
    )
    marks = found.select("capture", "number", "copy")
    if marks.is_empty():
        return segments.with_columns(copy=pl.lit(False))
    copies = segments.select("capture", "number").join(
        marks, on=["capture", "number"], how="left", maintain_order="left"
    )
    return segments.with_columns(copies["copy"].fill_null(False))


def with_duplicates(segments: pl.DataFrame) -> pl.DataFrame:
    """Add ``duplicate``: which duplicate ACK it is since the last that was none (RFC 5681 section
    2; 0: none), and ``duplicates``, how many of these its receiver had got just before.

    A duplicate acknowledges what the one before did, has no data, the same window, and its receiver
    has sent data up to there, and anything besides a SYN.
    """
    acks = pl.col("has_ack") & ~pl.col("rst")
    window = pl.when(~pl.col("rst")).then(
        pl.when(pl.col("has_ack") | pl.col("syn")).then("offered").otherwise(0)
    )
    last_ack = pl.when(acks).then("ack_to").forward_fill().shift()
    rows = segments.select(*LANE, "number", "ack_to", "takes", "end", "rst", "has_ack", "syn",
                           "payload_bytes", "offered").with_columns(
        last_ack=last_ack.over(LANE), kept=window.forward_fill().shift().over(LANE)
    )  # fmt: skip
    talks = _of_other(~pl.col("syn") & ~pl.col("rst")).fill_null(False)
    same = (
        acks
        & (pl.col("payload_bytes") == 0)
        & (pl.col("ack_to") == pl.col("last_ack"))
        & (pl.col("offered") == pl.col("kept"))
        & talks
    ).fill_null(False)
    rows = rows.with_columns(same=same)
    rows = rows.with_columns(same=_behind_what_it_acknowledges(rows))
    count = pl.col("same").cast(pl.Int64).cum_sum()
    before = pl.when(acks & ~pl.col("same")).then(count).forward_fill().fill_null(0)
    rows = rows.with_columns(
        duplicate=pl.when("same").then((count - before).over(LANE)).otherwise(0)
    )
    told = pl.when(acks).then("duplicate")
    duplicates = _turned(told, lambda column: column.forward_fill()).fill_null(0)
    return segments.hstack(rows.select("duplicate", duplicates=duplicates))


def _behind_what_it_acknowledges(rows: pl.DataFrame) -> pl.Series:
    """Return ``same`` only of ACKs before which their receiver had sent data up to there."""
    place = ["connection", "from_client", "ack_to"]
    indexed = rows.with_row_index("row")
    likely = indexed.filter("same").select("row", "number", *place)
    sent = rows.filter(pl.col("takes") > 0, ~pl.col("rst")).select(
        "connection", ~pl.col("from_client"), ack_to="end", sent_number="number"
    )
    edges = sent.join(likely, on=place, how="semi").group_by(place)
    pairs = likely.join(edges.agg(pl.col("sent_number").min()), on=place)
    found = pairs.filter(pl.col("sent_number") < pl.col("number"))["row"]
    return indexed["row"].is_in(found.implode())


def _of_other(what: pl.Expr) -> pl.Expr:
    """Return whether ``what`` held for a packet of the other end before."""
    return _turned(what, lambda column: column.cast(pl.Int64).cum_max().forward_fill()) > 0


def _turned(column: pl.Expr, fill: Any) -> pl.Expr:
    """Return for each packet what ``fill`` makes of the other end's column up to there."""
    client, server = pl.col("from_client"), ~pl.col("from_client")
    of_client = fill(pl.when(client).then(column)).over("connection")
    of_server = fill(pl.when(server).then(column)).over("connection")
    return pl.when(client).then(of_server).otherwise(of_client)


def with_probes(segments: pl.DataFrame) -> pl.DataFrame:
    """Add ``peer_window``, the window that the other end offered last (bytes; null before its
    first), and ``probe``: it takes sequence numbers although that window is 0.
    """
    offered = pl.when(pl.col("has_ack") | pl.col("syn")).then("offered").otherwise(0)
    offered = pl.when(~pl.col("rst")).then(offered)
    rows = segments.with_columns(peer_window=_turned(offered, lambda one: one.forward_fill()))
    probe = (pl.col("takes") > 0) & ~pl.col("syn") & (pl.col("peer_window") == 0)
    return rows.with_columns(probe=probe.fill_null(False))


def tracked(segments: pl.DataFrame, *, copies: bool) -> pl.DataFrame:
    """Add what became of each packet, from columns of ``segments`` and ``with_probes``.

    Of what takes sequence numbers: ``repeated``, how many of them were seen before; ``late``, that
    it begins and ends below something seen earlier; ``filled``, how many were new although higher
    ones were seen; ``gap_ns`` since its first repeated number was last sent; ``above_ns`` since
    what lies above the gap that it filled was. Of ACKs: ``timed`` (sample, ambiguous, post_loss)
    and ``rtt_ns``. Without ``copies`` the packets with ``copy`` are passed over, as if the capture
    had each once.
    """
    # Wireshark's own round-trip time of an ACK has this name in the table packets
    rows = segments.drop("rtt_ns", strict=False).with_row_index("row")
    # a reset with data in front of everything else has no place among the numbers
    takes = (pl.col("takes") > 0) & pl.col("begin").is_not_null()
    if not copies:
        takes &= ~pl.col("copy")
    odd = takes & ((pl.col("begin") < pl.col("top")) | pl.col("probe"))
    messy = rows.select(*LANE, odd=odd).filter("odd").select(LANE).unique()
    # a packet may add to a direction of the one kind and acknowledge one of the other
    found = (
        pl.concat([_in_order(rows, messy, takes), _one_by_one(rows, messy, takes)])
        .group_by("row")
        .agg(pl.all().drop_nulls().first())
    )
    facts = rows.select("row").join(found, on="row", how="left", maintain_order="left").drop("row")
    return (
        rows.drop("row")
        .hstack(facts)
        .with_columns(pl.col("repeated", "filled").fill_null(0), pl.col("late").fill_null(False))
    )


def _in_order(rows: pl.DataFrame, messy: pl.DataFrame, takes: pl.Expr) -> pl.DataFrame:
    """Return the round-trip times of directions whose packets are all in order."""
    lean = rows.select("row", *LANE, "t_ns", "end", "ack_to", takes=takes)
    sent = lean.filter("takes").join(messy, on=list(LANE), how="anti")
    sent = sent.select(
        "connection",
        from_client=~pl.col("from_client"),
        ack_to=pl.col("end"),
        sent_row=pl.col("row"),
        sent_ns=pl.col("t_ns"),
    )
    acks = lean.filter(pl.col("ack_to").is_not_null()).with_columns(
        before=pl.col("ack_to").cum_max().shift().over(LANE)
    )
    acks = acks.filter(pl.col("before").is_null() | (pl.col("ack_to") > pl.col("before")))
    pairs = acks.join(sent, on=["connection", "from_client", "ack_to"]).filter(
        pl.col("sent_row") < pl.col("row")
    )
    timed = pairs.select("row", timed=pl.lit("sample"), rtt_ns=pl.col("t_ns") - pl.col("sent_ns"))
    return _whole(timed)


def _whole(found: pl.DataFrame) -> pl.DataFrame:
    """Return ``found`` with all columns that are found, null where it has none."""
    return found.select(
        pl.col("row").cast(pl.UInt32),
        *(
            (pl.col(name) if name in found.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in _found_types().items()
        ),
    )


def _one_by_one(rows: pl.DataFrame, messy: pl.DataFrame, takes: pl.Expr) -> pl.DataFrame:
    """Return what became of the packets of directions that are not all in order."""
    numbered = messy.sort(LANE).with_row_index("lane")
    other = numbered.select("connection", ~pl.col("from_client"), pl.col("lane").alias("other"))
    parts = (
        rows.lazy()
        .select("row", *LANE, "begin", "end", "ack_to", "t_ns", counts=takes & ~pl.col("probe"))
        .join(numbered.lazy(), on=list(LANE), how="left", maintain_order="left")
        .join(other.lazy(), on=list(LANE), how="left", maintain_order="left")
        .with_columns(
            lane=pl.when("counts").then("lane"),
            other=pl.when(pl.col("ack_to").is_not_null()).then("other"),
        )
        .filter(pl.col("lane").is_not_null() | pl.col("other").is_not_null())
        .collect()
    )
    return _judged(parts, [Pieces() for _ in range(numbered.height)])


def _judged(parts: pl.DataFrame, pieces: list[Pieces]) -> pl.DataFrame:
    """Return a row for each packet that is something else than new, or that an ACK timed."""
    told: list[tuple[Any, ...]] = []
    timings: list[tuple[Any, ...]] = []
    columns = ("row", "lane", "other", "begin", "end", "ack_to", "t_ns")
    for row, lane, other, begin, end, ack, now in zip(
        *(parts[name].to_list() for name in columns), strict=True
    ):
        if lane is not None:
            added = pieces[lane].add(begin, end, now)
            if added is not NEW and (added.repeated or added.filled):
                told.append((row, *added))
        if other is not None:
            timed = pieces[other].acknowledge(ack, now)
            if timed is not None:
                timings.append((row, *timed))
    schema: dict[str, Any] = {"row": pl.UInt32, **_found_types()}
    of_added = ["row", *Added._fields]
    of_timed = ["row", "timed", "rtt_ns"]
    added_rows = pl.DataFrame(told, schema={name: schema[name] for name in of_added}, orient="row")
    timed_rows = pl.DataFrame(
        timings, schema={name: schema[name] for name in of_timed}, orient="row"
    )
    joined = added_rows.join(timed_rows, on="row", how="full", coalesce=True)
    return joined.select(pl.col(name).cast(kind) for name, kind in schema.items())
