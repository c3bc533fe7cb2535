"""Tables of plots in the report: escaped, with headings, shades and links to packets."""

import polars as pl

from tcpexp.plots.kit.table import Column, Part, Row, Table
from tcpexp.plots.run import plot_run
from tcpexp.report.page.tables import table_html
from tcpexp.report.page.write import write_report
from tcpexp.store.frames import conform, schema_of
from tcpexp.views.packets import PacketLink
from tests.support.fake_run import make_plan, write_run
from tests.support.window_packets import UPLOAD, acks

TABLE = Table(
    (
        Part(
            (Column("n", "right"), Column("what")),
            (Row(("1", "<b>&")), Row(("2", "two"), True, (PacketLink("h1-eth0", 7),))),
            "Part <one>",
            "Note.",
        ),
    ),
    "All.",
)


def test_html_has_headings_cells_shades_links_and_notes():
    html = table_html(TABLE, "Title & more")
    for words in (
        "<h3>Title &amp; more</h3>",
        "<caption>Part &lt;one&gt;</caption>",
        '<th scope="col" class="n">n</th>',
        "<td>&lt;b&gt;&amp;</td>",
        '<tr class="shaded"><td class="n">2</td>',
        '<a href="raw/h1-eth0.pcap" data-capture="h1-eth0" data-packet="7"'
        ' title="wireshark -g 7 raw/h1-eth0.pcap">h1-eth0 #7</a>',
        "Note.",
        "All.",
    ):
        assert words in html, words
    assert html.count('<th scope="col"') == 3, "a column for the packets"


def test_the_report_shows_a_table_and_not_its_picture(tmp_path):
    schema = schema_of("packets")
    frame = pl.DataFrame(
        [{name: ack.get(name) for name in schema} for ack in acks(7)], schema=schema
    )
    run = write_run(
        tmp_path,
        make_plan(flows=(UPLOAD,), plots=({"window_table": {}},)),
        {"packets": conform(frame, "packets")},
    )
    plot_run(run)
    page = write_report(run).read_text()
    assert '<table class="view">' in page and "window on the wire</th>" in page
    assert 'href="figures/window_table.table.json"' in page
    assert "h2-eth0 #6</a>" in page
