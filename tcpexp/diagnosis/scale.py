"""Whether the factor is known by which the windows of a connection are scaled."""

from __future__ import annotations

from tcpexp.late import polars as pl


def with_scale(segments: pl.DataFrame) -> pl.DataFrame:
    """Add ``scale``: ``known`` (both SYNs were seen), ``unknown``, or ``none`` (a SYN without the
    option: nobody scales, RFC 7323 section 2.2).
    """
    offers = (
        segments.filter("syn")
        .group_by("connection")
        .agg(
            ends=pl.col("from_client").n_unique(),
            without=(pl.col("wscale").is_null() & ~pl.col("options_cut").fill_null(False)).any(),
            cut=(pl.col("wscale").is_null() & pl.col("options_cut").fill_null(False)).any(),
        )
    )
    scale = (
        pl.when("without").then(pl.lit("none"))
        .when((pl.col("ends") == 2) & ~pl.col("cut")).then(pl.lit("known"))
        .otherwise(pl.lit("unknown"))
    )  # fmt: skip
    places = segments.select("connection")
    known = places.join(offers, on="connection", how="left", maintain_order="left")
    return segments.hstack(known.select(scale=scale))
