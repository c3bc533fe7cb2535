"""Initial sequence numbers that were replaced: an end whose SYNs begin at different numbers, as
when two machines behind one address answer, or a middlebox does and then the server itself.
"""

from __future__ import annotations

from tcpexp.late import polars as pl

#: What tells one direction of a connection from all others.
LANE = ("connection", "from_client")
_WRAP = 2**32


def with_numbering(tcp: pl.DataFrame) -> pl.DataFrame:
    """Add ``own_seq`` and ``own_ack``, counted from the initial sequence numbers in use (otherwise
    as ``seq_rel`` and ``ack_rel``); ``void`` for packets of numbers that were replaced, and
    ``void_ack`` for ACKs of them.

    The numbers in use are those of the SYN that lies next below the first packet behind all SYNs.
    """
    many = tcp.filter("syn").group_by(LANE).agg(pl.col("seq").n_unique().alias("starts"))
    many = many.filter(pl.col("starts") > 1).select(LANE)
    if many.is_empty():
        return tcp.with_columns(
            own_seq="seq_rel", own_ack="ack_rel", void=pl.lit(False), void_ack=pl.lit(False)
        )
    used = _in_use(tcp.join(many, on=list(LANE), how="semi", maintain_order="left"))
    other = used.select("connection", ~pl.col("from_client"), other_isn="isn", other_begun="begun")
    rows = tcp.join(used, on=list(LANE), how="left", maintain_order="left")
    rows = rows.join(other, on=list(LANE), how="left", maintain_order="left")
    early = (pl.col("number") < pl.col("begun")) | (
        pl.col("syn") & (pl.col("seq") != pl.col("isn"))
    )
    return rows.with_columns(
        own_seq=pl.coalesce((pl.col("seq") - pl.col("isn")) % _WRAP, "seq_rel"),
        own_ack=pl.coalesce((pl.col("ack") - pl.col("other_isn")) % _WRAP, "ack_rel"),
        void=early.fill_null(False),
        void_ack=(pl.col("number") < pl.col("other_begun")).fill_null(False),
    ).drop("isn", "begun", "other_isn", "other_begun")


def _in_use(lanes: pl.DataFrame) -> pl.DataFrame:
    """Return of each direction where the numbers in use begin, and with which packet."""
    syns = (
        lanes.filter("syn")
        .group_by(*LANE, isn="seq", maintain_order=True)
        .agg(begun=pl.col("number").first())
    )
    last = lanes.filter("syn").group_by(LANE).agg(behind=pl.col("number").last())
    following = (
        lanes.join(last, on=list(LANE))
        .filter(~pl.col("syn"), ~pl.col("rst"), pl.col("number") > pl.col("behind"))
        .sort("number")
        .group_by(LANE, maintain_order=True)
        .agg(following=pl.col("seq").first())
    )
    near = (pl.col("following") - pl.col("isn")) % _WRAP
    # without anything behind them, the first is as good as any
    return (
        syns.join(following, on=list(LANE), how="left", maintain_order="left")
        .with_columns(near=near.fill_null(0))
        .sort("near", "begun")
        .unique(LANE, keep="first", maintain_order=True)
        .select(*LANE, "isn", "begun")
    )
