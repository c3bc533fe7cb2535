"""The table ``summary``: every count of one direction of one connection."""

from __future__ import annotations

from tcpexp.diagnosis.scale import with_scale
from tcpexp.diagnosis.segments import LANE
from tcpexp.diagnosis.stamps import stamp_samples
from tcpexp.late import polars as pl
from tcpexp.record.tables.diagnosis import COUNTED_LABELS
from tcpexp.store.frames import conform, empty_frame


def build_summary(segments: pl.DataFrame) -> pl.DataFrame:
    """Return the table ``summary`` from what ``judged_segments`` returns, a row for each direction
    that has packets.
    """
    if segments.is_empty():
        return empty_frame("summary")
    rows = segments.group_by(LANE, maintain_order=True).agg(
        pl.col("capture", "src", "src_port", "dst", "dst_port").first(),
        *_counts(),
        *_repeats(),
        *_sizes(),
        *_times(),
    )
    for find in (_acks_received, _offers, _flights, _labels, _windows, _streams, _stamped):
        more = find(segments)
        rows = rows.join(more, on=list(LANE), how="left", maintain_order="left")
    rows = rows.with_columns(
        sender=pl.when("from_client").then(pl.lit("client")).otherwise(pl.lit("server")),
        missed_bytes=pl.col("stream_bytes") - pl.col("unique_bytes"),
    )
    return conform(rows, "summary")


_DATA = pl.col("payload_bytes") > 0


def _packets(where: pl.Expr) -> pl.Expr:
    return where.fill_null(False).sum().cast(pl.Int64)


def _counts() -> list[pl.Expr]:
    control = pl.col("syn") | pl.col("fin") | pl.col("rst")
    blocks = pl.col("sack_blocks").list.len().fill_null(0) // 2
    reported = (blocks > 0) & pl.col("has_ack") & ~pl.col("rst")
    return [
        pl.len().cast(pl.Int64).alias("packets"),
        pl.col("frame_bytes").sum().alias("wire_bytes"),
        _packets(pl.col("syn")).alias("syns"),
        _packets(pl.col("fin")).alias("fins"),
        _packets(pl.col("rst")).alias("resets"),
        _packets(pl.col("has_ack")).alias("ack_packets"),
        _packets(pl.col("has_ack") & ~_DATA & ~control).alias("pure_acks"),
        _packets(reported).alias("sack_packets"),
        _packets(is_dsack() & ~pl.col("rst")).alias("dsack_packets"),
        blocks.filter(reported).max().fill_null(0).cast(pl.Int64).alias("most_sack_blocks"),
        _packets(_DATA).alias("data_packets"),
        pl.col("payload_bytes").sum().alias("data_bytes"),
        _packets(_DATA & pl.col("flags").str.contains("P")).alias("pushed_packets"),
        _packets(_DATA & pl.col("flags").str.contains("U")).alias("urgent_packets"),
        _packets(pl.col("copy")).alias("copies"),
        _packets(pl.col("probe")).alias("probe_packets"),
        pl.col("payload_bytes").filter("probe").sum().alias("probe_bytes"),
    ]


def is_dsack() -> pl.Expr:
    """Return whether the first SACK block reports data that had arrived already (RFC 2883 section
    4): it lies below the ACK, or within the second block.
    """
    blocks = pl.col("sack_blocks")
    left, right = (_signed_edge(blocks.list.get(at, null_on_oob=True)) for at in (0, 1))
    other_left, other_right = (_signed_edge(blocks.list.get(at, null_on_oob=True)) for at in (2, 3))
    below = right <= 0
    inside = (left >= other_left) & (right <= other_right)
    return (below | inside.fill_null(False)).fill_null(False)


def _signed_edge(edge: pl.Expr) -> pl.Expr:
    """Return an edge counted from the packet's ACK, modulo 2**32."""
    return (edge - pl.col("ack_rel") + 2**31) % 2**32 - 2**31


def _repeats() -> list[pl.Expr]:
    return [
        _packets(pl.col("repeated") > 0).alias("repeated_packets"),
        pl.col("repeated").sum().alias("repeated_bytes"),
        _packets(pl.col("late")).alias("late_packets"),
        pl.col("new_bytes").sum().alias("unique_bytes"),
        _packets(pl.col("resent")).alias("retransmissions"),
    ]


def _sizes() -> list[pl.Expr]:
    zero = pl.col("has_ack") & ~pl.col("rst") & (pl.col("offered") == 0)
    return [
        pl.col("payload_bytes").filter(_DATA).max().alias("largest_segment"),
        pl.col("payload_bytes").filter(_DATA).min().alias("smallest_segment"),
        _packets(zero).alias("zero_windows"),
    ]


def _times() -> list[pl.Expr]:
    moments = pl.col("t_ns").filter(_DATA)
    return [
        pl.col("t_ns").first().alias("first_ns"),
        pl.col("t_ns").last().alias("last_ns"),
        (moments.last() - moments.first()).alias("transmit_ns"),
        pl.col("t_ns").diff().max().alias("longest_idle_ns"),
    ]


