"""The experiment ends at its end: what was recorded after it is in no table, and the raw files stay
whole.
"""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from tcpexp.ingest.ending import ENDS, SAMPLED, until_end
from tcpexp.ingest.ingest import ingest_run
from tcpexp.plan.types import to_json

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark"
)
END_NS = 1_350_000_000


def cut_at(run: Path, end_ns: int) -> None:
    engine = json.loads((run / "raw" / "engine.json").read_text())
    (run / "raw" / "engine.json").write_text(json.dumps({**engine, "end_ns": end_ns}))


def test_a_run_that_was_interrupted_has_no_samples_of_its_clean_up(lossy_run):
    """Recorded: samplers go on for a second behind an interruption, and the counters' last sample
    counted what is in no table.
    """
    (lossy_run / "raw" / "counters").mkdir(exist_ok=True)
    heads = "".join(
        f"# t_ns={at}000000000\nTcpExt: TCPTimeouts\nTcpExt: {at}\n" for at in (1, 2, 3)
    )
    (lossy_run / "raw" / "counters" / "h1.txt").write_text(heads)
    end_ns = 2_000_000_000
    cut_at(lossy_run, end_ns)
    assert ingest_run(lossy_run).table("counters")["t_ns"].max() == 3_000_000_000
    engine = json.loads((lossy_run / "raw" / "engine.json").read_text())
    (lossy_run / "raw" / "engine.json").write_text(json.dumps({**engine, "status": "interrupted"}))
    run = ingest_run(lossy_run)
    for name in SAMPLED:
        assert run.table(name).filter(pl.col("t_ns") >= end_ns).is_empty(), name


def test_nothing_after_the_end_is_in_a_table(lossy_run):
    whole = ingest_run(lossy_run)
    packets, bulk = (
        whole.table("packets"),
        whole.table("connections").filter(pl.col("flow") == "bulk"),
    )
    between = (bulk["established_ns"][0] + bulk["end_ns"][0]) // 2
    assert packets["t_ns"].max() > between
    before = {path.name: path.read_bytes() for path in (lossy_run / "raw").glob("*.pcap")}
    cut_at(lossy_run, between)
    run = ingest_run(lossy_run)
    assert run.end_ns == between
    assert run.table("packets").rows() == packets.filter(pl.col("t_ns") < between).rows()
    for name in ("throughput", "rtt", *ENDS):
        assert run.table(name).filter(pl.col("t_ns") >= between).is_empty(), name
    assert 0 < run.table("throughput")["goodput_bytes"].sum() < 200_000
    ends = run.table("throughput")["t_ns"] + run.table("throughput")["interval_ns"]
    assert ends.max() <= between
    assert run.table("connections").filter(pl.col("flow") == "bulk").select(
        "end_ns", "first_fin_ns"
    ).rows() == [(None, None)]
    assert {path.name: path.read_bytes() for path in (lossy_run / "raw").glob("*.pcap")} == before


def test_what_is_under_way_at_the_end_is_not_lost(lossy_run):
    journeys = ingest_run(lossy_run).table("journeys").filter(pl.col("copies") > 0)
    sent, received = (
        journeys.row(journeys.height // 2, named=True)["sent_ns"],
        journeys.row(journeys.height // 2, named=True)["received_ns"],
    )
    cut_at(lossy_run, (sent + received) // 2 + 1)
    late = ingest_run(lossy_run).table("journeys").filter(pl.col("sent_ns") == sent)
    assert late["received_ns"].to_list() == [received]


def test_an_engine_that_was_late_does_not_prolong_the_experiment(lossy_run, plans):
    make_plan, flow = plans
    (lossy_run / "plan.json").write_text(to_json(make_plan([flow()], duration_ns=END_NS)))
    assert ingest_run(lossy_run).end_ns == END_NS


def test_the_end_itself_is_outside():
    assert until_end(pl.DataFrame({"t_ns": [-1, 0, 9, 10, 11]}), 10)["t_ns"].to_list() == [-1, 0, 9]
