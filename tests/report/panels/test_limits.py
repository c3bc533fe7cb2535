"""The strip under the time-sequence graph shows the table ``limits``."""

import polars as pl
import pytest

from tcpexp.diagnosis.limits import limits
from tcpexp.plan.types import FlowPlan
from tcpexp.plots.limits import Limits
from tcpexp.plots.sequence import Sequence
from tcpexp.report.panels.build import panel_data
from tcpexp.store.frames import write_table
from tcpexp.store.rundata import RunData
from tests.support.fake_run import make_plan, write_run
from tests.support.limited import MSS, Transfer


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An upload of which a small window is the limit, without the table."""
    packets, connections = Transfer(size=100_000, window=8 * MSS, lost=frozenset({20})).run()
    flow = FlowPlan("up", "h1", "h2", 5000, "h1", "", "up", "all", None, 0, None)
    named = [table.with_columns(flow=pl.lit("up")) for table in (packets, connections)]
    tables = {"packets": named[0].with_columns(node=pl.lit("h1")), "connections": named[1]}
    path = tmp_path_factory.mktemp("run")
    return write_run(path, make_plan(flows=(flow,), duration_ns=2_000_000_000), tables)


@pytest.fixture
def limited(bare):
    rows = limits(bare.table("packets"), bare.table("connections"))
    write_table(bare.path, "limits", rows)
    yield RunData(bare.path)
    (bare.path / "tables" / "limits.parquet").unlink()


def strip(data):
    return [panel for panel in data.panels if panel.id == "limits"]


def test_a_run_without_the_table_has_no_strip_and_a_figure_of_its_packets(bare):
    run = RunData(bare.path)
    assert strip(panel_data(run)) == []
    assert Limits().draw(run, Limits.resolve({})) is not None
    assert len(Sequence().draw(run, Sequence.resolve({})).axes) == 1


def test_each_interval_is_shown_with_its_limit_and_what_packets_show(limited):
    data = panel_data(limited)
    (panel,) = strip(data)
    (layer,) = panel.layers
    rows, columns = limited.table("limits"), data.tables[layer.table].columns
    assert panel.lanes == ("data",)
    assert columns["t"].values.tolist() == rows["from_ns"].to_list()
    words = [columns["code"].words[code] for code in columns["code"].values]
    assert words == [limit.replace("_", " ") for limit in rows["limit"]]
    assert [columns["why"].words[code] for code in columns["why"].values] == rows["why"].to_list()
    assert len(layer.palette) == len(set(rows["limit"]))
    assert all(name.startswith("--limit-") for name in layer.palette)
    assert [one.id for one in data.panels][:2] == ["sequence", "limits"]


def test_the_time_sequence_figure_has_the_strip_below_it(limited):
    figure = Sequence().draw(limited, Sequence.resolve({}))
    assert len(figure.axes) == 2
