"""What a sender learns from ACKs and SACK blocks: each byte once."""

import polars as pl

from tcpexp.views.recoveries import _told


def acks(*rows: tuple[int, int, list[int] | None]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={"t_ns": pl.Int64, "ack_rel": pl.Int64, "sack_blocks": pl.List(pl.Int64)},
        orient="row",
    )


def new(*rows: tuple[int, int, list[int] | None]) -> dict[int, int]:
    told = _told(acks(*rows)).group_by("t_ns").agg(pl.col("new_bytes").sum())
    return dict(told.sort("t_ns").iter_rows())


def test_a_block_counts_when_it_grows_and_not_again_when_it_is_acknowledged() -> None:
    found = new((1, 101, None), (2, 101, [201, 301]), (3, 101, [201, 401]), (4, 401, None))
    assert found == {1: 100, 2: 100, 3: 100, 4: 100}


def test_several_blocks_count_each() -> None:
    assert new((1, 1, [101, 201, 301, 401]), (2, 1, [301, 501, 101, 201])) == {1: 200, 2: 100}
