"""The made-up run of the page's benchmark: as many packets as asked for, and a page can be written
from it.
"""

import page_cost
import polars as pl

from tcpexp.report.panels.build import panel_data


def test_the_made_up_run_has_what_was_asked_for(tmp_path):
    run = page_cost.make_run(tmp_path, 8000)
    packets, journeys = run.table("packets"), run.table("journeys")
    lost = journeys.filter(pl.col("copies") == 0).height
    # a lost segment is neither captured at h2 nor acknowledged
    assert packets.height == 8000 - 3 * lost and lost > 0
    data = panel_data(run)
    (connection,) = data.connections
    columns = data.tables[connection["id"]].columns
    assert len(columns["t"].values) == packets.filter(pl.col("node") == "h1").height
    assert int((columns["fate"].values == 1).sum()) == lost