def _turned() -> pl.Expr:
    """Name the direction that an ACK is about."""
    return (~pl.col("from_client")).alias("from_client")


def _acks_received(segments: pl.DataFrame) -> pl.DataFrame:
    """Return what the other end's ACKs tell about each direction."""
    sample = pl.col("rtt_ns").filter(pl.col("timed") == "sample")
    return (
        segments.select(*LANE, "ack_to", "rtt_ns", "timed", "duplicate")
        .filter(pl.col("ack_to").is_not_null())
        .with_columns(_turned())
        .group_by(LANE)
        .agg(
            sample.len().cast(pl.Int64).alias("rtt_samples"),
            sample.min().alias("rtt_min_ns"),
            sample.mean().round().cast(pl.Int64).alias("rtt_mean_ns"),
            sample.max().alias("rtt_max_ns"),
            _packets(pl.col("timed") == "ambiguous").alias("ambiguous_acks"),
            _packets(pl.col("timed") == "post_loss").alias("post_loss_acks"),
            _packets(pl.col("duplicate") > 0).alias("duplicate_acks"),
            _packets(pl.col("duplicate") == 3).alias("triple_duplicate_acks"),
        )
    )


def _offers(segments: pl.DataFrame) -> pl.DataFrame:
    syn = segments.filter("syn").group_by(LANE, maintain_order=True)
    offered = syn.agg(pl.col("mss", "wscale", "sack_permitted").first())
    stamps = segments.group_by(LANE).agg(timestamps=pl.col("ts_val").is_not_null().any())
    return stamps.join(offered, on=list(LANE), how="left")


def _flights(segments: pl.DataFrame) -> pl.DataFrame:
    """Return what each end sent before anything of it was acknowledged: its initial window (RFC
    6928), where its SYN was seen.
    """
    opened = segments.filter("syn").select(LANE).unique()
    rows = segments.select(*LANE, "payload_bytes", "repeated", "probe", "acked")
    first = rows.filter(
        _DATA, pl.col("repeated") == 0, ~pl.col("probe"), pl.col("acked").fill_null(0) <= 1
    )
    return (
        first.join(opened, on=list(LANE), how="semi")
        .group_by(LANE)
        .agg(
            first_flight_packets=pl.len().cast(pl.Int64),
            first_flight_bytes=pl.col("payload_bytes").sum(),
        )
    )


def _streams(segments: pl.DataFrame) -> pl.DataFrame:
    opened = segments.filter("syn").select(LANE).unique()
    return (
        segments.filter("fin", ~pl.col("rst"))
        .join(opened, on=list(LANE), how="semi")
        .group_by(LANE)
        .agg(stream_bytes=pl.col("end").max() - 2)
        .filter(pl.col("stream_bytes") >= 0)
    )


def _windows(segments: pl.DataFrame) -> pl.DataFrame:
    """Return the windows that each end offered, where both ends scale them without those of SYNs,
    which are never scaled (RFC 7323 section 2.2); null where a scale is not known.
    """
    offers = (
        segments.filter("syn")
        .group_by("connection")
        .agg(
            scaled=(pl.col("wscale").is_not_null().any() & (pl.col("from_client").n_unique() == 2))
            & pl.col("wscale").is_not_null().all()
        )
    )
    known = (pl.col("scale") != "unknown") | pl.col("syn")
    # a SYN-ACK has the option only where the SYN had it (RFC 7323 section 2.2)
    answered = (pl.col("syn") & pl.col("has_ack")).any().over(LANE)
    rows = segments.select(*LANE, "syn", "rst", "has_ack", "wscale", "options_cut", "window_bytes")
    told = with_scale(rows).filter(~pl.col("rst"), pl.col("has_ack") | pl.col("syn"))
    told = told.with_columns(known=(known | answered) & pl.col("window_bytes").is_not_null())
    told = told.join(offers, on="connection", how="left").filter(
        ~(pl.col("syn") & pl.col("scaled").fill_null(False)) | pl.col("syn").all().over(LANE)
    )
    told = told.with_columns(
        window_bytes=pl.when(pl.col("known").all().over(LANE)).then("window_bytes")
    )
    window = pl.col("window_bytes")
    return told.group_by(LANE).agg(
        largest_window=window.max(),
        smallest_window=window.filter(window > 0).min(),
    )


def _labels(segments: pl.DataFrame) -> pl.DataFrame:
    known = pl.col("labels").is_not_null().any()
    return segments.group_by(LANE).agg(
        pl.when(known)
        .then(pl.col("labels").list.contains(label).fill_null(False).sum().cast(pl.Int64))
        .alias(f"label_{label}")
        for label in COUNTED_LABELS
    )


def _stamped(segments: pl.DataFrame) -> pl.DataFrame:
    return (
        stamp_samples(segments)
        .group_by(LANE)
        .agg(
            stamp_rtt_samples=pl.len().cast(pl.Int64),
            stamp_rtt_min_ns=pl.col("rtt_ns").min(),
            stamp_rtt_median_ns=pl.col("rtt_ns").median().round().cast(pl.Int64),
        )
    )
