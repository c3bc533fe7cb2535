"""The expert summary of a real capture."""

import pytest

from tcpexp.analysis.derive import derive_tables
from tcpexp.ingest.ingest import ingest_run
from tcpexp.views.expert import FEW, GRADES, expert_summary
from tests.support.lossy_run import make_lossy_run
from tests.support.run_builder import RunBuilder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = ingest_run(make_lossy_run(tmp_path_factory.mktemp("expert")))
    derive_tables(run)
    return run


def test_every_label_is_counted(run):
    packets = run.table("packets").filter(capture="h1-eth0")
    rows = {row["filter"]: row for row in expert_summary(run, "h1-eth0")}
    counts = dict(packets["labels"].explode().drop_nulls().value_counts().iter_rows())
    assert {name: rows[f"tcp.analysis.{name}"]["count"] for name in counts} == counts != {}
    syns = packets.filter(packets["flags"] == "S")["number"].to_list()
    assert rows["syn and not ack"]["first"] == syns[:FEW]


def test_the_gravest_is_first(run):
    rows = expert_summary(run, "h2-eth0")
    grades = [GRADES.index(row["grade"]) for row in rows]
    assert grades == sorted(grades)
    assert all(row["count"] >= len(row["first"]) > 0 for row in rows)


def test_a_capture_without_packets_has_nothing(tmp_path):
    assert expert_summary(RunBuilder(tmp_path).done(), "h1-eth0") == []
