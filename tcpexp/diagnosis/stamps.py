"""Round-trip times by time stamps (RFC 7323 section 4.1)."""

from __future__ import annotations

from tcpexp.diagnosis.segments import LANE
from tcpexp.late import polars as pl


def stamp_samples(segments: pl.DataFrame) -> pl.DataFrame:
    """Return one row per stamp that came back: the columns ``LANE`` of who sent it, ``t_ns`` and
    ``rtt_ns``, in the order of the capture.

    From the first packet with a stamp to the first packet that echoes it and acknowledges
    something new. A receiver that delays its ACK echoes the stamp of the oldest segment (RFC 7323
    section 4.3), so its delay is part of the time, and a clock of several ms makes it longer: many
    packets have one stamp.
    """
    rows = segments.select(
        *LANE, "number", "t_ns", "ts_val", "ts_ecr", "takes", "rst", "has_ack", "ack_to"
    )
    sent = (
        rows.filter(pl.col("ts_val").is_not_null(), pl.col("takes") > 0, ~pl.col("rst"))
        .group_by("connection", "from_client", "ts_val")
        .agg(sent_ns=pl.col("t_ns").first(), sent_number=pl.col("number").first())
    )
    higher = pl.col("ack_to") > pl.col("ack_to").cum_max().shift().over(LANE)
    echoes = rows.filter(
        pl.col("ts_ecr").is_not_null(),
        pl.col("has_ack"),
        ~pl.col("rst"),
        higher.fill_null(True),
    ).select(
        "connection",
        "number",
        "t_ns",
        from_client=~pl.col("from_client"),
        ts_val=pl.col("ts_ecr"),
    )
    first = echoes.unique(
        ["connection", "from_client", "ts_val"], keep="first", maintain_order=True
    )
    pairs = first.join(
        sent, on=["connection", "from_client", "ts_val"], maintain_order="left"
    ).filter(pl.col("sent_number") < pl.col("number"))
    return pairs.select(*LANE, "t_ns", "number", rtt_ns=pl.col("t_ns") - pl.col("sent_ns"))
