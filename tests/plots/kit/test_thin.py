"""Down-sampling loses no peak and bounds the number of points."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.plots.kit.thin import thin_line, thin_moments, thin_points


def noisy(rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"t": range(rows), "y": [(i * 7919) % 1009 for i in range(rows)]}
    ).with_columns(pl.col("y").cast(pl.Int64))


def test_a_short_line_is_kept_whole():
    frame = noisy(100)
    assert thin_line(frame, "t", "y", buckets=50).equals(frame)


def test_a_long_line_keeps_its_ends_its_peaks_and_its_order():
    frame = noisy(50_000).with_columns(
        y=pl.when(pl.col("t") == 33_333).then(10**9).otherwise(pl.col("y"))
    )
    thin = thin_line(frame, "t", "y", buckets=200)
    assert thin.height <= 4 * 200
    assert thin["y"].max() == 10**9
    assert thin["y"].min() == frame["y"].min()
    assert (thin["t"][0], thin["t"][-1]) == (0, 49_999)
    assert thin["t"].is_sorted()
    assert thin.columns == frame.columns


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=300), st.integers(1, 20))
def test_every_bucket_keeps_its_range(values, buckets):
    frame = pl.DataFrame(
        {"t": range(len(values)), "y": values}, schema={"t": pl.Int64, "y": pl.Int64}
    )
    thin = thin_line(frame, "t", "y", buckets)
    assert (thin["y"].min(), thin["y"].max()) == (min(values), max(values))
    assert set(thin["t"]) <= set(frame["t"])


def test_points_in_one_cell_become_one():
    crowd = (
        pl.DataFrame({"t": [1, 1_000_000], "y": [0, 100]})
        .sample(5000, with_replacement=True, seed=1)
        .sort("t")
    )
    assert thin_points(crowd, "t", "y", columns=100, rows=10).height == 2


def test_strokes_are_bounded_by_the_columns():
    frame = noisy(10_000)
    assert thin_moments(frame, "t", (0, 10_000), 100).height == 100
    assert thin_moments(frame.head(3), "t", (0, 3), 100).height == 3
