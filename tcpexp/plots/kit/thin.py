"""Down-sampling: keep what a pixel can show, lose no peak."""

from __future__ import annotations

from tcpexp.late import polars as pl

#: Buckets across a figure's width: about its width in pixels at screen resolution.
BUCKETS = 800


def thin_line(frame: pl.DataFrame, x: str, y: str, buckets: int = BUCKETS) -> pl.DataFrame:
    """Return at most four rows per bucket of ``x``: the first, the last, the smallest and the
    largest ``y``.

    A line through them covers the same pixels as one through all rows. ``frame`` must be sorted by
    ``x`` and hold no null.
    """
    if frame.height <= 4 * buckets:
        return frame
    indexed = _bucketed(frame, x, buckets).with_row_index("_row")
    ordered = indexed.group_by("_bucket").agg(
        pl.col("_row").first().alias("first"),
        pl.col("_row").last().alias("last"),
        pl.col("_row").get(pl.col(y).arg_min()).alias("lowest"),
        pl.col("_row").get(pl.col(y).arg_max()).alias("highest"),
    )
    rows = (
        pl.concat([ordered[name] for name in ("first", "last", "lowest", "highest")])
        .unique()
        .sort()
    )
    return frame[rows]


def thin_points(
    frame: pl.DataFrame, x: str, y: str, columns: int = BUCKETS, rows: int = 300
) -> pl.DataFrame:
    """Return one row per occupied cell of a grid over ``x`` and ``y``: the same picture with far
    fewer markers.
    """
    if frame.height <= columns:
        return frame
    low, high = frame[y].min(), frame[y].max()
    height = max(float(high) - float(low), 1e-9)  # type: ignore[arg-type]
    cell = ((pl.col(y) - low) / height * rows).floor().cast(pl.Int64).alias("_cell")
    gridded = _bucketed(frame, x, columns).with_columns(cell)
    return gridded.unique(["_bucket", "_cell"], keep="first", maintain_order=True).drop(
        "_bucket", "_cell"
    )


def _bucketed(frame: pl.DataFrame, x: str, buckets: int) -> pl.DataFrame:
    """Return ``frame`` with a column ``_bucket``: which of ``buckets`` equal parts of its range
    ``x`` lies in.
    """
    low, high = frame[x].min(), frame[x].max()
    width = max(float(high) - float(low), 1e-9)  # type: ignore[arg-type]
    bucket = ((pl.col(x) - low) / width * (buckets - 1)).floor().cast(pl.Int64)
    return frame.with_columns(bucket.alias("_bucket"))


def thin_moments(
    frame: pl.DataFrame, x: str, span: tuple[int, int], columns: int = BUCKETS
) -> pl.DataFrame:
    """Return the first row of each of ``columns`` equal parts of ``span``: enough strokes for a rug
    of events.
    """
    width = max((span[1] - span[0]) // columns, 1)
    bucket = ((pl.col(x) - span[0]).cast(pl.Int64) // pl.lit(width, pl.Int64)).alias("_bucket")
    return (
        frame.with_columns(bucket)
        .unique("_bucket", keep="first", maintain_order=True)
        .drop("_bucket")
    )
