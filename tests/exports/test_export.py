"""A run as CSV, Parquet and qlog: the same numbers as in its tables; in the guest."""

from __future__ import annotations

import csv
import json
from itertools import pairwise

import jsonschema
import polars as pl
import pytest

import tcpexp
from tcpexp.cli.main import main
from tcpexp.exports.write import export_run
from tests.support.qlogschema import SCHEMA

pytestmark = pytest.mark.guest


def test_csv_is_what_rfc_4180_says_and_the_tables_numbers(run, tmp_path):
    written = run.export("csv", out=tmp_path)
    names = {path.stem for path in written if path.suffix == ".csv"}
    assert names == {name for name in run.tables if run.table(name).height}
    data = (tmp_path / "packets.csv").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == run.table("packets").height + 1
    with (tmp_path / "packets.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    frame = run.table("packets")
    assert list(rows[0]) == frame.columns
    assert [int(row["t_ns"]) for row in rows] == frame["t_ns"].to_list()
    assert [row["mss"] for row in rows[:3]] == ["1460", "1460", ""]
    blocks = ["" if value is None else ";".join(map(str, value)) for value in frame["sack_blocks"]]
    assert [row["sack_blocks"] for row in rows] == blocks
    assert any(";" in block for block in blocks)


def test_columns_say_units_of_all_that_was_exported(run, tmp_path):
    run.export("csv", out=tmp_path, tables=["rtt"])
    run.export("parquet", out=tmp_path, tables=["packets"])
    meanings = json.loads((tmp_path / "columns.json").read_text())
    assert set(meanings) == {"rtt", "packets"}
    units = {column["name"]: column["unit"] for column in meanings["packets"]["columns"]}
    assert (units["rtt_ns"], units["payload_bytes"], units["src"]) == ("ns", "bytes", None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "columns.json",
        "packets.parquet",
        "rtt.csv",
    ]
    assert pl.read_parquet(tmp_path / "packets.parquet").equals(run.table("packets"))


@pytest.fixture(scope="module")
def qlog(run, tmp_path_factory):
    (path,) = export_run(run.data, "qlog", tmp_path_factory.mktemp("qlog"))
    assert path.name == "short.qlog"
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def traces(run, qlog):
    number = run.table("connections").filter(pl.col("flow") == "up")["connection"].item()
    found = [
        trace
        for trace in qlog["traces"]
        if trace["common_fields"]["group_id"] == f"connection {number}"
    ]
    assert [trace["vantage_point"] for trace in found] == [
        {"name": "h1", "type": "client"},
        {"name": "h2", "type": "server"},
    ]
    return found


def events(trace, name):
    return [event for event in trace["events"] if event["name"].endswith(name)]


def test_qlog_fits_the_schema(qlog):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(qlog, SCHEMA)
    for trace in qlog["traces"]:
        times = [event["time"] for event in trace["events"]]
        assert all(before <= after for before, after in pairwise(times))


def test_each_host_has_its_packets_numbered_as_the_sender_did(run, traces):
    client, server = traces
    packets = run.table("packets")
    for sender, receiver, node in ((client, server, "h1"), (server, client, "h2")):
        sent = [event["data"]["header"]["packet_number"] for event in events(sender, "packet_sent")]
        assert sent == list(range(len(sent)))
        arrived = events(receiver, "packet_received")
        numbers = [event["data"]["header"]["packet_number"] for event in arrived]
        assert set(numbers) <= set(sent)
        by_number = {
            event["data"]["header"]["packet_number"]: event
            for event in events(sender, "packet_sent")
        }
        for event in arrived:
            other = by_number[event["data"]["header"]["packet_number"]]
            assert event["time"] > other["time"]
            assert event["data"]["tcp"]["seq"] == other["data"]["tcp"]["seq"]
        shown = events(sender, "packet_sent") + events(sender, "packet_received")
        connection = int(sender["common_fields"]["group_id"].split()[1])
        mine = packets.filter((pl.col("connection") == connection) & (pl.col("node") == node))
        assert len(shown) == mine.height
        assert sum(event["data"]["raw"]["payload_length"] for event in shown) == (
            mine["payload_bytes"].sum()
        )


def ranges(event):
    return [
        pair
        for frame in event["data"]["frames"]
        if frame["frame_type"] == "ack"
        for pair in frame["acked_ranges"]
    ]


def test_every_packet_that_arrived_is_acknowledged_once(traces):
    client, server = traces
    acked = [
        number
        for event in events(client, "packet_received")
        for low, high in ranges(event)
        for number in range(low, high + 1)
    ]
    assert len(acked) == len(set(acked))
    # behind the last ACK the server closes, and answers with resets
    last = max(event["time"] for event in events(server, "packet_sent") if ranges(event))
    arrived = {
        event["data"]["header"]["packet_number"]: event["time"]
        for event in events(server, "packet_received")
        if event["data"]["raw"]["payload_length"] or {*"SF"} & {*event["data"]["tcp"]["flags"]}
    }
    assert set(acked) <= set(arrived)
    assert len(acked) >= 150
    assert all(arrived[number] > last for number in set(arrived) - set(acked))


def test_what_was_lost_was_sent_again_and_did_not_arrive(run, traces):
    client, server = traces
    lost = [event["data"]["header"]["packet_number"] for event in events(client, "packet_lost")]
    again = run.table("resent").filter(pl.col("kind") == "data")
    assert len(lost) == len(set(lost)) == again.height > 0
    arrived = {
        event["data"]["header"]["packet_number"] for event in events(server, "packet_received")
    }
    assert not arrived & set(lost)


def test_metrics_are_the_senders(run, traces):
    states = run.table("flow_states").filter(pl.col("flow") == "up")
    told = [
        event["data"]["congestion_window"]
        for event in events(traces[0], "metrics_updated")
        if "congestion_window" in event["data"]
    ]
    wanted = [cwnd * mss for cwnd, mss in states.select("cwnd", "mss").rows()]
    changes = [
        value for index, value in enumerate(wanted) if index == 0 or value != wanted[index - 1]
    ]
    assert told == changes
    rtts = [
        event["data"]["smoothed_rtt"]
        for event in events(traces[0], "metrics_updated")
        if "smoothed_rtt" in event["data"]
    ]
    assert 10 <= min(rtts) <= max(rtts) < 100, "milliseconds: 10 ms of path, 48 ms of queue"
    assert events(traces[0], "congestion_state_updated")


def test_the_command_writes_beside_the_run(run, capsys):
    assert main(["export", str(run.path), "--csv", "--qlog", "--table", "rtt"]) == 0
    folder = run.path.parent / f"{run.path.name}-export"
    assert capsys.readouterr().out.splitlines() == [
        str(folder / name) for name in ("rtt.csv", "columns.json", "short.qlog")
    ]
    assert tcpexp.load(run.path).id == run.id


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "export needs a format"),
        (["--csv", "--table", "rrt"], "did you mean 'rtt'"),
    ],
)
def test_mistakes(run, arguments, words, capsys):
    assert main(["export", str(run.path), *arguments]) == 2
    assert words in capsys.readouterr().err
    with pytest.raises(tcpexp.SpecError, match="qlog has no tables"):
        run.export("qlog", tables=["rtt"])
