"""One run's panels, or two runs' on the same axes, as the page's script takes them."""

import json

import pytest

from tcpexp.report.panels.columns import unpack
from tcpexp.report.panels.pages import panel_pages
from tests.support.fake_run import shared_bottleneck


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return shared_bottleneck(tmp_path_factory.mktemp("run"), 2)


def test_a_run_is_described_and_its_columns_unpack(run):
    info, columns = panel_pages(run.path)
    place = info["tables"]["c0"]["columns"]["number"]["at"]
    assert json.loads(json.dumps(info)) == json.loads(json.dumps(panel_pages(run)[0]))
    assert set(unpack(columns, place)) <= set(run.table("packets")["number"].to_list())


def test_two_runs_are_drawn_over_each_other(run):
    info, _ = panel_pages(run.path, run)
    assert list(info["flows"]) == ["run A", "run B"]
    assert info["tables"]["B/c0"]["facts"]["folder"] == f"{run.path.name}/"
