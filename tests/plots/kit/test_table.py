"""Tables as results of plots: the JSON, the picture, and what a run directory holds of them."""

import json

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.errors import DataError
from tcpexp.plots.base import Plot
from tcpexp.plots.kit.style import WIDTH
from tcpexp.plots.kit.table import Column, Part, Row, Table, spread, table_from_json
from tcpexp.plots.kit.tabledraw import GAP, MARGIN, column_widths, draw_table, wrapped
from tcpexp.plots.run import plot_run
from tcpexp.views.packets import PacketLink
from tests.support.fake_run import make_plan, write_run

LONG = "a sentence with so many words that it cannot stand on one line of a column " * 3
TABLE = Table(
    (
        Part(
            (Column("n", "right"), Column("what it means")),
            (
                Row(("1", "plain $5 & <b>")),
                Row(("2", LONG.strip()), shaded=True, packets=(PacketLink("h1-eth0", 7),)),
            ),
            title="First part",
            note="A note.",
        ),
        Part((Column("only"),), (Row(("cell",)),)),
    ),
    note="On both.",
)


class Shown(Plot):
    """A table of nothing in particular."""

    name = "shown"
    title = "Shown"

    def draw(self, run, options):
        return TABLE


def test_json_holds_everything():
    assert table_from_json(TABLE.to_json()) == TABLE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parts": [{"rows": []}], "note": ""}'])
def test_what_is_no_table_is_refused(text):
    with pytest.raises(DataError, match="not a table"):
        table_from_json(text)


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="2 cells under 1 headings"):
        Part((Column("one"),), (Row(("a", "b")),))


def test_a_plot_that_returns_a_table_leaves_json_and_pictures(tmp_path):
    catalogue = load_catalogue()
    catalogue.add(Shown)
    run = write_run(tmp_path, make_plan(plots=({"shown": {}},)), {})
    (figure,) = plot_run(run, catalogue)
    assert figure.table == "figures/shown.table.json"
    assert table_from_json((tmp_path / figure.table).read_text()) == TABLE
    assert (
        json.loads((tmp_path / "figures/index.json").read_text())["figures"][0]["table"]
        == figure.table
    )
    svg = (tmp_path / figure.svg).read_text()
    for words in (
        "First part",
        "what it means",
        "plain $5 &amp; &lt;b&gt;",
        "h1-eth0\u00a0#7",
        "A note.",
        "On both.",
    ):
        assert words in svg, words
    plot_run(write_run(tmp_path, make_plan(plots=({"rtt": {}},)), {}), catalogue)
    assert not (tmp_path / figure.table).exists(), "tables of an earlier call are removed"


def test_columns_of_words_are_narrowed_until_all_fit():
    columns = (Column("n", "right"), Column("words"), Column("short"))
    widths = column_widths(columns, [("1,234,567", LONG, "yes")])
    assert sum(widths) + 2 * GAP <= WIDTH - 2 * MARGIN
    assert widths[0] > 0.5 and widths[1] > widths[2]


def test_a_long_text_is_wrapped_between_words():
    lines = wrapped(LONG.strip(), 2.0)
    assert len(lines) > 3 and " ".join(lines) == LONG.strip()


def test_the_picture_is_as_high_as_its_rows_need():
    low = Table((Part((Column("a"),), (Row(("1",)),)),))
    high = Table((Part((Column("a"),), tuple(Row((str(number),)) for number in range(20))),))
    assert (
        draw_table(high, "t").get_size_inches()[1] > draw_table(low, "t").get_size_inches()[1] + 3
    )


def test_spread_keeps_the_first_and_the_last():
    assert spread(range(100), 4) == [0, 33, 66, 99]
    assert spread(range(3), 4) == [0, 1, 2]
