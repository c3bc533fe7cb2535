"""The whole way from ``raw/`` to tables, on real captures."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from tcpexp.errors import DataError
from tcpexp.ingest.ingest import ingest_run
from tcpexp.plan.types import to_json
from tcpexp.record.tables import ON_REQUEST, TABLES
from tcpexp.store.frames import schema_of

TRACE = Path(__file__).parent / "data" / "linux-6.1-trace"
pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark"
)


def test_every_table_is_written_with_its_schema(ingested):
    assert not (ingested.path / "tables" / "complaints.parquet").exists()  # no check asks for it
    for name in TABLES.keys() - ON_REQUEST:
        assert (ingested.path / "tables" / f"{name}.parquet").is_file()
        assert dict(ingested.table(name).schema) == schema_of(name)


def test_connections(ingested):
    rows = ingested.table("connections")
    control, bulk, refused = rows.to_dicts()
    assert [row["client_port"] for row in (control, bulk, refused)] == [44244, 44250, 52952]
    assert (control["flow"], bulk["flow"], refused["flow"]) == (None, "bulk", None)
    assert (control["client"], control["server"], control["server_port"], control["capture"]) == (
        "h1",
        "h2",
        5201,
        "h1-eth0",
    )
    assert (bulk["bytes_to_server"], bulk["bytes_to_client"], control["bytes_to_server"]) == (
        200_000,
        0,
        5,
    )
    assert (bulk["syn_count"], bulk["synack_count"], bulk["first_closer"], bulk["reset_by"]) == (
        1,
        1,
        "h1",
        None,
    )
    assert bulk["syn_ns"] < bulk["established_ns"] < bulk["first_fin_ns"] < bulk["end_ns"]
    assert (control["syn_ns"], control["established_ns"]) == (848_628_691, 848_699_640)
    assert (refused["established_ns"], refused["reset_by"], refused["end_ns"] is not None) == (
        None,
        "h2",
        True,
    )


def test_packets_know_their_flow_and_node(ingested):
    packets = ingested.table("packets")
    assert packets.select("capture", "node").unique().sort("capture").rows() == [
        ("h1-eth0", "h1"),
        ("h2-eth0", "h2"),
    ]
    ports = packets.filter(pl.col("flow") == "bulk").select(
        pl.min_horizontal("src_port", "dst_port"),
        pl.max_horizontal("src_port", "dst_port").alias("b"),
    )
    assert ports.unique().rows() == [(5201, 44250)]
    assert (
        packets.filter(
            (pl.col("flow") == "bulk") & (pl.col("node") == "h1") & (pl.col("payload_bytes") > 0)
        ).height
        == 145
    )


def test_goodput_counts_every_byte_once(ingested):
    rows = ingested.table("throughput")
    assert rows["flow"].unique().to_list() == ["bulk"]
    assert rows["goodput_bytes"].sum() == 200_000
    assert rows["payload_bytes"].sum() == 200_000
    assert (rows["t_ns"] % 100_000_000).unique().to_list() == [0]


def test_journeys_find_the_lost_packets(ingested):
    rows = ingested.table("journeys")
    there = rows.filter((pl.col("from_node") == "h1") & (pl.col("to_node") == "h2"))
    lost = there.filter(pl.col("copies") == 0)
    # 146 segments with data left h1, 140 arrived at h2 (counted with tshark -Y)
    assert lost.height == 6
    assert lost["frame_bytes"].unique().to_list() == [1514]
    assert set(there["copies"]) == {0, 1}
    back = rows.filter(pl.col("from_node") == "h2")
    assert back.filter(pl.col("copies") == 0).height == 0
    arrived = rows.filter(pl.col("copies") == 1)
    assert (arrived["received_ns"] >= arrived["sent_ns"]).all()
    assert not rows["changed"].any()


def test_rtt_leaves_retransmissions_out(ingested):
    rtt = ingested.table("rtt")
    assert rtt.height >= 80  # 145 segments, 6 of them lost, those behind a loss timed by SACK
    assert rtt["rtt_ns"].max() < 1_000_000
    assert rtt["rtt_ns"].min() > 0
    wireshark = (
        ingested.table("packets")
        .filter((pl.col("flow") == "bulk") & (pl.col("node") == "h1") & (pl.col("ack_rel") > 1))[
            "rtt_ns"
        ]
        .drop_nulls()
    )
    assert rtt["rtt_ns"].min() >= wireshark.min()


def test_all_connections_of_a_flow_that_says_so(lossy_run, plans):
    make_plan, flow = plans
    (lossy_run / "plan.json").write_text(to_json(make_plan([flow(data="all")])))
    run = ingest_run(lossy_run)
    assert run.table("connections")["flow"].to_list() == ["bulk", "bulk", None]
    assert run.table("throughput")["goodput_bytes"].sum() == 200_005


def test_flows_that_share_a_port_are_told_apart_by_their_start(lossy_run, plans):
    make_plan, flow = plans
    second = 848_860_000  # between the two SYNs
    flows = [flow("early", data="all"), flow("late", data="all", start_ns=second)]
    (lossy_run / "plan.json").write_text(to_json(make_plan(flows)))
    assert ingest_run(lossy_run).table("connections")["flow"].to_list() == ["early", "late", None]


def test_only_the_servers_capture(lossy_run):
    (lossy_run / "raw" / "h1-eth0.pcap").unlink()
    run = ingest_run(lossy_run)
    assert run.table("connections").select("capture", "client", "flow").row(1) == (
        "h2-eth0",
        "h1",
        "bulk",
    )
    assert run.table("throughput")["goodput_bytes"].sum() == 200_000
    assert run.table("journeys").height == 0
    assert run.table("rtt").height == 0


def test_a_run_that_left_almost_nothing(lossy_run):
    for path in (lossy_run / "raw").iterdir():
        path.unlink()
    run = ingest_run(lossy_run)
    assert all(not run.has(name) for name in TABLES)


def test_a_run_that_was_killed_before_it_said_when_it_began(lossy_run):
    (lossy_run / "raw" / "engine.json").unlink()
    times = ingest_run(lossy_run).table("packets")["t_ns"]
    assert times.min() == 0


def test_ss_iperf3_and_counters_are_attributed(lossy_run):
    raw = lossy_run / "raw"
    (raw / "ss").mkdir()
    head = "ESTAB 0 10 10.0.1.1:44250 10.0.2.1:5201\n\t cubic rto:204 cwnd:12\n"
    (raw / "ss" / "h1.txt").write_text(f"# t_ns=5\n{head}LISTEN 0 10 *:5201 *:*\n")
    (raw / "counters").mkdir()
    (raw / "counters" / "h2.txt").write_text("# t_ns=0\nTcp: A\nTcp: 1\n")
    (raw / "logs").mkdir()
    report = {
        "start": {
            "connecting_to": {"port": 5201},
            "connected": [{"local_port": 44250, "remote_port": 5201}],
        },
        "intervals": [{"streams": [{"socket": 5, "start": 0, "end": 1, "bytes": 7}]}],
    }
    (raw / "logs" / "a00.out").write_text(json.dumps(report))
    (raw / "logs" / "a01.out").write_text("not iperf3")
    run = ingest_run(lossy_run)
    assert run.table("sockets").select("node", "flow", "cwnd").rows() == [
        ("h1", "bulk", 12),
        ("h1", None, None),
    ]
    established = run.table("connections").row(1, named=True)["established_ns"]
    assert run.table("iperf3").select("flow", "t_ns", "bytes").rows() == [("bulk", established, 7)]
    assert run.table("counters").rows() == [(0, "h2", "Tcp.A", 1)]


def test_a_damaged_file_is_named(lossy_run):
    (lossy_run / "raw" / "qdisc.jsonl").write_text("oops\n{}\n")
    with pytest.raises(DataError, match=r"qdisc\.jsonl:1"):
        ingest_run(lossy_run)


def test_not_a_run(tmp_path):
    with pytest.raises(DataError, match=r"plan\.json"):
        ingest_run(tmp_path)


def test_the_kernels_trace_is_attributed_and_a_listener_is_where_its_flows_server_is(
    lossy_run, plans
):
    make_plan, flow = plans
    shutil.copytree(TRACE, lossy_run / "raw" / "trace")
    (lossy_run / "plan.json").write_text(
        to_json(make_plan([flow("get", port=80, data="all")], duration_ns=10**18))
    )
    engine = json.loads((lossy_run / "raw" / "engine.json").read_text())
    (lossy_run / "raw" / "engine.json").write_text(json.dumps({**engine, "end_ns": 10**18}))
    states = ingest_run(lossy_run).table("states")
    assert states.filter(pl.col("new_state") == "LISTEN").select("node", "local_port").rows() == [
        ("h2", 80)
    ]
