"""The table of advertised windows: what each line says, and which lines are left out."""

import polars as pl

from tcpexp.plots.run import plot_run
from tcpexp.plots.window_table import WindowTable
from tcpexp.store.frames import conform, schema_of
from tcpexp.views.windows import advertised_windows
from tests.support.fake_run import make_plan, write_run
from tests.support.window_packets import UPLOAD, acks, row


def run_of(path, packets, **options):
    schema = schema_of("packets")
    frame = pl.DataFrame(
        [{name: packet.get(name) for name in schema} for packet in packets], schema=schema
    )
    return write_run(
        path,
        make_plan(flows=(UPLOAD,), plots=({"window_table": options},)),
        {"packets": conform(frame, "packets")},
    )


def test_each_ack_shows_its_window_before_and_after_scaling(tmp_path):
    table = advertised_windows(run_of(tmp_path, acks(7)), UPLOAD)
    assert table["number"].to_list() == [2, 4, 5, 6]
    assert table["scale"].to_list() == [None, 7, 7, 7]
    assert table["change"].to_list() == [None, -1160, 0, -64000]
    assert table["edge"].to_list() == [65161, 64201, 64201, 401]


def test_without_the_option_at_both_ends_nothing_is_scaled(tmp_path):
    assert advertised_windows(run_of(tmp_path, acks(None)), UPLOAD)["scale"].to_list() == [
        None,
        0,
        0,
        0,
    ]


def test_the_figure_shows_what_changed_and_is_drawn_on_demand_only(tmp_path):
    (figure,) = plot_run(run_of(tmp_path, acks(7)))
    svg = (tmp_path / figure.svg).read_text()
    for words in ("65,160", "x 128", "none", "-64,000", "upload: 3 ACKs"):
        assert words in svg, words
    assert WindowTable.on_demand


def test_a_long_table_is_thinned_and_says_so(tmp_path):
    rows = [
        *acks(7)[:2],
        *(
            row(number, "A", window=500 - number, window_bytes=128 * (500 - number), ack_rel=number)
            for number in range(3, 103)
        ),
    ]
    (figure,) = plot_run(run_of(tmp_path, rows, rows=10))
    svg = (tmp_path / figure.svg).read_text()
    assert "upload: 10 ACKs, 91 more left out" in svg
    assert "65,160" in svg and "h2-eth0\u00a0#102" in svg
