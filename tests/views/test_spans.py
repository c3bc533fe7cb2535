"""Spans of time and what lies within them."""

from pathlib import Path

import polars as pl

from tcpexp.views.spans import rows_within, shown_span, within
from tests.support.fake_run import SECOND, make_plan, write_run

ROWS = pl.DataFrame({"t_ns": [0, 1, 2, 3], "sent_ns": [3, 2, 1, 0]})


def test_both_ends_of_a_span_belong_to_it() -> None:
    assert ROWS.filter(within((1, 2)))["t_ns"].to_list() == [1, 2]
    assert ROWS.filter(within((0, 0), "sent_ns"))["t_ns"].to_list() == [3]


def test_without_a_span_all_rows_are_within() -> None:
    assert rows_within(ROWS, None).height == 4
    assert rows_within(ROWS, (3, 9))["t_ns"].to_list() == [3]


def test_a_figure_shows_its_span_else_the_whole_run(tmp_path: Path) -> None:
    run = write_run(tmp_path, make_plan(), {})
    assert shown_span(run, (1, 2)) == (1, 2)
    assert shown_span(run, None) == (0, run.plan.duration_ns)
    assert run.plan.duration_ns >= SECOND
